"""What a worker and the process of the engines say to each other, over a Unix socket.

    4 bytes: length of the head, 4 bytes: length of the audio, the head as JSON, the audio as float32 at 16 kHz

to the engines      {"ask": 7, "request": {...}} with audio, {"give_up": 7}, {"healthy": 8}
from the engines    {"about": {...}} first, then {"answer": 7, "heard": {...}}, {"answer": 7, "refused": [...]},
                    {"answer": 8, "healthy": true}
"""

import asyncio
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Final

import numpy as np

from bridge.speech.api import (
    AsrCapabilities,
    BadRequest,
    DeadlineExceeded,
    Ended,
    EngineFailed,
    EngineLost,
    Hypothesis,
    MarksAhead,
    Overloaded,
    Request,
    Samples,
    SpeechError,
    Standing,
    UnsupportedLanguage,
)

_LENGTHS: Final = struct.Struct("!II")
_MOST_BYTES: Final = 1 << 26
NO_AUDIO: Final = np.zeros(0, np.float32)
_ERRORS: Final[Mapping[str, type[SpeechError]]] = {
    kind.__name__: kind for kind in (BadRequest, UnsupportedLanguage, EngineFailed, EngineLost, DeadlineExceeded)
}


class BadMessage(Exception):
    """What came is no message of ours."""


def packed(head: Mapping[str, object], audio: Samples = NO_AUDIO) -> bytes:
    """Return a message."""
    text, sound = json.dumps(head).encode(), np.ascontiguousarray(audio, np.float32).tobytes()
    return _LENGTHS.pack(len(text), len(sound)) + text + sound


async def received(reader: asyncio.StreamReader) -> tuple[dict[str, Any], Samples]:
    """Return the next message, its audio read only.

    Raises:
        BadMessage: it is none. asyncio.IncompleteReadError: the other side is gone.
    """
    head_bytes, audio_bytes = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    if head_bytes + audio_bytes > _MOST_BYTES or audio_bytes % 4:
        raise BadMessage(f"a message of {head_bytes} and {audio_bytes} bytes")
    head, sound = await reader.readexactly(head_bytes), await reader.readexactly(audio_bytes)
    try:
        told = json.loads(head)
    except (ValueError, RecursionError) as error:
        raise BadMessage(str(error)) from error
    if not isinstance(told, dict):
        raise BadMessage(f"no object: {head[:60]!r}")
    return told, np.frombuffer(sound, np.float32)


def asked(request: Request) -> dict[str, object]:
    """Return `request` without its audio, as JSON has it."""
    return {each.name: getattr(request, each.name) for each in fields(request) if each.name != "audio"}


def request_of(told: Mapping[str, Any], audio: Samples) -> Request:
    """Return the request that `asked` took apart."""
    restored = {"standing": Standing(told["standing"]), "languages": tuple(told["languages"])}
    return Request(**{**told, **restored, "audio": audio})


def heard(hypothesis: Hypothesis) -> dict[str, object]:
    """Return `hypothesis` as JSON has it."""
    return asdict(hypothesis)


def hypothesis_of(told: Mapping[str, Any]) -> Hypothesis:
    """Return the hypothesis that `heard` took apart."""
    words = [(str(word), int(begin), int(end)) for word, begin, end in told["words"]]
    marks = MarksAhead(**told["marks"]) if told["marks"] else None
    return Hypothesis(**{**told, "ended": Ended(told["ended"]), "words": words, "marks": marks})


def refused(error: SpeechError) -> list[object]:
    """Return `error` as JSON has it."""
    return [type(error).__name__, str(error), getattr(error, "retry_after_s", None)]


def error_of(told: list[Any]) -> SpeechError:
    """Return the error that `refused` took apart."""
    name, text, retry_after_s = told
    if name == Overloaded.__name__:
        return Overloaded(text, retry_after_s=retry_after_s)
    return _ERRORS.get(name, EngineFailed)(text)


def about(name: str, device: str, capabilities: AsrCapabilities) -> dict[str, object]:
    """Return what a recogniser is, as JSON has it."""
    languages = capabilities.languages
    told = {**asdict(capabilities), "languages": None if languages is None else sorted(languages)}
    return {"name": name, "device": device, "capabilities": told}


def capabilities_of(told: Mapping[str, Any]) -> AsrCapabilities:
    """Return the capabilities that `about` took apart; the engines' own process orders what waits for them."""
    languages = told["languages"]
    known = None if languages is None else frozenset(languages)
    return AsrCapabilities(**{**told, "languages": known, "at_once": None})
