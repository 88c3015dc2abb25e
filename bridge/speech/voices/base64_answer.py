"""Audio that comes as base64 in JSON: in one document, in lines, or in server-sent events. Pure."""

import base64
import json
from collections.abc import Iterator
from typing import Final

from bridge.speech.api import EngineFailed
from bridge.speech.remote.refusals import complaint

_LONGEST: Final = 16 << 20
"""Bytes of a document, or of a line: two minutes of 24 kHz."""


class Base64Answer:
    """Takes the bytes of one answer; gives the audio in it, piece by piece."""

    def __init__(self, field: str, *, lines: bool) -> None:
        """`field`: names and numbers with dots between. `lines`: each line is a document."""
        self._road, self._lines = field.split("."), lines
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the pieces that `data` completes.

        Raises:
            EngineFailed: an error stands where audio should, or what came is no JSON or no base64.
        """
        *whole, rest = data.split(b"\n") if self._lines else (data,)
        for line in whole:
            self._held += line
            yield from self._piece()
        self._held += rest
        if len(self._held) > _LONGEST:
            raise EngineFailed(f"answers a document longer than {_LONGEST} bytes")

    def flush(self) -> Iterator[bytes]:
        """Yield what is in the last line, or in the whole."""
        yield from self._piece()

    def _piece(self) -> Iterator[bytes]:
        line, self._held = bytes(self._held).strip(), bytearray()
        if self._lines:
            line = line.removeprefix(b"data:").strip()
            if not line.startswith((b"{", b"[{")):  # the names and numbers of events, comments, [DONE]
                return
        if not line:
            return
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise EngineFailed(f"answers no JSON: {complaint(line)}") from error
        found = _at(document, self._road)
        if isinstance(found, str):
            try:
                yield base64.b64decode(found, validate=True)
            except ValueError as error:  # of which binascii.Error is one; the other is for text beyond ASCII
                raise EngineFailed(f"{'.'.join(self._road)} of its answer is no base64: {found[:40]!r}") from error
        elif not self._lines or (isinstance(document, dict) and document.get("error")):
            raise EngineFailed(f"answers without audio: {complaint(line)}")


def _at(document: object, road: list[str]) -> object:
    for name in road:
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document
