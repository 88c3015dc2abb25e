"""What programs ask of a server over HTTP: its calls, those on the line and those that were."""
