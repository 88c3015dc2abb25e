"""The record of every call: what is kept of it, where, and for how long."""
