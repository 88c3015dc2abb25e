"""Calls that clients order: of one server in its memory, of several in the database that they share."""
