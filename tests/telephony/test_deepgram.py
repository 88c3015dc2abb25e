import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pytest

from telephony.deepgram import DeepgramProtocol
from telephony.deepgram_query import ListenOptions, listen_options
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Command,
    Encoding,
    Event,
    Finalize,
    Malformed,
    Media,
    Owed,
    Play,
    Problem,
    SpeechStarted,
    SpeechStopped,
    StillThere,
    Transcript,
)
from telephony.malformed import MAX_MALFORMED_OF_CLIENTS

SECOND = bytes(16_000)  # of 16 bit, 8 kHz


def options(**more: str) -> ListenOptions:
    query = {"encoding": "linear16", "sample_rate": "8000", **more}
    return listen_options(query.items(), language_of=lambda tag: tag.title())


def begun(**more: str) -> DeepgramProtocol:
    made = DeepgramProtocol("r1", options(**more), model="whisper", created="2026-11-29T12:00:00.000Z")
    assert [type(event) for event in made.quiet()] == [CallStarted]
    return made


def sent(made: DeepgramProtocol, command: Command) -> list[dict[str, Any]]:
    return [json.loads(message) for message in made.send(command)]


def owed(events: Sequence[Event]) -> list[dict[str, Any]]:
    return [json.loads(one) for event in events if isinstance(event, Owed) for one in event.messages]


def said(
    text: str,
    *,
    words: Sequence[tuple[str, int, int]] = (),
    span_ms: tuple[int, int] | None = None,
    ends_turn: bool = True,
) -> Transcript:
    return Transcript(text, "English", True, 1.0, words, span_ms, ends_turn)


@pytest.mark.parametrize("first", [bytes(320), '{"type": "KeepAlive"}', '{"type": "Finalize"}'])
def test_whatever_comes_first_begins_the_stream_in_the_format_of_its_query(first: str | bytes) -> None:
    [started, *_] = DeepgramProtocol("r1", options(interim_results="true")).receive(first)
    assert isinstance(started, CallStarted)
    assert (started.call_id, started.format) == ("r1", AudioFormat(Encoding.L16, 8000))
    assert started.options and started.options.partials and started.options.words


def test_a_client_that_says_nothing_is_begun_with_all_the_same() -> None:
    made = begun()
    assert list(made.quiet()) == []
    assert [type(event) for event in made.receive(bytes(320))] == [Media]


def test_a_final_has_its_words_and_times() -> None:
    made = begun()
    made.receive(SECOND)
    [results] = sent(made, said("Hello, Ann.", words=[("Hello,", 120, 400), ("Ann.", 400, 700)], span_ms=(120, 700)))
    assert results["type"] == "Results" and results["channel_index"] == [0, 1]
    assert (results["start"], results["duration"]) == (0.12, 0.58)
    assert (results["is_final"], results["speech_final"], results["from_finalize"]) == (True, True, False)
    [heard] = results["channel"]["alternatives"]
    assert heard["transcript"] == "Hello, Ann." and heard["confidence"] == 1.0
    word = {"word": "ann", "start": 0.4, "end": 0.7, "confidence": 1.0, "punctuated_word": "Ann."}
    assert heard["words"][1] == word
    assert results["metadata"]["request_id"] == "r1"
    assert results["metadata"]["model_info"]["name"] == "whisper"


def test_interim_results_come_where_they_were_asked_for() -> None:
    partial = Transcript("hel", "English", final=False, timestamp=1.0)
    assert sent(begun(), partial) == []
    made = begun(interim_results="true")
    made.receive(SECOND)
    sent(made, SpeechStarted(400))
    [results] = sent(made, partial)
    assert (results["is_final"], results["speech_final"]) == (False, False)
    assert (results["start"], results["duration"]) == (0.4, 0.6)


def test_a_piece_of_a_long_utterance_is_final_and_no_end_of_speech() -> None:
    [results] = sent(begun(), said("and so on", span_ms=(0, 28_000), ends_turn=False))
    assert (results["is_final"], results["speech_final"]) == (True, False)


def test_without_endpointing_no_end_of_speech_is_told() -> None:
    [results] = sent(begun(endpointing="false"), said("hello"))
    assert (results["is_final"], results["speech_final"]) == (True, False)


def test_speech_started_is_told_where_it_was_asked_for() -> None:
    assert sent(begun(vad_events="true"), SpeechStarted(1230)) == [
        {"type": "SpeechStarted", "channel": [0, 1], "timestamp": 1.23}
    ]
    assert sent(begun(), SpeechStarted(1230)) == sent(begun(), SpeechStopped(1230)) == []


