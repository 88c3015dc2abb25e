"""Sans-I/O wires: one file a wire format, one vocabulary of events and commands for all of them."""
