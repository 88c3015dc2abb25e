"""Both sides of a call as somebody who watches sees and hears them."""

from collections.abc import Iterator

import numpy as np
import pytest

from bridge.monitoring.call_sound import LISTENER_HZ, CallSound
from bridge.speaking.audio_level import SILENT_DB
from telephony.codec import decode, encode, silence
from telephony.events import AudioFormat, Encoding

WIRE = AudioFormat(Encoding.MULAW, 8000)


def tone(ms: int, amplitude: float, audio: AudioFormat = WIRE) -> bytes:
    times = np.arange(audio.sample_rate * ms // 1000) / audio.sample_rate
    return encode((amplitude * np.sin(2 * np.pi * 400 * times)).astype(np.float32), audio.encoding)


def quiet(ms: int) -> bytes:
    return silence(WIRE.encoding, 8 * ms)


@pytest.fixture
def sound() -> Iterator[CallSound]:
    """The sound of a call that somebody watches."""
    with CallSound(WIRE).watched() as sound:
        yield sound


def hear(sound: CallSound, payload: bytes) -> None:
    for begin in range(0, len(payload), 160):
        sound.hear(payload[begin : begin + 160])


def test_levels_are_those_of_the_last_fifth_of_a_second(sound: CallSound) -> None:
    assert sound.levels_db() == (SILENT_DB, SILENT_DB)
    hear(sound, tone(400, 0.5))
    caller, bot = sound.levels_db()
    assert caller == pytest.approx(-9, abs=0.3)
    assert bot == SILENT_DB
    hear(sound, quiet(180))
    assert sound.levels_db()[0] == pytest.approx(-9, abs=0.3)
    hear(sound, quiet(40))
    assert sound.levels_db()[0] == SILENT_DB


def test_the_bot_is_heard_as_fast_as_the_caller_hears_it_and_not_after_a_clear(sound: CallSound) -> None:
    sound.play(tone(10_000, 0.1))
    hear(sound, quiet(200))
    caller, bot = sound.levels_db()
    assert caller == SILENT_DB
    assert bot == pytest.approx(-23, abs=0.3)
    sound.clear()
    hear(sound, quiet(200))
    assert sound.levels_db() == (SILENT_DB, SILENT_DB)


def test_where_the_caller_sends_nothing_the_bots_audio_does_not_pile_up(sound: CallSound) -> None:
    for _ in range(200):
        sound.play(tone(1000, 0.5))
    assert len(sound._bot_ahead) == 60 * 8000


@pytest.mark.parametrize(
    "audio", [WIRE, AudioFormat(Encoding.L16, 16_000), AudioFormat(Encoding.FLOAT32, 48_000)], ids=str
)
def test_a_listener_hears_both_sides_in_one(audio: AudioFormat) -> None:
    with CallSound(audio).watched() as sound:
        hear(sound, tone(100, 0.5, audio))
        listener = sound.listen()
        assert listener.take() == b"", "what was before is not heard"
        sound.play(tone(500, 0.25, audio))
        sound.hear(tone(500, 0.25, audio))
        heard = decode(listener.take(), Encoding.L16)
        assert len(heard) == pytest.approx(LISTENER_HZ / 2, abs=200)
        assert np.abs(heard[800:-800]).max() == pytest.approx(0.5, abs=0.05)
        sound.leave(listener)
        sound.hear(tone(100, 0.5, audio))
        assert listener.take() == b""
        assert sound.listeners == 0


def test_two_loud_sides_are_clipped_not_wrapped(sound: CallSound) -> None:
    listener = sound.listen()
    sound.play(tone(100, 0.9))
    sound.hear(tone(100, 0.9))
    heard = decode(listener.take(), Encoding.L16)
    assert np.abs(np.diff(heard)).max() < 0.8, "no jump from the top to the bottom"


def test_who_is_slow_loses_the_oldest_and_is_told_how_much(sound: CallSound) -> None:
    listener = sound.listen()
    hear(sound, quiet(5000))
    hear(sound, tone(100, 0.5))
    heard = decode(listener.take(), Encoding.L16)
    assert len(heard) == 2 * LISTENER_HZ
    assert np.abs(heard[-400:]).max() > 0.4, "the newest is there"
    assert listener.lost_ms == 3100


def test_a_payload_that_ends_inside_a_sample_is_passed_over() -> None:
    with CallSound(AudioFormat(Encoding.L16, 8000)).watched() as sound:
        listener = sound.listen()
        sound.hear(b"\0\0\0")
        sound.hear(b"")
        assert sound.levels_db() == (SILENT_DB, SILENT_DB)
        assert listener.take() == b""


def test_who_begins_to_watch_in_the_middle_of_a_sentence_hears_the_rest_of_it() -> None:
    sound = CallSound(WIRE)
    sound.play(tone(1000, 0.1))
    hear(sound, quiet(900))
    with sound.watched():
        assert sound.levels_db() == (SILENT_DB, SILENT_DB), "nothing was kept of what was heard before"
        hear(sound, quiet(20))
        assert sound.levels_db()[1] == pytest.approx(-23, abs=0.3)
        hear(sound, quiet(300))
        assert sound.levels_db()[1] == SILENT_DB
