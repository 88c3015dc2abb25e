"""A call that was kept runs again, in virtual time, and shows what it does otherwise: docs/replay.md."""
