"""Bots tested like software: scenarios, the simulated caller who plays them, and what is judged of each call."""
