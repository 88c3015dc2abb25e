"""Where entries end up, as those see it who bring them there."""

from collections.abc import Collection, Sequence
from typing import Protocol

from bridge.records.entries import Entry


class DatabaseFailed(Exception):
    """The database cannot be reached, or refuses. The text says what it said."""


class Shelf(Protocol):
    """Keeps entries for good. A `Database` is one."""

    async def write(self, entries: Sequence[Entry], /) -> None:
        """Write `entries`; those that are there already, and what was deleted since, are left out.

        Raises:
            DatabaseFailed: none was written.
        """

    async def end(self, records: Collection[str], /) -> None:
        """Write the end of those of `records` that have none: the process that carried them is gone.

        Raises:
            DatabaseFailed: none was written.
        """
