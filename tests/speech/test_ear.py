"""Wire audio to VAD windows."""

import numpy as np
import pytest
from fakes import LoudnessVad
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.api import Samples
from bridge.speech.ear import Ear, ScoredWindow
from telephony.codec import encode
from telephony.events import AudioFormat, Encoding, Media

MULAW = AudioFormat(Encoding.MULAW, 8000)
FLOAT = AudioFormat(Encoding.FLOAT32, 16_000)


class Halver:
    """A denoiser that halves and is 10 samples late."""

    def __init__(self) -> None:
        self.held = np.zeros(10, np.float32)

    async def __call__(self, samples: Samples, /) -> tuple[Samples, Samples]:
        late = np.concatenate((self.held, samples))
        self.held, raw = late[len(samples) :], late[: len(samples)]
        return (raw / 2).astype(np.float32), raw


def tone(n: int, hz: float, rate: int) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(n) / rate)).astype(np.float32)


async def hear(ear: Ear, audio: Samples, audio_format: AudioFormat, frame: int) -> list[ScoredWindow]:
    heard: list[ScoredWindow] = []
    for i in range(0, len(audio), frame):
        heard += await ear.hear(Media(encode(audio[i : i + frame], audio_format.encoding), 0))
    return heard


@pytest.mark.parametrize(
    "wire",
    [
        MULAW,
        AudioFormat(Encoding.ALAW, 8000),
        AudioFormat(Encoding.L16, 16_000),
        AudioFormat(Encoding.L16, 48_000),
        AudioFormat(Encoding.L16, 44_100),
        FLOAT,
    ],
)
async def test_a_tone_on_any_wire_is_the_same_tone_at_16_khz(wire: AudioFormat) -> None:
    heard = await hear(Ear(wire, vad=LoudnessVad()), tone(wire.sample_rate, 440, wire.sample_rate), wire, 160)
    audio = np.concatenate([window.samples for window in heard])[4096:8192]
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(4096)))
    assert np.argmax(spectrum) * 16_000 / 4096 == pytest.approx(440, abs=4)
    assert np.sqrt(np.mean(audio**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


@given(frames=st.lists(st.integers(0, 3000), max_size=30))
async def test_windows_are_contiguous_whatever_the_frames(frames: list[int]) -> None:
    ear = Ear(FLOAT, vad=LoudnessVad())
    heard: list[ScoredWindow] = []
    audio = (np.arange(sum(frames)) % 1000 / 1000).astype(np.float32)
    at = 0
    for n in frames:
        heard += await ear.hear(Media(encode(audio[at : at + n], Encoding.FLOAT32), 0))
        at += n
    assert [window.from_ms for window in heard] == [32 * i for i in range(len(heard))]
    assert all(window.to_ms - window.from_ms == 32 for window in heard)
    whole = np.concatenate([*(window.samples for window in heard), ear.rest()])
    assert np.allclose(whole, audio)


async def test_the_recogniser_hears_the_denoised_and_the_vad_what_it_was_told_to() -> None:
    loud = np.full(5120, 0.15, np.float32)  # half of it is below what LoudnessVad calls loud
    for raw, expected in ((False, 0.01), (True, 0.9)):
        heard = await hear(Ear(FLOAT, vad=LoudnessVad(), cleaner=Halver(), vad_raw=raw), loud, FLOAT, 320)
        assert heard[-1].probability == expected
        assert heard[-1].samples.max() == pytest.approx(0.075)
