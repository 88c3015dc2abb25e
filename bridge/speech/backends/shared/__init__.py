"""Engines in a process of their own that several workers of a server ask: loaded once for all of them."""
