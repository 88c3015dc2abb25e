"""The real recogniser, bot and voice in a replay: what they take by the clock on the wall, they take in the call."""
