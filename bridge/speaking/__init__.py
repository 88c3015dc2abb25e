"""What the bot says: text to marked audio, what was heard of it, and the actions of a reply."""
