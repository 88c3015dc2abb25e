"""The workers of a server on one machine: processes that share its port, and the one that looks after them."""
