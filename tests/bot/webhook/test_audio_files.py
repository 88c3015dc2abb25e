"""Recordings of any form become 16-bit WAV, or are refused by name."""

import io
import wave
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.webhook.audio_files import as_wav

soundfile = pytest.importorskip("soundfile")
TONE = (0.5 * np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000)).astype(np.float32)


def encoded(kind: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, TONE, 16_000, format=kind, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "ULAW"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("MP3", "MPEG_LAYER_III")],
)
def test_a_recording_of_any_encoding_is_played(kind: str, subtype: str) -> None:
    with wave.open(io.BytesIO(as_wav(encoded(kind, subtype)))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    assert 0.9 * 16_000 < len(samples) < 1.2 * 16_000
    assert 0.45 < np.abs(samples).max() < 0.6


def test_what_is_plain_already_stays_as_it_is() -> None:
    plain = encoded("WAV", "PCM_16")
    assert as_wav(plain) == plain


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "neither"),
        (b"<html>no such file</html>", "neither"),
        (encoded("FLAC", "PCM_16"), "neither"),
        (encoded("OGG", "VORBIS"), "neither"),
        (b"ID3" + b"\0" * 100, "broken"),
        (b"\xff\xfb" + b"\0" * 100, "broken"),
    ],
)
def test_what_is_no_recording_is_refused_by_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        as_wav(data)


def test_a_small_file_that_holds_hours_is_refused() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8000 * 601, np.float32), 8000, format="MP3")
    with pytest.raises(ValueError, match="longer than 600 s"):
        as_wav(file.getvalue())


MP3, ULAW = encoded("MP3", "MPEG_LAYER_III"), encoded("WAV", "ULAW")


@given(st.sampled_from([MP3, ULAW]), st.integers(0, 3000), st.binary(max_size=8))
def test_a_broken_file_is_played_or_refused(data: bytes, at: int, junk: bytes) -> None:
    with suppress(ValueError):
        assert as_wav(data[:at] + junk + data[at + len(junk) :])[:4] == b"RIFF"
