"""Virtual time for tests: bridge/replay/virtual_time.py."""

from bridge.replay.virtual_time import VirtualLoop, run

__all__ = ["VirtualLoop", "run"]
