"""Calls that an Asterisk hands over through its REST interface (ARI)."""
