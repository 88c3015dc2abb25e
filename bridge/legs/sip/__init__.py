"""Native SIP calls: the stack lives in a process of its own (`process`), the bridge keeps it at work (`link`)."""
