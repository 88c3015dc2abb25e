"""Wire bytes to samples and back."""

import math
import struct
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.codec import decode, encode, silence
from telephony.events import Encoding

EVERY_CODE = bytes(range(256))
PROMPT = Path("/usr/share/asterisk/sounds/en/hello-world.wav")


def mulaw_by_the_book(code: int) -> int:
    """G.711 table 2a, scaled from 14 to 16 bits."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def alaw_by_the_book(code: int) -> int:
    """G.711 table 1a, scaled from 13 to 16 bits."""
    code ^= 0x55
    mantissa, segment = (code & 0x0F) << 4, (code & 0x70) >> 4
    magnitude = mantissa + 8 if segment == 0 else mantissa + 0x108 << segment - 1
    return magnitude if code & 0x80 else -magnitude


def test_every_mulaw_code_has_the_level_of_the_standard() -> None:
    assert (decode(EVERY_CODE, Encoding.MULAW) * 32768).tolist() == [mulaw_by_the_book(code) for code in EVERY_CODE]


def test_every_alaw_code_has_the_level_of_the_standard() -> None:
    assert (decode(EVERY_CODE, Encoding.ALAW) * 32768).tolist() == [alaw_by_the_book(code) for code in EVERY_CODE]


def test_every_mulaw_code_comes_back_but_negative_zero() -> None:
    assert encode(decode(EVERY_CODE, Encoding.MULAW), Encoding.MULAW) == EVERY_CODE.replace(b"\x7f", b"\xff")


def test_every_alaw_code_comes_back() -> None:
    assert encode(decode(EVERY_CODE, Encoding.ALAW), Encoding.ALAW) == EVERY_CODE


def test_every_int16_comes_back() -> None:
    payload = np.arange(-32768, 32768, dtype="<i2").tobytes()
    assert encode(decode(payload, Encoding.L16), Encoding.L16) == payload


def test_l16_is_little_endian() -> None:
    assert decode(b"\x00\x40\x00\xc0", Encoding.L16).tolist() == [0.5, -0.5]


def test_float32_is_little_endian_and_taken_as_it_is() -> None:
    payload = struct.pack("<3f", 0.25, -1.0, 1.5)
    assert decode(payload, Encoding.FLOAT32).tolist() == [0.25, -1.0, 1.5]


@pytest.mark.parametrize("encoding", list(Encoding))
def test_samples_are_float32_of_one_axis_and_may_be_changed(encoding: Encoding) -> None:
    samples = decode(bytes(encoding.sample_bytes * 7), encoding)
    assert samples.dtype == np.float32
    assert samples.shape == (7,)
    samples[0] = 0.5


@pytest.mark.parametrize("encoding", list(Encoding))
def test_decoded_samples_do_not_alias_each_other(encoding: Encoding) -> None:
    payload = silence(encoding, 4)
    decode(payload, encoding)[:] = 0.5
    assert abs(decode(payload, encoding)).max() < 0.001


@pytest.mark.parametrize("encoding", list(Encoding))
def test_nothing_is_coded_as_nothing(encoding: Encoding) -> None:
    assert decode(b"", encoding).shape == (0,)
    assert encode(np.zeros(0, np.float32), encoding) == b""
    assert silence(encoding, 0) == b""


@pytest.mark.parametrize("encoding", list(Encoding))
def test_samples_beyond_full_scale_are_clipped(encoding: Encoding) -> None:
    beyond = np.array([1.7, -1.7, math.inf, -math.inf], np.float32)
    full_scale = np.array([1.0, -1.0, 1.0, -1.0], np.float32)
    assert encode(beyond, encoding) == encode(full_scale, encoding)
    assert (np.sign(decode(encode(beyond, encoding), encoding)) == full_scale).all()


@pytest.mark.parametrize("encoding", list(Encoding))
def test_nan_is_coded_as_silence(encoding: Encoding) -> None:
    assert encode(np.full(3, math.nan, np.float32), encoding) == silence(encoding, 3)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_silence_is_what_zeros_are_coded_as(encoding: Encoding) -> None:
    assert silence(encoding, 160) == encode(np.zeros(160, np.float32), encoding)


def test_silence_of_g711_is_positive_zero() -> None:
    assert silence(Encoding.MULAW, 2) == b"\xff\xff"
    assert silence(Encoding.ALAW, 2) == b"\xd5\xd5"


@pytest.mark.parametrize(("encoding", "payload"), [(Encoding.L16, b"123"), (Encoding.FLOAT32, b"123456")])
def test_a_payload_that_ends_inside_a_sample_names_both_lengths(encoding: Encoding, payload: bytes) -> None:
    with pytest.raises(ValueError, match=rf"{len(payload)} bytes.*multiple of {encoding.sample_bytes}"):
        decode(payload, encoding)


@given(payload=st.binary(max_size=400), encoding=st.sampled_from([Encoding.MULAW, Encoding.ALAW, Encoding.L16]))
def test_any_integer_payload_decodes_inside_full_scale(payload: bytes, encoding: Encoding) -> None:
    whole = payload[: len(payload) // encoding.sample_bytes * encoding.sample_bytes]
    samples = decode(whole, encoding)
    assert len(samples) == len(whole) // encoding.sample_bytes
    assert ((samples >= -1) & (samples <= 1)).all()


@pytest.mark.parametrize("encoding", [Encoding.MULAW, Encoding.ALAW])
def test_g711_keeps_a_tone_at_telephone_quality(encoding: Encoding) -> None:
    tone = (0.3 * np.sin(2 * np.pi * 1020 / 8000 * np.arange(8000))).astype(np.float32)
    noise = decode(encode(tone, encoding), encoding) - tone
    assert 10 * np.log10(np.mean(tone**2) / np.mean(noise**2)) > 33  # G.712: at least 33 dB at this level


@pytest.mark.skipif(not PROMPT.exists(), reason="needs the recordings of asterisk-core-sounds-en-wav")
def test_a_recording_survives_the_wire() -> None:
    with wave.open(str(PROMPT)) as prompt:
        speech = decode(prompt.readframes(prompt.getnframes()), Encoding.L16)
    assert abs(speech).max() > 0.1
    assert abs(decode(encode(speech, Encoding.MULAW), Encoding.MULAW) - speech).max() < 0.02


def test_the_import_warns_of_nothing() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", "import telephony.codec"], check=True)
