"""Who may come in: the lines of a server, and the trace of who was refused."""
