"""The options themselves, by what they are for: name, type, default, unit, range and the reason for the default."""
