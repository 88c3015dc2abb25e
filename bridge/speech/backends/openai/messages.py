"""What an OpenAI-compatible server is asked, and what it answers. Pure.

Answers are read leniently where servers differ and strictly where a wrong guess would become a wrong transcript.
"""

import base64
import math
import re
import secrets
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from pydantic_core import to_json

from bridge.speech.api import SAMPLE_RATE, Ended, MarksAhead, Request, Samples
from bridge.speech.backends import qwen3
from bridge.speech.backends.marks import marks_ahead
from bridge.speech.backends.openai.shapes import Chat, Token, Transcript, Usage, read
from bridge.speech.backends.repetition import loop_end
from bridge.speech.languages import Known, code_of

LOOP: Final[Mapping[str, int]] = {"min_pattern_size": 4, "max_pattern_size": 16, "min_count": 4}
"""Stops what `loop_end` then cuts: the same thing four times in a row, sixteen tokens at least."""

_SPACELESS: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and ideographs: scripts in which every character is a place to cut."""
_WORD: Final = re.compile(rf"\s*(?:[{_SPACELESS}]|[^\s{_SPACELESS}]+)|\s+")


_ENDS: Final = {"length": Ended.LENGTH, "repetition": Ended.REPETITION}


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of the audio of one decode."""

    audio: Samples | None
    """The samples; None if the server has them already."""
    name: str | None = None
    """Name under which the server remembers it; None while it still grows."""


@dataclass(frozen=True, slots=True)
class RawTranscript:
    """What was heard, still in the model's own words."""

    pieces: tuple[str, ...]
    ended: Ended = Ended.STOP
    cached_tokens: int = 0
    prompt_tokens: int = 0
    language: str = ""
    """English name, where the server tells it beside the text."""
    marks: MarksAhead | None = None
    """What is expected behind the last word, where the server tells it."""


def wav(audio: Samples) -> bytes:
    """Return `audio` as a WAV file of 16 bits: half the size of float32, and what every server reads."""
    pcm = np.clip(np.rint(audio * 32768), -32768, 32767).astype("<i2").tobytes()
    riff = struct.pack("<4sI4s", b"RIFF", 36 + len(pcm), b"WAVE")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
    return riff + form + struct.pack("<4sI", b"data", len(pcm)) + pcm


def chat(request: Request, sounds: Sequence[Sound], *, model: str) -> dict[str, object]:
    """Return the body of a chat completion that continues `request.prefix`, without anything optional."""
    opening = qwen3.opening(request.language, request.prefix)
    messages: list[dict[str, object]] = [
        {"role": "system", "content": _writable(qwen3.plain(request.context))},
        {"role": "user", "content": [_part(sound) for sound in sounds]},
    ]
    if opening:
        messages.append({"role": "assistant", "content": _writable(opening)})
    return {
        "model": model,
        "messages": messages,
        "temperature": 0,
        "max_tokens": request.max_new_tokens,
        "continue_final_message": bool(opening),
        "add_generation_prompt": not opening,
    }


def encoded(body: Mapping[str, object]) -> bytes:
    """Return `body` as JSON. The standard library takes three times as long over audio."""
    return to_json(body)


def transcription(request: Request, *, model: str) -> dict[str, str]:
    """Return the fields of a transcription beside the file, without anything optional."""
    fields = {"model": model, "temperature": "0", "response_format": "json", "prompt": _writable(request.context)}
    if request.language:  # servers take codes only; a language without one goes by its name
        fields["language"] = code_of(request.language) or request.language
    return {name: value for name, value in fields.items() if value}


