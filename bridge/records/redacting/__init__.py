"""What is taken out of the entries of a call, also of those that were handed on, written or sent before."""
