"""Twilio beside its media stream: its REST API, and handing a caller over by it."""
