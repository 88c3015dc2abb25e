"""The telephone behind `bridge call`: it says recordings as a carrier would, and notes what a caller notices."""