def multipart(fields: Mapping[str, str], file: bytes) -> tuple[bytes, str]:
    """Return a form with a WAV file, and its content type."""
    edge = secrets.token_hex(16)
    head = f"--{edge}\r\nContent-Disposition: form-data; name="
    parts = [f'{head}"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    parts.append(f'{head}"file"; filename="audio.wav"\r\nContent-Type: audio/wav\r\n\r\n'.encode())
    return b"".join([*parts, file, f"\r\n--{edge}--\r\n".encode()]), f"multipart/form-data; boundary={edge}"


def read_chat(content: bytes) -> RawTranscript:
    """Return what is in the body of an answered chat completion.

    Raises:
        EngineFailed: it is not one.
    """
    answer = read(Chat, content)
    choice = answer.choices[0]
    text = choice.message.content or ""
    tokens = (choice.logprobs.content if choice.logprobs else None) or ()
    pieces, ended = cut(pieces_of(text, tokens), _ENDS.get(choice.finish_reason or "", Ended.STOP))
    usage = answer.usage or Usage()
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
    marks = _marks(text, tokens) if ended is Ended.STOP else None
    return RawTranscript(pieces, ended, cached or 0, usage.prompt_tokens, marks=marks)


def read_transcription(content: bytes) -> RawTranscript:
    """Return what is in the body of an answered transcription.

    Raises:
        EngineFailed: it is not one.
    """
    answer = read(Transcript, content)
    pieces, ended = cut(pieces_of(answer.text, ()), Ended.STOP)
    return RawTranscript(pieces, ended, language=_spelled(answer.language or ""))


def pieces_of(text: str, tokens: Sequence[Token]) -> list[str]:
    """Cut `text` where `tokens` do, else at its words; leading spaces stay, and no character is cut."""
    pieces, at = [], 0
    for piece in _characters(tokens):
        if at == len(text):
            break  # marks of the end are tokens too, and not in the text
        if not text.startswith(piece, at):
            return _WORD.findall(text)
        pieces.append(piece)
        at += len(piece)
    return pieces if at == len(text) else _WORD.findall(text)


def cut(pieces: Sequence[str], ended: Ended) -> tuple[tuple[str, ...], Ended]:
    """Take a loop at the end off, and say so."""
    numbers = {piece: n for n, piece in enumerate(pieces)}
    kept = loop_end([numbers[piece] for piece in pieces], suspect=ended is not Ended.STOP)
    return (tuple(pieces), ended) if kept is None else (tuple(pieces[:kept]), Ended.REPETITION)


def _writable(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON from clients may hold and UTF-8 may not."""
    return text.encode(errors="replace").decode()


def _part(sound: Sound) -> dict[str, object]:
    data = None if sound.audio is None else {"data": base64.b64encode(wav(sound.audio)).decode(), "format": "wav"}
    named = {} if sound.name is None else {"uuid": sound.name}
    return {"type": "input_audio", "input_audio": data, **named}


def _characters(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the text of tokens; those that are parts of one character come together."""
    pending = b""
    for token in tokens:
        pending += bytes(token.raw) if token.raw is not None else token.token.encode(errors="replace")
        try:
            text = pending.decode()
        except UnicodeDecodeError:
            continue
        pending = b""
        if text:
            yield text


def _marks(text: str, tokens: Sequence[Token]) -> MarksAhead | None:
    """Return what is expected behind the last word of `text`, as far as `tokens` tell what they were chosen from."""
    said, left = list[str](), len(text.encode(errors="replace"))
    for token in tokens:
        said.append(token.token if left > 0 else "")  # marks of the end are tokens too, and not in the text
        left -= len(token.token.encode(errors="replace") if token.raw is None else token.raw)
    return marks_ahead(said, [_chosen_from(token) for token in tokens])


def _chosen_from(token: Token) -> dict[str, float]:
    """Return the texts that `token` was chosen from, with their probabilities; what is no probability is none."""
    known = [(each.token, each.logprob) for each in token.top_logprobs or () if each.logprob is not None]
    return {text: math.exp(min(0.0, logprob)) for text, logprob in known if math.isfinite(logprob)}


def _spelled(language: str) -> str:
    """Return the English name of "en" or "english"; servers write either."""
    return Known(None).spelling(language) or ""
