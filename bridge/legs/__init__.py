"""The caller's side as I/O, one module a kind of transport."""
