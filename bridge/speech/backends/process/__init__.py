"""A child process that works for the bridge: both ends of it, and what they send each other."""
