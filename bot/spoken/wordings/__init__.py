"""How figures, signs and units are said, a file a language."""
