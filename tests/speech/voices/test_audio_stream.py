"""Bytes to samples, however they are cut and whatever their head says."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voice_server import sound, tone, wav_head

from bridge.speech.api import EngineFailed, Samples
from bridge.speech.voices.audio_stream import Announced, AudioStream, announced
from telephony.events import Encoding

TEXT = "Hello there, this is it"


def heard(stream: AudioStream, data: bytes, size: int) -> Samples:
    parts = [stream.feed(data[at : at + size]) for at in range(0, len(data), size)]
    return np.concatenate([*parts, stream.flush()])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096, 10**6])
@pytest.mark.parametrize("encoding", [Encoding.L16, Encoding.MULAW, Encoding.ALAW, Encoding.FLOAT32])
def test_audio_is_the_same_however_it_was_cut(encoding: Encoding, size: int) -> None:
    data = sound(TEXT[:9], 8000, encoding)
    samples = heard(AudioStream(encoding, 8000), data, size)
    assert np.abs(samples - tone(TEXT[:9], 8000)).max() < 0.02


@pytest.mark.parametrize("size", [1, 5, 44, 45, 10**6])
@pytest.mark.parametrize("told", [0, 0xFFFF_FFFF, 0x7FFF_FFFF])
def test_a_wav_head_tells_rate_and_kind_and_makes_no_sound(size: int, told: int) -> None:
    stream = AudioStream(Encoding.MULAW, 8000)
    samples = heard(stream, wav_head(22_050, size=told) + sound(TEXT[:9], 22_050), size)
    assert stream.sample_rate == 22_050
    assert np.abs(samples - tone(TEXT[:9], 22_050)).max() < 0.001


def test_what_follows_the_audio_of_a_wav_file_is_no_sound() -> None:
    audio = sound("abc", 8000)
    data = wav_head(8000, size=len(audio)) + audio + b"LIST" + b"\x7f" * 400
    assert len(heard(AudioStream(Encoding.L16, 24_000), data, 100)) == len(audio) // 2


def test_each_piece_may_have_a_head_of_its_own() -> None:
    stream, samples = AudioStream(Encoding.L16, 24_000), []
    for word in ("abc", "de"):
        stream.begin_piece()
        samples.append(stream.feed(wav_head(16_000) + sound(word, 16_000)))
    assert stream.sample_rate == 16_000
    assert len(np.concatenate(samples)) == len(tone("abcde", 16_000))


def test_stereo_becomes_mono() -> None:
    left = np.frombuffer(sound("abcdef", 8000), "<i2")
    both = np.stack([left, np.zeros_like(left)], axis=1).tobytes()
    samples = heard(AudioStream(Encoding.L16, 8000), wav_head(8000, channels=2) + both, 33)
    assert np.abs(samples - tone("abcdef", 8000) / 2).max() < 0.001


@pytest.mark.parametrize(
    ("data", "compressed"),
    [(b"ID3\x04rest", False), (b"OggSrest", False), (b"fLaCrest", False), (b"\xff\xfb\x90\x64rest", True)],
)
def test_compressed_audio_is_told_apart(data: bytes, compressed: bool) -> None:
    with pytest.raises(EngineFailed, match="compressed audio"):
        AudioStream(Encoding.L16, 24_000, compressed=compressed).feed(data)


def test_pcm_that_is_announced_as_mp3_is_pcm() -> None:
    assert len(heard(AudioStream(Encoding.L16, 24_000, compressed=True), sound("abc"), 50)) == len(tone("abc", 24_000))


def test_a_head_that_makes_no_sense_is_refused() -> None:
    for head in (wav_head(24_000, bits=24), wav_head(24_000, kind=85), wav_head(100), wav_head(24_000, channels=0)):
        with pytest.raises(EngineFailed, match="answers WAV of kind"):
            AudioStream(Encoding.L16, 24_000).feed(head)
    endless = b"RIFF" + b"\xff" * 4 + b"WAVE" + (b"JUNK" + (1000).to_bytes(4, "little") + bytes(1000)) * 70
    with pytest.raises(EngineFailed, match="head is longer"):
        AudioStream(Encoding.L16, 24_000).feed(endless)


@given(st.lists(st.binary(max_size=80)), st.sampled_from(["", "RIFF", "head"]))
def test_whatever_comes_is_samples_or_engine_failed(pieces: list[bytes], begin: str) -> None:
    stream = AudioStream(Encoding.FLOAT32, 24_000)
    first = {"": b"", "RIFF": b"RIFF\0\0\0\0WAVE", "head": wav_head(24_000, kind=3, bits=32)}[begin]
    with suppress(EngineFailed):
        for piece in (first, *pieces):
            samples = stream.feed(piece)
            assert samples.ndim == 1 and np.isfinite(samples).all() and np.abs(samples).max(initial=0) <= 1
        assert np.isfinite(stream.flush()).all()


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, Announced()),
        ({"Content-Type": "application/octet-stream"}, Announced()),
        ({"Content-Type": "audio/pcm"}, Announced()),
        ({"Content-Type": "audio/pcm;rate=22050"}, Announced(None, 22_050)),
        ({"Content-Type": "audio/L16; rate=16000; channels=1"}, Announced(Encoding.L16, 16_000)),
        ({"Content-Type": "audio/pcm_s16le", "X-Sample-Rate": "22050"}, Announced(Encoding.L16, 22_050)),
        ({"Content-Type": "audio/basic"}, Announced(Encoding.MULAW, 8000)),
        ({"Content-Type": "audio/x-mulaw;rate=16000"}, Announced(Encoding.MULAW, 16_000)),
        ({"Content-Type": "audio/PCMA"}, Announced(Encoding.ALAW, 8000)),
        ({"Content-Type": "audio/mpeg"}, Announced(compressed=True)),
        ({"Content-Type": "application/json; charset=utf-8"}, Announced(text=True)),
        ({"Content-Type": "text/html"}, Announced(text=True)),
        ({"Content-Type": "audio/pcm;rate=9e9"}, Announced()),
        ({"Content-Type": "audio/pcm;rate=1"}, Announced()),
        ({"Content-Type": ";;;rate"}, Announced()),
    ],
)
def test_the_head_of_an_answer_says_rate_and_encoding(headers: dict[str, str], says: Announced) -> None:
    said = announced(headers)
    assert (said.encoding, said.sample_rate, said.compressed) == (says.encoding, says.sample_rate, says.compressed)
    assert said.text == says.text or not headers.get("Content-Type", "").startswith("audio")
