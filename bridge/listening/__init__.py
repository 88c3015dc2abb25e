"""Calls that have no bot and are only listened to: what both sides say, told to a hook and to listeners."""
