"""Calls of every kind on every wire, and the books that have to agree after them: bench/soak.py runs it."""
