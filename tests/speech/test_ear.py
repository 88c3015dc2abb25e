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


async def as_it_is(samples: Samples, /) -> tuple[Samples, Samples]:
    """Clean nothing; with a cleaner each packet becomes samples at once."""
    return samples, samples


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("packet_ms", [1, 10, 20, 30, 100])
async def test_windows_come_with_the_packet_that_completes_them_though_packets_are_kept(
    rate: int, packet_ms: int
) -> None:
    wire = AudioFormat(Encoding.L16, rate)
    kept, at_once = Ear(wire, vad=LoudnessVad()), Ear(wire, vad=LoudnessVad(), cleaner=as_it_is)
    said, frame = tone(rate * 2, 440, rate), rate * packet_ms // 1000
    for i in range(0, len(said), frame):
        media = Media(encode(said[i : i + frame], wire.encoding), 0)
        now, then = await kept.hear(media), await at_once.hear(media)
        assert [(w.from_ms, w.to_ms) for w in now] == [(w.from_ms, w.to_ms) for w in then], i
        for one, other in zip(now, then, strict=True):
            np.testing.assert_allclose(one.samples, other.samples, atol=1e-5)
            assert one.probability == pytest.approx(other.probability, abs=1e-5)
    assert kept.now_ms == at_once.now_ms
    np.testing.assert_allclose(kept.rest(), at_once.rest(), atol=1e-5)
    assert kept.now_ms == at_once.now_ms


async def test_what_filled_no_window_is_handed_out_once() -> None:
    ear = Ear(MULAW, vad=LoudnessVad())
    assert not await ear.hear(Media(encode(tone(160, 440, 8000), Encoding.MULAW), 0))
    assert len(ear.rest()) == 320
    assert len(ear.rest()) == 0


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
