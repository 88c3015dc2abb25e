"""Calls that we place: who may be called, when, and who answered."""
