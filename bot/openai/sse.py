"""Server-sent events, as far as chat completions use them. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

_LONGEST: Final = 1 << 20
"""Bytes of one event: more than any server writes, little enough to keep."""


class EventStream:
    """Cuts a response into the data of its events.

    Lines end in any of the three ways that the standard knows. Comments, which servers send to keep a connection open,
    and fields other than `data` are skipped.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, payload: bytes) -> Sequence[str]:
        """Return the data of each event that is whole with `payload`.

        Raises:
            ValueError: an event without an end, or what is no UTF-8.
        """
        self._rest += payload
        found = list(self._events())
        if len(self._rest) + sum(map(len, self._data)) > _LONGEST:
            raise ValueError(f"an event of more than {_LONGEST} bytes")
        return found

    def end(self) -> Sequence[str]:
        """Return the data of an event that the response ended in: some servers leave the last empty line out."""
        return self.feed(b"\n\n")

    def _events(self) -> Iterator[str]:
        while (line := self._line()) is not None:
            field, _, value = line.partition(b":")
            if field == b"data":
                self._data.append(value.removeprefix(b" "))
            elif not line and self._data:
                data, self._data = b"\n".join(self._data), []
                yield data.decode()

    def _line(self) -> bytes | None:
        """Take the next whole line, None where there is none. A CR at the end may be half of a line's end."""
        ends = [at for at in (self._rest.find(b"\n"), self._rest.find(b"\r")) if at >= 0]
        if not ends or (self._rest[(at := min(ends))] == 13 and at + 1 == len(self._rest)):
            return None
        line, end = self._rest[:at], 2 if self._rest[at : at + 2] == b"\r\n" else 1
        self._rest = self._rest[at + end :]
        return line
