"""Who holds the floor: end of turn, barge-in, backchannels, speculation, silent callers. Pure: time is an argument."""