def test_an_utterance_end_is_told_once_by_the_audio_that_follows_the_last_word() -> None:
    made = begun(interim_results="true", utterance_end_ms="1000")
    made.receive(SECOND)
    sent(made, said("hello", words=[("hello", 300, 900)], span_ms=(300, 1000)))
    assert owed(made.receive(bytes(14_000))) == [], "875 ms behind it"
    assert owed(made.receive(bytes(4000))) == [{"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 0.9}]
    assert owed(made.receive(SECOND)) == []


def test_who_speaks_on_has_not_ended() -> None:
    made = begun(interim_results="true", utterance_end_ms="1000")
    sent(made, said("hello", span_ms=(0, 900)))
    sent(made, SpeechStarted(1000))
    assert owed(made.receive(SECOND * 3)) == []


def test_finalize_is_answered_by_a_result_that_says_so() -> None:
    made = begun()
    assert list(made.receive('{"type": "Finalize"}')) == [Finalize()]
    assert [sent(made, said("a"))[0]["from_finalize"], sent(made, said("b"))[0]["from_finalize"]] == [True, False]


def test_keep_alive_keeps_the_stream() -> None:
    assert list(begun().receive('{"type": "KeepAlive"}')) == [StillThere()]


@pytest.mark.parametrize("close", ['{"type": "CloseStream"}', b""])
def test_a_stream_that_its_client_closes_ends_with_metadata(close: str | bytes) -> None:
    made = begun()
    made.receive(SECOND)
    assert list(made.receive(close)) == [CallEnded("the client closed the stream")]
    assert list(made.receive(SECOND)) == []
    closing = made.closing("the client closed the stream")
    [metadata] = map(json.loads, closing.messages)
    assert closing.code == 0
    assert metadata["type"] == "Metadata" and metadata["duration"] == 1.0 and metadata["channels"] == 1
    assert metadata["created"] == "2026-11-29T12:00:00.000Z"
    assert metadata["sha256"] == hashlib.sha256(SECOND).hexdigest()
    assert "extra" not in metadata


def test_what_the_client_gave_along_is_in_the_metadata_again() -> None:
    made = begun(extra="id:7", interim_results="true")
    [result] = sent(made, said("Hello."))
    assert result["metadata"]["extra"] == {"id": "7"}
    made.receive(b"")
    [metadata] = map(json.loads, made.closing("").messages)
    assert metadata["extra"] == {"id": "7"}


def test_a_stream_that_we_close_says_why_as_deepgram_does() -> None:
    closing = begun().closing("no audio for 60 s")
    assert (closing.messages, closing.code, closing.reason) == ([], 1011, "NET-0001: no audio for 60 s")


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("{", "JSON"),
        ("[]", "JSON object"),
        ('{"type": "Configure"}', "CloseStream"),
        ('{"type": 7}', "CloseStream"),
        ('{"type": "Finalize", "channel": 1}', "channel"),
        (bytes(2**20 + 2), "at most 1048576"),
    ],
)
def test_what_cannot_be_understood_is_an_error_in_deepgrams_words(message: str | bytes, named: str) -> None:
    events = begun().receive(message)
    [error] = owed(events)
    assert (error["type"], error["variant"]) == ("Error", "SchemaError")
    assert named in error["description"]
    assert error["message"] == (message if isinstance(message, str) else "")
    assert [event.told for event in events if isinstance(event, Malformed)] == [False]


def test_who_says_nothing_else_is_given_up() -> None:
    made = begun()
    with pytest.raises(RemoteProtocolError, match="malformed"):
        for _ in range(MAX_MALFORMED_OF_CLIENTS + 1):
            made.receive("{")


def test_our_own_trouble_is_told() -> None:
    [error] = sent(begun(), Problem("the recogniser failed"))
    assert error == {"type": "Error", "variant": "ServerError", "description": "the recogniser failed"}


def test_it_takes_no_bot() -> None:
    with pytest.raises(LocalProtocolError, match="Play"):
        begun().send(Play(bytes(2)))


def test_a_message_that_ends_within_a_sample_is_told_of_once() -> None:
    made = begun()
    heard: list[Event] = [event for _ in range(4) for event in made.receive(bytes(321))]
    assert sum(isinstance(event, Malformed) for event in heard) > 1
    [error] = owed(heard)
    assert error["variant"] == "SchemaError" and "linear16" in error["description"]
