"""What the dashboard needs of the server beyond the call log: its page, and to hear a call."""
