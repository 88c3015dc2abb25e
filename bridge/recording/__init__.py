"""Recordings of calls: both sides on the call's media clock, written while it runs, never in the way of its audio."""
