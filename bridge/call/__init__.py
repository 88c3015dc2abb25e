"""One call: session, conversation, transcripts, prompts and keys."""
