"""One direction of two legs that are connected: another format, gaps, and bursts."""

import numpy as np

from bridge.outbound.relayed_audio import LEAD_MS, MOST_AHEAD_MS, RelayedAudio
from telephony.codec import decode, encode
from telephony.events import AudioFormat, Encoding

MULAW = AudioFormat(Encoding.MULAW, 8000)
WIDE = AudioFormat(Encoding.L16, 16_000)
FRAME = bytes(range(160))


def test_audio_of_the_same_format_passes_as_it_is_behind_a_lead() -> None:
    relayed = RelayedAudio(MULAW, MULAW)
    assert relayed.take(FRAME, 0.0) == b"\xff" * (8 * LEAD_MS) + FRAME
    assert [relayed.take(FRAME, 20.0 * n) for n in range(1, 5)] == [FRAME] * 4


def test_a_gap_gets_a_new_lead() -> None:
    relayed = RelayedAudio(MULAW, MULAW)
    relayed.take(FRAME, 0.0)
    assert len(relayed.take(FRAME, 20.0 + LEAD_MS)) == len(FRAME)
    assert len(relayed.take(FRAME, 5000.0)) == len(FRAME) + 8 * LEAD_MS


def test_what_comes_in_a_burst_is_dropped_where_it_would_stay_as_a_delay() -> None:
    relayed = RelayedAudio(MULAW, MULAW)
    sent = sum(len(relayed.take(FRAME, 0.0)) for _ in range(100))
    assert sent // 8 <= MOST_AHEAD_MS + 20
    assert sent // 8 + relayed.dropped_ms == 2000 + LEAD_MS
    assert relayed.take(FRAME, 300.0), "and it goes on"


def test_a_clock_that_runs_fast_loses_a_frame_now_and_then_and_never_builds_a_delay() -> None:
    relayed = RelayedAudio(MULAW, MULAW)
    for n in range(30_000):  # ten minutes, at 1 % too fast
        relayed.take(FRAME, n * 19.8)
    assert 0.005 < relayed.dropped_ms / 600_000 < 0.011


def test_audio_is_converted_to_what_the_other_leg_plays() -> None:
    tone = (0.5 * np.sin(2 * np.pi * 500 * np.arange(16_000) / 16_000)).astype(np.float32)
    relayed = RelayedAudio(WIDE, MULAW)
    made = b"".join(relayed.take(encode(tone[at : at + 320], Encoding.L16), at / 16) for at in range(0, len(tone), 320))
    heard = decode(made, Encoding.MULAW)[8 * LEAD_MS :]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert abs(int(np.argmax(spectrum)) * 8000 / len(heard) - 500) < 3
    assert 0.3 < float(np.sqrt(np.mean(heard[800:-800] ** 2))) < 0.4
