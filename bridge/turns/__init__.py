"""Who holds the floor. Pure: time is an argument."""
