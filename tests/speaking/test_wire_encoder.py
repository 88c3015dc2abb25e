import numpy as np
import pytest

from bot.api import Samples
from bot.tts.finishing import active_rms
from bot.tts.hibari import HibariTts
from bridge.speaking.wire_encoder import SentenceEncoder, WireEncoder
from telephony.codec import decode
from telephony.events import AudioFormat, Encoding

TTS_RATE = 24_000
WIRES = [
    AudioFormat(Encoding.MULAW, 8_000),
    AudioFormat(Encoding.ALAW, 8_000),
    AudioFormat(Encoding.L16, 16_000),
    AudioFormat(Encoding.FLOAT32, 16_000),
    AudioFormat(Encoding.L16, 24_000),
    AudioFormat(Encoding.FLOAT32, 48_000),
    AudioFormat(Encoding.L16, 44_100),
]
wires = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: f"{wire.encoding}-{wire.sample_rate}")


def tone(duration_ms: int, *, hz: int = 440, amplitude: float = 0.3) -> Samples:
    at = np.arange(duration_ms * TTS_RATE // 1000) / TTS_RATE
    return (amplitude * np.sin(2 * np.pi * hz * at)).astype(np.float32)


def spoken(chunks: list[Samples], wire: AudioFormat, tts_rate: int = TTS_RATE) -> tuple[list[bytes], Samples]:
    """Return the payloads, and what a listener at the wire's rate hears."""
    voice = WireEncoder(tts_rate, wire)
    payloads = [*(voice.encode(chunk) for chunk in chunks), voice.flush()]
    return payloads, decode(b"".join(payloads), wire.encoding)


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def db(ratio: float) -> float:
    return 20 * float(np.log10(ratio))


@wires
def test_loudness_stays_within_half_a_decibel(wire: AudioFormat) -> None:
    sound = tone(1000)
    _, heard = spoken([sound], wire)
    middle = slice(wire.sample_rate // 10, wire.sample_rate * 9 // 10)
    assert abs(db(rms(heard[middle]) / rms(sound))) < 0.5


@wires
@pytest.mark.parametrize("duration_ms", [1, 20, 33, 1000])
def test_length_stays_but_for_the_last_frame(wire: AudioFormat, duration_ms: int) -> None:
    """The resampler's tail and the filling of the last frame add less than two frames."""
    _, heard = spoken([tone(duration_ms)], wire)
    assert duration_ms <= len(heard) * 1000 / wire.sample_rate < duration_ms + 40


@wires
def test_payloads_are_whole_frames_however_the_audio_comes(wire: AudioFormat) -> None:
    sound = tone(500)
    payloads, heard = spoken([sound[begin : begin + 97] for begin in range(0, len(sound), 97)], wire)
    frame_bytes = wire.sample_rate // 50 * wire.encoding.sample_bytes
    assert {len(payload) % frame_bytes for payload in payloads} == {0}
    _, in_one = spoken([sound], wire)
    np.testing.assert_allclose(heard, in_one, atol=1e-2)


@wires
def test_a_join_inside_a_sound_cannot_be_heard(wire: AudioFormat) -> None:
    """No step between samples is larger than the sound itself makes."""
    sound = tone(400)
    _, heard = spoken([sound[:4801], sound[4801:]], wire)
    largest = 2 * np.pi * 440 / wire.sample_rate * 0.3
    body = heard[: int(0.39 * wire.sample_rate)]  # the tone's own end is a click
    assert np.abs(np.diff(body)).max() < 1.1 * largest + 0.02  # 0.02: a step of mu-law at this level


def test_the_last_frame_is_filled_with_silence() -> None:
    voice = WireEncoder(8_000, AudioFormat(Encoding.MULAW, 8_000))
    assert voice.encode(np.full(100, 0.5, np.float32)) == b""
    last = voice.flush()
    assert len(last) == 160
    assert last[100:] == b"\xff" * 60


def test_nothing_spoken_gives_nothing() -> None:
    payloads, _ = spoken([], AudioFormat(Encoding.MULAW, 8_000), 8_000)
    assert payloads == [b""]


def test_after_a_flush_the_next_audio_begins_anew() -> None:
    voice = WireEncoder(TTS_RATE, AudioFormat(Encoding.L16, 16_000))
    first = voice.encode(tone(100)) + voice.flush()
    assert voice.encode(tone(100)) + voice.flush() == first


def test_overload_is_clipped_and_does_not_wrap() -> None:
    _, heard = spoken([np.full(2400, 3.0, np.float32)], AudioFormat(Encoding.L16, 8_000))
    assert heard[80:700].min() > 0.99


def test_an_impossible_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="0"):
        WireEncoder(0, AudioFormat(Encoding.MULAW, 8_000))


@pytest.fixture(scope="module")
def tts() -> HibariTts:
    return HibariTts.load()


@wires
async def test_a_spoken_reply_arrives_whole_loud_enough_and_without_clicks(tts: HibariTts, wire: AudioFormat) -> None:
    texts = ["Thank you for calling.", "We are open from nine to five.", "Goodbye!"]
    chunks = [samples for text in texts for samples in [chunk async for chunk in tts.speak(text)]]
    _, heard = spoken(chunks, wire)
    assert len(heard) / wire.sample_rate == pytest.approx(sum(map(len, chunks)) / TTS_RATE, abs=0.04)
    assert abs(db(active_rms(resampled_level(heard, wire)) / active_rms(np.concatenate(chunks)))) < 0.5
    at = 0
    for chunk in chunks[:-1]:
        at += len(chunk) * wire.sample_rate // TTS_RATE
        around = heard[at - wire.sample_rate // 200 : at + wire.sample_rate // 200]
        assert np.abs(np.diff(around)).max() < 0.01


def resampled_level(samples: Samples, wire: AudioFormat) -> Samples:
    """Return `samples` with as many repeats or gaps as make 20 ms frames of the voice's rate; levels stay."""
    index = np.arange(len(samples) * TTS_RATE // wire.sample_rate) * wire.sample_rate // TTS_RATE
    return samples[index]


def test_where_one_voice_follows_another_each_is_resampled_from_its_own_rate() -> None:
    audio = AudioFormat(Encoding.MULAW, 8000)
    encoder = SentenceEncoder(audio)
    assert encoder.flush() == b""
    sent = b"".join(encoder.encode(np.full(rate, 0.2, np.float32), rate) for rate in (24_000, 16_000, 16_000, 22_050))
    sent += encoder.flush()
    assert len(sent) % 160 == 0 and len(sent) == pytest.approx(4 * 8000, abs=3 * 160)
    heard = decode(sent, Encoding.MULAW)
    assert float(np.mean(np.abs(heard - 0.2) < 0.02)) > 0.98
