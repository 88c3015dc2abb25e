"""A call keeps its format where its peer changes to another."""

import numpy as np
import pytest

from bridge.speech.format_adapter import FormatAdapter
from telephony.codec import Samples, decode, encode
from telephony.events import AudioFormat, Encoding, Media

CALL = AudioFormat(Encoding.L16, 8000)
PEER = AudioFormat(Encoding.L16, 16_000)


def tone(rate: int, hz: int = 440, seconds: float = 1.0) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def loudest_hz(samples: Samples, rate: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples))


@pytest.mark.parametrize("peer_rate", [8000, 16_000, 24_000, 44_100, 48_000])
def test_the_peer_is_heard_as_it_sounds_at_the_rate_of_the_call(peer_rate: int) -> None:
    peer = AudioFormat(Encoding.L16, peer_rate)
    adapter, payload = FormatAdapter(CALL, peer), encode(tone(peer_rate), Encoding.L16)
    step = peer_rate // 50 * 2
    heard = [adapter.heard(Media(payload[at : at + step], 500)) for at in range(0, len(payload), step)]
    samples = decode(b"".join(media.payload for media in heard), Encoding.L16)
    assert 7500 < len(samples) <= 8000
    assert loudest_hz(samples, 8000) == pytest.approx(440, abs=2)


def test_media_time_goes_on_where_the_call_was() -> None:
    adapter = FormatAdapter(CALL, PEER)
    end_ms = 500
    for _ in range(50):
        media = adapter.heard(Media(bytes(640), 500))
        assert abs(media.at_ms - end_ms) <= 1
        end_ms = media.at_ms + CALL.duration_ms(media.payload)


def test_the_bot_is_heard_as_it_sounds_at_the_rate_of_the_peer() -> None:
    adapter, payload = FormatAdapter(CALL, PEER), encode(tone(8000), Encoding.L16)
    said = b"".join(adapter.said(payload[at : at + 320]) for at in range(0, len(payload), 320))
    assert len(said) == pytest.approx(32_000, abs=200)
    assert loudest_hz(decode(said, Encoding.L16), 16_000) == pytest.approx(440, abs=2)
