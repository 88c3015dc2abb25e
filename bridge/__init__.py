"""Voice bridge: phone calls in, a pipeline you can read, a bot's answer out."""
