"""A worker among others of one server: what it asks them, what it gives them, and what it answers for all of them."""
