"""How a record says things, and what it says to what it does not understand."""

import json

import numpy as np
import pytest

from bot.actions import Collect, Handoff, Hangup, PlayFile, SendInfo, SetVoice, Transfer
from bot.api import Bot, Say
from bridge.capture.notation import (
    FileAt,
    Line,
    NotWritten,
    event_line,
    event_of,
    piece_line,
    piece_of,
    plain,
    samples_of,
    sound,
    sound_line,
)
from telephony.bot_requests import AskReply, StopReply, Truncated, UserText
from telephony.events import CallEnded, Dtmf, Event, Finalize, Malformed, Media, Notice, NotTransferred, Played


def through_a_file(line: Line) -> Line:
    read: Line = json.loads(json.dumps(line, default=plain))
    return read


@pytest.mark.parametrize(
    "event",
    [
        Media(b"\x00\xff\x7f", 40),
        Media(b"\x00", 60, concealed=True),
        Dtmf("#"),
        Played("3:1"),
        Finalize(),
        Malformed("media.payload is 7", told=False),
        Notice("it is odd"),
        NotTransferred("busy"),
        CallEnded("caller hung up"),
        AskReply(waits=True),
        UserText("Good morning."),
        StopReply(),
        Truncated("You said"),
    ],
)
def test_what_is_heard_is_read_as_it_was_written(event: Event) -> None:
    assert event_of(through_a_file(event_line(event))) == event


@pytest.mark.parametrize(
    "piece",
    [
        "Hello. ",
        Transfer("+4930", consult="A caller.", accept="1"),
        Hangup("done"),
        SetVoice("kokoro:df"),
        Collect(digits=4, secret=True),
        SendInfo({"a": 1}, headers={"X-A": "b"}),
    ],
)
def test_what_a_bot_says_is_read_as_it_was_written(piece: str | Transfer) -> None:
    assert piece_of(through_a_file(piece_line(piece))) == piece


def test_what_is_said_of_a_sentence_is_kept_with_it() -> None:
    said = piece_of(through_a_file(piece_line(Say("Your number?", interruptible=False, expect="digits", digits=8))))
    assert isinstance(said, Say)
    assert (said, said.interruptible, said.expect, said.digits, said.goes_on) == (
        "Your number?",
        False,
        "digits",
        8,
        False,
    )


def test_a_bot_that_is_handed_the_call_is_not_in_the_record_and_a_file_is_named() -> None:
    assert piece_of(through_a_file(piece_line(Handoff(Bot)))) is None
    assert piece_line(PlayFile("/tmp/a.wav"))["file"] == FileAt("/tmp/a.wav")


@pytest.mark.parametrize(("top", "kind"), [(0.5, "int16"), (0.3, "float32"), (1.5, "float32")])
def test_sound_comes_back_bit_by_bit_in_16_bits_where_that_loses_nothing(top: float, kind: str) -> None:
    samples = np.array([0, top, -0.25], np.float32)
    line = sound_line(sound(samples, 24_000))
    back, rate = samples_of(through_a_file(line))
    assert (line["as"], rate, back.tobytes()) == (kind, 24_000, samples.tobytes())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({}, "event is None"),
        ({"event": "Media", "audio": "?", "at_ms": 0}, "base64"),
        ({"event": "Media", "audio": "AAAA"}, "at_ms"),
        ({"event": "Media", "audio": "AAAA", "at_ms": True}, "at_ms"),
        ({"event": "Media", "audio": "AAAA", "at_ms": 10**30}, "at_ms"),
        ({"event": "Dtmf"}, "digit"),
        ({"event": "Played", "mark": 7}, "mark"),
        ({"event": "__class__"}, "__class__"),
        ({"event": ["Media"]}, "event is"),
    ],
)
def test_a_line_that_is_no_event_says_what_is_wrong_with_it(line: Line, why: str) -> None:
    with pytest.raises(NotWritten, match=why):
        event_of(line)


@pytest.mark.parametrize(
    "line", [{}, {"do": "Format"}, {"do": "Collect", "digits": -1}, {"do": "Transfer"}, {"say": "a", "expect": "tea"}]
)
def test_a_line_that_is_no_piece_of_a_reply_is_refused(line: Line) -> None:
    with pytest.raises(NotWritten):
        piece_of(line)


@pytest.mark.parametrize(
    "line",
    [
        {"as": "int16", "rate": 8000, "audio": "AA=="},
        {"as": "int24", "rate": 8000, "audio": "AAAA"},
        {"as": "int16", "rate": -1, "audio": "AAAA"},
        {"as": "int16", "audio": "AAAA"},
    ],
)
def test_a_line_that_is_no_sound_is_refused(line: Line) -> None:
    with pytest.raises(NotWritten):
        samples_of(line)
