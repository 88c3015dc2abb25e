"""What a call was made of, kept as it happens: docs/replay.md."""
