"""Several engines as one recogniser that survives the loss of some."""

from bridge.speech.pool.pool import Pool

__all__ = ["Pool"]
