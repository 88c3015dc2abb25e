"""A form with a file in it, within limits of size and time, and the sound of that file."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import BodyPartReader, hdrs, web

from bot.webhook.audio_files import as_wav
from bridge.admission.refusals import Why
from bridge.server.access.refused import Malformed, TooSlow
from bridge.speaking.wav import samples_of
from bridge.speech.api import SAMPLE_RATE, Samples

_CHUNK_S: Final = 10.0
"""Within which the next piece of a body must come."""
_WHOLE_S: Final = 120.0
"""For all of it: 25 MB at 2 Mbit/s take 100 s."""
_LONGEST_S: Final = 3600.0
"""Of audio."""
_MOST_FIELDS: Final = 50
_FIELD_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """What a form held."""

    file: bytes = b""
    fields: Mapping[str, list[str]] = field(default_factory=dict)

    def last(self, name: str, default: str = "") -> str:
        """Return the value of a field, the last where it is there several times."""
        return self.fields.get(name, [default])[-1]


async def read_upload(request: web.Request, *, most_bytes: int) -> Upload:
    """Return a form of fields and one file, which is called `file`.

    Raises:
        Malformed: it is none, or is broken. TooSlow: it does not come.
        web.HTTPRequestEntityTooLarge: the file has more than `most_bytes`, or something else is too large.
    """
    if request.content_type != "multipart/form-data" or "boundary=" not in request.headers.get(hdrs.CONTENT_TYPE, ""):
        raise Malformed(Why.MALFORMED, "send multipart/form-data with the audio as its field `file`")
    try:
        async with asyncio.timeout(_WHOLE_S):
            return await _read(request, most_bytes)
    except TimeoutError:
        raise TooSlow(Why.SLOW, f"the file was not here in {_WHOLE_S:g} s, or stood still for {_CHUNK_S:g} s") from None
    except (ValueError, AssertionError, web.RequestPayloadError) as error:  # aiohttp asserts what a peer may break
        raise Malformed(Why.MALFORMED, f"the form cannot be read: {error}") from None


async def _read(request: web.Request, most_bytes: int) -> Upload:
    file, found, fields = b"", False, dict[str, list[str]]()
    reader = await request.multipart()
    for _ in range(_MOST_FIELDS):
        async with asyncio.timeout(_CHUNK_S):
            part = await reader.next()
        if part is None:
            if not found:
                raise ValueError("there is no field `file`")
            return Upload(file, fields)
        if not isinstance(part, BodyPartReader) or not part.name:
            raise ValueError("a part has no name")
        if part.name == "file":
            file, found = await _body(part, most_bytes), True
        else:
            value = (await _body(part, _FIELD_BYTES)).decode()
            fields.setdefault(part.name.removesuffix("[]")[:100], []).append(value)
    raise ValueError(f"it has more than {_MOST_FIELDS} parts")


async def _body(part: BodyPartReader, most_bytes: int) -> bytes:
    body = bytearray()
    while not part.at_eof():
        async with asyncio.timeout(_CHUNK_S):
            body += await part.read_chunk(65_536)
        if len(body) > most_bytes:
            raise web.HTTPRequestEntityTooLarge(most_bytes, len(body))
    return bytes(body)


async def sound_of(upload: Upload) -> Samples:
    """Return the audio of the file: 16 kHz, its channels mixed.

    Raises:
        web.HTTPBadRequest: it is no audio that is read here.
    """
    try:
        return await asyncio.to_thread(_sound, upload.file)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"field file: {error}") from None


def _sound(file: bytes) -> Samples:
    return samples_of(as_wav(file), SAMPLE_RATE, longest_s=_LONGEST_S)
