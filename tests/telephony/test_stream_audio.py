"""The audio of a stream whose start tells its format: kept before, whole and in order behind it."""

from collections.abc import Callable

import numpy as np
import pytest

from telephony.errors import LocalProtocolError
from telephony.events import AudioFormat, Encoding, Event, Malformed, Media
from telephony.malformed import Refused
from telephony.stream_audio import StreamAudio

L16 = AudioFormat(Encoding.L16, 8000)
MULAW = AudioFormat(Encoding.MULAW, 8000)


def stream() -> StreamAudio[bytes]:
    return StreamAudio[bytes](waits_for="their start", at_most=1000)


def test_what_came_before_the_start_means_behind_it_what_it_would_have_meant() -> None:
    audio = stream()
    assert not audio.keep(b"\1\0" * 80, size=160)
    audio.keep(b"\2\0" * 80, size=160)
    assert audio.begin(L16, audio.take) == [Media(b"\1\0" * 80, 0), Media(b"\2\0" * 80, 10)]
    assert audio.begun and audio.take(b"\3\0" * 8) == [Media(b"\3\0" * 8, 20)]


def test_what_of_it_is_malformed_is_told() -> None:
    def refuse(message: bytes) -> list[Event]:
        raise Refused(f"got {message!r}")

    audio = stream()
    audio.keep(b"x", size=1)
    assert audio.begin(L16, refuse) == [Malformed("got b'x'")]


def test_a_sample_that_is_cut_goes_on_in_the_next_piece() -> None:
    audio, ramp = stream(), np.arange(80, dtype="<i2").tobytes()
    audio.begin(L16, audio.take)
    assert not audio.take(ramp[:1])
    assert audio.take(ramp[1:81]) == [Media(ramp[:80], 0)]
    assert audio.take(ramp[81:]) == [Media(ramp[80:], 5)]


def test_a_sample_of_one_byte_is_whole() -> None:
    audio = stream()
    audio.begin(MULAW, audio.take)
    assert audio.take(b"\xff" * 7) == [Media(b"\xff" * 7, 0)]


@pytest.mark.parametrize(
    "say", [lambda audio: audio.check_begun(), lambda audio: audio.time, lambda audio: audio.take(b"")]
)
def test_before_the_start_nothing_can_be_said(say: Callable[[StreamAudio[bytes]], object]) -> None:
    with pytest.raises(LocalProtocolError, match="before their start"):
        say(stream())


def test_audio_is_cut_into_pieces_of_whole_samples() -> None:
    wide = AudioFormat(Encoding.L16, 44_100)
    assert wide.bytes_in(1) == 88  # 44.1 samples
    assert [len(piece) for piece in wide.pieces(bytes(200), at_most_ms=1)] == [88, 88, 24]
    assert list(wide.pieces(b"", at_most_ms=1)) == []
