"""Targets in bridge/speech: what servers and models answer."""

from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Final
from urllib.parse import quote

import numpy as np
from tokenizers import Tokenizer

from bridge.speech.api import EngineFailed
from bridge.speech.backends import qwen3
from bridge.speech.backends.models import find_whisper
from bridge.speech.backends.openai.messages import read_chat, read_transcription
from bridge.speech.backends.openai.shapes import Models, read
from bridge.speech.backends.repetition import loop_end, repetitions
from bridge.speech.backends.vllm.token_text import pieces_of
from bridge.speech.backends.whisper.text import WhisperText
from bridge.speech.remote.refusals import complaint, retry_after_s
from bridge.speech.voices.audio_stream import AudioStream
from bridge.speech.voices.base64_answer import Base64Answer
from bridge.speech.voices.profile import VALUES, parse
from bridge.speech.voices.remaining import Pace, rest_of
from bridge.speech.voices.template import fill, written
from fuzzing.target import Target, clean, pieces, records
from telephony.events import Encoding

_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


def _openai_asr(data: bytes) -> None:
    """The body of an answer."""
    for reader in (read_chat, read_transcription):
        with suppress(EngineFailed):
            answer = reader(data)
            assert all(answer.pieces)
            assert sum(map(len, answer.pieces)) <= len(data)
            pieces, language = qwen3.parse(answer.pieces, None)
            assert pieces or not language
    with suppress(EngineFailed):
        assert read(Models, data).data is not None
    said = complaint(data)
    assert len(said) <= 300 and len(said.splitlines()) <= 1


def _retry_after(data: bytes) -> None:
    wait_s = retry_after_s(clean(data), _NOW)
    assert wait_s is None or wait_s >= 0


def _qwen3(data: bytes) -> None:
    """Records: the pieces of an answer."""
    pieces = [clean(record) for record in records(data)]
    plain = qwen3.plain("".join(pieces))
    assert qwen3.plain(plain) == plain and "<asr_text>" not in plain
    for language in (None, "English"):
        kept, told = qwen3.parse(pieces, language)
        assert "".join(pieces).endswith("".join(kept)) and (kept or not told)


def _token_text(data: bytes) -> None:
    """Each byte is a token."""
    tokens = list(data)
    found = pieces_of(tokens, lambda group: bytes(group).decode(errors="replace"))
    assert all(found)
    whole = data.decode(errors="replace")
    assert len("".join(found)) <= 4 * len(whole) + 4
    with suppress(UnicodeDecodeError):
        assert "".join(found) == data.decode() or "\ufffd" in whole
    end = loop_end(tokens, suspect=bool(tokens) and tokens[0] > 127)
    assert end is None or 0 < end < len(tokens)
    for loop in repetitions(tokens, suspect=True):
        again = tokens[loop.begin + loop.period : loop.end]
        assert again == tokens[loop.begin : loop.end - loop.period]


@cache
def _whisper() -> WhisperText:
    return WhisperText(Tokenizer.from_file(str(find_whisper("tiny.en").folder / "tokenizer.json")), multilingual=False)


def _whisper_text(data: bytes) -> None:
    """Tokens of two bytes each; and the same bytes as text."""
    ids = [int.from_bytes(data[at : at + 2]) % 51_864 for at in range(0, len(data) - 1, 2)]
    for begins in (True, False):
        assert all(_whisper().pieces(ids, begins=begins))
    text = clean(data).strip()
    assert all(token < 50_256 for token in _whisper().prefix(text, "en"))
    assert len(_whisper().context(text, limit=50)) <= 51


def _voice_answer(data: bytes) -> None:
    """The first byte says how it is read, the second how it is cut; the rest is the body of an answer."""
    mode, size, body = data[:1], data[1:2], data[2:]
    stream = AudioStream(Encoding.FLOAT32 if mode == b"f" else Encoding.L16, 24_000, compressed=mode == b"m")
    parts = Base64Answer("result.0.audio", lines=mode == b"l")
    made = 0
    with suppress(EngineFailed):
        for piece in pieces(body, size):
            for part in parts.feed(piece) if mode in {b"l", b"j"} else (piece,):
                samples = stream.feed(part)
                made += len(samples)
                assert np.isfinite(samples).all() and np.abs(samples).max(initial=0) <= 1
        made += len(stream.flush())
    assert made <= len(body) + 1
    assert 8000 <= stream.sample_rate <= 192_000


def _voice_profiles(data: bytes) -> None:
    """A table of profiles; what is left of a sentence."""
    text = clean(data)
    with suppress(ValueError):
        for profile in parse(text).values():
            values = dict.fromkeys(VALUES, text)
            assert isinstance(written(profile.path, values, quote), str)
            fill(profile.body, values)
    share = Pace().share_said(text, len(data) / 100, "English")
    assert text.endswith(rest_of(text, share, "English"))


TARGETS: Final = (
    Target(
        "openai-asr",
        _openai_asr,
        [
            "bridge.speech.backends.openai.messages",
            "bridge.speech.backends.openai.shapes",
            "bridge.speech.backends.qwen3",
        ],
    ),
    Target("retry-after", _retry_after, ["bridge.speech.remote.refusals"]),
    Target("voice-answer", _voice_answer, ["bridge.speech.voices.audio_stream", "bridge.speech.voices.base64_answer"]),
    Target(
        "voice-profiles",
        _voice_profiles,
        ["bridge.speech.voices.profile", "bridge.speech.voices.template", "bridge.speech.voices.remaining"],
    ),
    Target("qwen3", _qwen3, ["bridge.speech.backends.qwen3"]),
    Target("token-text", _token_text, ["bridge.speech.backends.vllm.token_text", "bridge.speech.backends.repetition"]),
    Target("whisper-text", _whisper_text, ["bridge.speech.backends.whisper.text"]),
)
