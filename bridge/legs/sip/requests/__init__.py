"""What comes over SIP before the stack acts on it: who calls, keys by INFO, passwords, transfers that are asked of us."""
