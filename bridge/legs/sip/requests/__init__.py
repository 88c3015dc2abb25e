"""What comes over SIP before the stack acts on it: who calls, keys by INFO, passwords, transfers asked of us."""
