"""OpenAI's Realtime protocol: what a session begins with, what is said on it, and what is refused in its words."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from telephony.bot_requests import AskReply, StopReply, Truncated, UserText
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Clear,
    Command,
    Encoding,
    Event,
    Finalize,
    FormatChanged,
    Hangup,
    Malformed,
    Media,
    Owed,
    Play,
    Problem,
    Reply,
    ReplyOver,
    SendDtmf,
    SpeechStarted,
    SpeechStopped,
    StillThere,
    Transcript,
)
from telephony.malformed import MAX_MALFORMED_OF_CLIENTS
from telephony.realtime import MOST_QUIETS, RealtimeProtocol

TENTH = bytes(4800)  # 100 ms of 24 kHz, 16 bit


class Client:
    """A client of one session, which keeps what it was told."""

    def __init__(self, *, beta: bool = False, transcription_only: bool = False) -> None:
        self.protocol = RealtimeProtocol(
            "s1", beta=beta, transcription_only=transcription_only, voice="hibari", bot="echo"
        )
        self.told: list[dict[str, Any]] = [json.loads(message) for message in self.protocol.open()]
        self.heard: list[Event] = []

    def says(self, kind: str, **fields: object) -> list[Event]:
        """Say something; return what the call hears of it."""
        events = list(self.protocol.receive(json.dumps({"type": kind, **fields})))
        self.told += [json.loads(one) for event in events if isinstance(event, Owed) for one in event.messages]
        self.heard += events
        return [event for event in events if not isinstance(event, Owed)]

    def speaks(self, audio: bytes = TENTH) -> list[Event]:
        return self.says("input_audio_buffer.append", audio=base64.b64encode(audio).decode())

    def hears(self, *commands: Command) -> list[dict[str, Any]]:
        """Return what it is told by `commands`."""
        told = [json.loads(message) for command in commands for message in self.protocol.send(command)]
        self.told += told
        return told

    def updates(self, **session: object) -> list[dict[str, Any]]:
        """Change the session; return what it is told."""
        before = len(self.told)
        self.says("session.update", event_id="e7", session=session)
        return self.told[before:]


def kinds(messages: Sequence[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


def final(text: str, *, ends_turn: bool = True) -> Transcript:
    return Transcript(text, "English", True, 1.0, (), (100, 1100), ends_turn)


def partial(text: str) -> Transcript:
    return Transcript(text, "English", False, 1.0)


# ---------------------------------------------------------------- the session


def test_a_client_is_told_of_its_session_first() -> None:
    [created] = Client().told
    assert created["type"] == "session.created" and created["event_id"]
    session = created["session"]
    assert (session["type"], session["model"], session["output_modalities"]) == ("realtime", "echo", ["audio"])
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert session["audio"]["output"]["voice"] == "hibari"


def test_a_session_begins_with_the_first_audio_as_its_client_wanted_it() -> None:
    client = Client()
    client.updates(
        type="realtime",
        instructions="Be brief.",
        audio={
            "input": {
                "format": {"type": "audio/pcmu"},
                "transcription": {"model": "whisper-1", "language": "en", "prompt": "a museum", "keywords": ["Ruiz"]},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 700, "threshold": 0.5},
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": "alloy"},
        },
    )
    [started, media] = client.speaks(bytes(800))
    assert isinstance(started, CallStarted) and isinstance(media, Media)
    assert started.format == AudioFormat(Encoding.MULAW, 8000)
    assert started.parameters == {"instructions": "Be brief."} and not started.answers_when_asked
    options = started.options
    assert options and (options.context, options.language, options.endpoint_ms) == ("a museum Ruiz", "en", 700)
    assert client.told[-1]["type"] == "session.updated"
    assert client.told[-1]["session"]["audio"]["output"]["format"] == {"type": "audio/pcmu"}


def test_a_client_that_says_nothing_for_long_is_begun_with() -> None:
    client = Client()
    events = [event for _ in range(MOST_QUIETS + 3) for event in client.protocol.quiet()]
    assert [type(event) for event in events] == [CallStarted]


def test_what_cannot_be_given_is_refused_by_name_and_the_rest_is_taken() -> None:
    client = Client()
    told = client.updates(
        tools=[{"type": "function", "name": "f"}],
        audio={"input": {"noise_reduction": {"type": "near_field"}, "format": {"type": "audio/pcma"}}},
        output_modalities=["text"],
        no_such_thing=1,
    )
    assert kinds(told) == ["error"] * 4 + ["session.updated"]
    refused = {error["error"]["param"]: error["error"] for error in told[:-1]}
    assert set(refused) == {
        "session.tools",
        "session.audio.input.noise_reduction",
        "session.output_modalities",
        "session.no_such_thing",
    }
    assert refused["session.tools"]["type"] == "invalid_request_error"
    assert {error["event_id"] for error in refused.values()} == {"e7"}
    assert told[-1]["session"]["audio"]["input"]["format"] == {"type": "audio/pcma"}


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"type": "transcription"}, "session.type"),
        ({"audio": {"input": {"format": {"type": "audio/opus"}}}}, "session.audio.input.format"),
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}}, "session.audio.input.format.rate"),
        ({"audio": {"output": {"format": {"type": "audio/pcmu"}}}}, "session.audio.output.format"),
        ({"audio": {"input": {"turn_detection": {"type": "x"}}}}, "session.audio.input.turn_detection.type"),
        ({"turn_detection": {"interrupt_response": False}}, "session.turn_detection.interrupt_response"),
        ({"turn_detection": {"patience": 7}}, "session.turn_detection.patience"),
        ({"turn_detection": {"silence_duration_ms": "long"}}, "session.turn_detection.silence_duration_ms"),
        ({"audio": {"input": {"transcription": {"delay": "low"}}}}, "session.audio.input.transcription.delay"),
        ({"audio": {"input": {"transcription": 7}}}, "session.audio.input.transcription"),
        ({"audio": 7}, "session.audio"),
        ({"instructions": 7}, "session.instructions"),
        ({"max_output_tokens": 100}, "session.max_output_tokens"),
    ],
)
def test_each_field_is_refused_by_its_own_name(session: dict[str, object], param: str) -> None:
    [error, updated] = Client().updates(**session)
    assert (error["type"], error["error"]["param"], updated["type"]) == ("error", param, "session.updated")


def test_audio_that_has_begun_may_change_its_format_and_little_else() -> None:
    client = Client()
    client.speaks()
    told = client.updates(audio={"input": {"format": {"type": "audio/pcmu"}}}, instructions="Be loud.")
    assert FormatChanged(AudioFormat(Encoding.MULAW, 8000)) in client.heard
    assert [message["error"]["param"] for message in told if message["type"] == "error"] == ["session.instructions"]
    assert [event.at_ms for event in client.speaks(bytes(800)) if isinstance(event, Media)] == [100]


def test_the_beta_is_spoken_where_it_is_asked_for() -> None:
    client = Client(beta=True)
    told = client.updates(
        modalities=["text", "audio"], voice="alloy", input_audio_format="g711_ulaw", output_audio_format="g711_ulaw",
        temperature=0.8, turn_detection={"type": "server_vad"}, input_audio_transcription={"model": "whisper-1"},
    )  # fmt: skip
    assert kinds(told) == ["session.updated"]
    assert told[0]["session"]["input_audio_format"] == "g711_ulaw"
    client.speaks(bytes(160))
    assert kinds(client.hears(Reply("Hello."), Play(bytes(160)), ReplyOver(cut=False))) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.audio_transcript.delta",
        "response.audio.delta",
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]


# ---------------------------------------------------------------- what the client says


def talking(**more: object) -> Client:
    """Return a client of a conversation that is told what was understood."""
    client = Client()
    client.updates(audio={"input": {"transcription": {"model": "whisper-1"}, **more}})
    client.speaks()
    return client


def test_what_is_said_becomes_an_item_with_its_transcript() -> None:
    client = talking()
    told = client.hears(
        SpeechStarted(40), partial("The"), partial("The conf"), SpeechStopped(1100), final("The conference begins.")
    )
    assert kinds(told) == [
        "input_audio_buffer.speech_started",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.delta",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    assert len({message.get("item_id") or message["item"]["id"] for message in told}) == 1
    assert "".join(message["delta"] for message in told if "delta" in message) == "The conference begins."
    assert (told[0]["audio_start_ms"], told[3]["audio_end_ms"]) == (40, 1100)
    assert told[-1]["transcript"] == "The conference begins."
    assert told[-1]["usage"] == {"type": "duration", "seconds": 1.0}


def test_words_once_told_are_not_taken_back_and_the_whole_text_counts() -> None:
    client = talking()
    told = client.hears(SpeechStarted(0), partial("Wear"), SpeechStopped(900), final("Where is it?"))
    assert [message["delta"] for message in told if "delta" in message] == ["Wear"]
    assert told[-1]["transcript"] == "Where is it?"


def test_the_pieces_of_a_long_utterance_are_one_item() -> None:
    client = talking()
    told = client.hears(
        SpeechStarted(0), final("One.", ends_turn=False), partial("Two"), SpeechStopped(900), final("Two.")
    )
    assert "".join(message["delta"] for message in told if "delta" in message) == "One. Two."
    assert told[-1]["transcript"] == "One. Two."
    assert kinds(told).count("conversation.item.input_audio_transcription.completed") == 1


def test_noise_is_an_item_without_words() -> None:
    told = talking().hears(SpeechStarted(0), SpeechStopped(300), final(""))
    assert told[-1]["type"].endswith("completed") and told[-1]["transcript"] == ""


def test_who_did_not_ask_for_transcripts_gets_none() -> None:
    client = Client()
    client.speaks()
    told = client.hears(SpeechStarted(0), partial("a"), SpeechStopped(300), final("a b"))
    assert not [kind for kind in kinds(told) if "transcription" in kind]


def test_a_commit_ends_what_is_being_said() -> None:
    client = talking()
    client.hears(SpeechStarted(0))
    assert client.says("input_audio_buffer.commit") == [Finalize()]
    told = client.hears(SpeechStopped(100), final("yes"))
    assert kinds(told)[-1].endswith("completed")


def test_speech_over_the_bot_is_told_once_that_is_stopped() -> None:
    """A client throws away what it has to play when it hears that it speaks."""
    client = talking()
    client.hears(Reply("Good morning."), Play(bytes(48_000)))
    assert client.hears(SpeechStarted(40)) == []
    told = client.hears(Clear())
    assert kinds(told)[0] == "input_audio_buffer.speech_started" and kinds(told)[-1] == "response.done"
    response = told[-1]["response"]
    assert response["status"] == "cancelled" and response["status_details"]["reason"] == "turn_detected"
    assert response["output"][0]["status"] == "incomplete"


def test_a_bot_that_is_stopped_before_speech_is_certain_is_thrown_away_by_its_client() -> None:
    client = talking()
    client.hears(Reply("Good morning."), Play(bytes(48_000)))
    told = client.hears(Clear(), SpeechStarted(60), SpeechStopped(900), final("Wait."))
    assert kinds(told).count("input_audio_buffer.speech_started") == 1
    assert kinds(told)[0] == "input_audio_buffer.speech_started"
    assert kinds(told)[-1].endswith("completed") and told[-1]["transcript"] == "Wait."
    assert told[0]["item_id"] == told[-1]["item_id"]


def test_what_was_no_speech_is_an_item_without_words_once_the_bot_goes_on() -> None:
    client = talking()
    client.hears(Reply("Good morning."), Play(bytes(48_000)), Clear())
    told = client.hears(Play(bytes(960)))
    assert kinds(told)[:2] == ["input_audio_buffer.speech_stopped", "input_audio_buffer.committed"]
    [done] = [message for message in told if message["type"].endswith("transcription.completed")]
    assert done["transcript"] == ""
    client.speaks()
    told = client.hears(SpeechStarted(400), SpeechStopped(900), final("yes"))
    assert told[-1]["transcript"] == "yes" and told[-1]["item_id"] != done["item_id"]


def test_a_reply_that_the_client_stops_is_no_speech_of_its_own() -> None:
    client = talking()
    client.hears(Reply("Good morning."), Play(bytes(48_000)))
    client.says("response.cancel")
    assert "input_audio_buffer.speech_started" not in kinds(client.hears(Clear(), ReplyOver(cut=True)))


def test_speech_that_stops_nothing_is_told_with_its_end() -> None:
    client = talking()
    client.hears(Reply("This is important."), Play(bytes(48_000)))
    client.hears(SpeechStarted(40))
    assert kinds(client.hears(SpeechStopped(400)))[:2] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
    ]


def test_speech_after_the_bot_was_heard_is_told_at_once() -> None:
    client = talking()
    client.hears(Play(TENTH))
    client.speaks()
    client.speaks()
    assert kinds(client.hears(SpeechStarted(240))) == ["input_audio_buffer.speech_started"]


# ---------------------------------------------------------------- the client says where an utterance ends


def pushing() -> Client:
    client = Client()
    client.updates(audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}})
    return client


def test_audio_waits_until_it_is_committed() -> None:
    client = pushing()
    [started, there] = client.speaks()
    assert isinstance(started, CallStarted) and started.answers_when_asked and there == StillThere()
    assert client.speaks() == [StillThere()]
    events = client.says("input_audio_buffer.commit")
    assert [event.at_ms for event in events if isinstance(event, Media)] == [0, 100]
    assert events[-1] == Finalize()
    assert kinds(client.told)[-3:] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    told = client.hears(SpeechStarted(0), SpeechStopped(200), final("yes"))
    assert kinds(told)[-1] == "conversation.item.input_audio_transcription.completed"
    assert "input_audio_buffer.speech_started" not in kinds(told)


def test_audio_that_was_cleared_is_never_heard() -> None:
    client = pushing()
    client.speaks()
    client.says("input_audio_buffer.clear")
    assert client.told[-1]["type"] == "input_audio_buffer.cleared"
    client.speaks(bytes(range(240)) * 20)
    heard = b"".join(event.payload for event in client.says("input_audio_buffer.commit") if isinstance(event, Media))
    assert heard == bytes(range(240)) * 20


def test_too_little_cannot_be_committed() -> None:
    client = pushing()
    client.speaks(bytes(480))
    client.says("input_audio_buffer.commit")
    assert client.told[-1]["error"]["code"] == "input_audio_buffer_commit_empty"


def test_one_commit_is_enough_for_what_is_pending() -> None:
    client = talking()
    before = len(client.told)
    for _ in range(3):
        assert client.says("input_audio_buffer.commit") == [Finalize()]
    assert kinds(client.told[before:]).count("input_audio_buffer.committed") == 1
    assert kinds(client.hears(final("")))[-1].endswith("completed")


def test_many_small_pieces_wait_at_no_cost_of_their_own() -> None:
    client = pushing()
    for _ in range(5000):
        client.speaks(bytes(20))
    events = client.says("input_audio_buffer.commit")
    assert sum(len(event.payload) for event in events if isinstance(event, Media)) == 100_000


def test_no_more_utterances_wait_for_their_transcript_than_a_hundred() -> None:
    client = pushing()
    for _ in range(101):
        client.speaks()
        client.says("input_audio_buffer.commit")
    assert client.told[-1]["error"]["code"] == "too_many_pending"


def test_too_much_cannot_wait() -> None:
    client = pushing()
    for _ in range(14):
        client.speaks(bytes(480_000))
    assert "at most 120000" in client.told[-1]["error"]["message"]


# ---------------------------------------------------------------- replies


def test_a_reply_is_a_response_with_one_item() -> None:
    client = talking()
    told = client.hears(Reply("Hello."), Play(bytes(960)), Reply("Bye."), Play(bytes(96_000)), ReplyOver(cut=False))
    assert kinds(told)[:4] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
    ]
    assert [message["delta"] for message in told if message["type"].endswith("transcript.delta")] == ["Hello.", " Bye."]
    audio = [message["delta"] for message in told if message["type"] == "response.output_audio.delta"]
    assert b"".join(map(base64.b64decode, audio)) == bytes(96_960)
    done = told[-1]
    assert done["type"] == "response.done" and done["response"]["status"] == "completed"
    assert done["response"]["output"][0]["content"][0]["transcript"] == "Hello. Bye."


def test_a_reply_that_goes_on_after_a_false_alarm_is_another_response() -> None:
    client = talking()
    first = client.hears(Reply("Good morning."), Play(bytes(960)), Clear())
    second = client.hears(Play(bytes(960)), ReplyOver(cut=False))
    [created] = [message for message in second if message["type"] == "response.created"]
    assert first[0]["response"]["id"] != created["response"]["id"]
    assert (first[-1]["response"]["status"], second[-1]["response"]["status"]) == ("cancelled", "completed")


def test_a_reply_that_was_asked_for_and_is_empty_is_done_all_the_same() -> None:
    client = talking()
    assert client.says("response.create") == [AskReply(waits=False)]
    told = client.hears(ReplyOver(cut=False))
    assert kinds(told) == ["response.created", "response.done"]
    assert told[-1]["response"]["output"] == []


def test_a_reply_waits_for_what_was_said_last() -> None:
    client = pushing()
    client.speaks()
    client.says("input_audio_buffer.commit")
    assert client.says("response.create") == [AskReply(waits=True)]


def test_the_end_of_a_reply_that_was_cut_is_not_the_end_of_the_next() -> None:
    client = talking()
    client.says("response.create")
    assert client.hears(ReplyOver(cut=True)) == []
    assert kinds(client.hears(Reply("Hello.")))[0] == "response.created"


def test_a_reply_is_cancelled_once_it_is_cut() -> None:
    client = talking()
    client.hears(Reply("Hello."), Play(bytes(960)))
    assert client.says("response.cancel") == [StopReply()]
    told = client.hears(Clear())
    assert told[-1]["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert client.hears(ReplyOver(cut=True), ReplyOver(cut=False)) == []


def test_what_the_client_writes_is_an_item_and_a_turn() -> None:
    client = talking()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Greet me."}]}
    assert client.says("conversation.item.create", item=item) == [UserText("Greet me.")]
    assert kinds(client.told)[-2:] == ["conversation.item.added", "conversation.item.done"]
    assert client.told[-1]["item"]["content"] == [{"type": "input_text", "text": "Greet me."}]


def test_what_was_said_can_be_truncated_to_what_was_heard() -> None:
    client = talking()
    [created, *_] = client.hears(Reply("Hello."), Play(bytes(48_000)), ReplyOver(cut=False))
    item_id = client.told[-1]["response"]["output"][0]["id"]
    about = {"item_id": item_id, "content_index": 0}
    assert client.says("conversation.item.truncate", **about, audio_end_ms=400) == [Truncated("")]
    truncated = client.told[-1]
    assert truncated["type"] == "conversation.item.truncated"
    assert (truncated["item_id"], truncated["audio_end_ms"]) == (item_id, 400)
    client.says("conversation.item.truncate", **about, audio_end_ms=1001)
    assert client.told[-1]["error"]["param"] == "audio_end_ms"
    assert created["type"] == "response.created"


@pytest.mark.parametrize(
    ("end_ms", "heard"),
    [
        (0, ""),
        (500, "Good"),
        (1000, "Good morning."),
        (1700, "Good morning. How are"),
        (2000, "Good morning. How are you?"),
    ],
)
def test_the_words_that_were_heard_are_those_that_fit(end_ms: int, heard: str) -> None:
    client = talking()
    second = Play(bytes(48_000))
    client.hears(Reply("Good morning."), second, Reply("How are you?"), second, Clear())
    item_id = client.told[-1]["response"]["output"][0]["id"]
    assert client.says("conversation.item.truncate", item_id=item_id, audio_end_ms=end_ms) == [Truncated(heard)]


def test_what_was_said_before_the_last_cannot_change_the_history() -> None:
    client = talking()
    client.hears(Reply("One."), Play(bytes(48_000)), ReplyOver(cut=False))
    first = client.told[-1]["response"]["output"][0]["id"]
    client.hears(Reply("Two."), Play(bytes(48_000)), ReplyOver(cut=False))
    assert client.says("conversation.item.truncate", item_id=first, audio_end_ms=10) == []


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("response.cancel", {}, "response_cancel_not_active"),
        ("response.create", {"response": {"conversation": "none"}}, "unsupported_value"),
        ("response.create", {"response": {"input": []}}, "unsupported_value"),
        ("response.create", {"response": {"output_modalities": ["text"]}}, "unsupported_value"),
        ("response.create", {"response": {"modalities": ["text"]}}, "unsupported_value"),
        ("response.create", {"response": {"tools": [{"type": "function"}]}}, "unsupported_value"),
        ("response.create", {"response": {"max_output_tokens": 5}}, "unsupported_value"),
        ("response.create", {"response": {"audio": {"output": {"format": {"type": "audio/pcma"}}}}}, "invalid_value"),
        (
            "response.create",
            {"response": {"audio": {"input": {"format": {"type": "audio/pcma"}}}}},
            "unsupported_value",
        ),
        ("response.create", {"response": {"instructions": "Shout."}}, "unsupported_value"),
        ("conversation.item.truncate", {"item_id": "item_x", "audio_end_ms": 0}, "item_not_found"),
        ("conversation.item.truncate", {"audio_end_ms": 0}, "invalid_event"),
        ("conversation.item.create", {"item": {"type": "function_call_output"}}, "unsupported"),
        (
            "conversation.item.create",
            {"item": {"type": "message", "role": "user"}, "previous_item_id": "root"},
            "unsupported",
        ),
        ("conversation.item.create", {"item": {"type": "message", "role": "system", "content": []}}, "unsupported"),
        ("conversation.item.create", {"item": {"type": "message", "role": "user", "content": [7]}}, "unsupported"),
        ("conversation.item.delete", {"item_id": "x"}, "unknown_event"),
        ("input_audio_buffer.append", {"audio": "%"}, "invalid_event"),
        ("input_audio_buffer.append", {}, "invalid_event"),
        ("output_audio_buffer.clear", {}, "unknown_event"),
    ],
)
def test_what_cannot_be_done_is_an_error_and_the_session_goes_on(
    kind: str, fields: dict[str, object], code: str
) -> None:
    client = talking()
    events = client.says(kind, event_id="e9", **fields)
    assert [event.told for event in events if isinstance(event, Malformed)] == [False]
    error = client.told[-1]["error"]
    assert (client.told[-1]["type"], error["code"], error["event_id"]) == ("error", code, "e9")
    assert any(isinstance(event, Media) for event in client.speaks())


def test_one_reply_is_said_at_a_time() -> None:
    client = talking()
    client.hears(Reply("Hello."))
    client.says("response.create")
    assert client.told[-1]["error"]["code"] == "conversation_already_has_active_response"


def test_what_is_refused_does_not_cost_the_beginning() -> None:
    client = Client()
    events = client.says("response.create", response={"input": [1]})
    assert [type(event) for event in events] == [CallStarted, Malformed]
    assert [type(event) for event in client.speaks()] == [Media]


def test_audio_that_ends_within_a_sample_is_an_error_of_the_client_and_told_once() -> None:
    client = talking()
    heard = [event for _ in range(3) for event in client.speaks(bytes(4801))]
    assert [event.told for event in heard if isinstance(event, Malformed)] == [False] * 3
    [error] = [message["error"] for message in client.told if message["type"] == "error"]
    assert error["type"] == "invalid_request_error" and "4801 bytes" in error["message"]


def test_the_order_of_the_formats_in_an_update_does_not_matter() -> None:
    mulaw = {"format": {"type": "audio/pcmu"}}
    assert kinds(Client().updates(audio={"output": mulaw, "input": mulaw})) == ["session.updated"]


# ---------------------------------------------------------------- transcripts only


def test_a_session_for_transcripts_has_no_bot() -> None:
    client = Client(transcription_only=True)
    assert client.told[0]["session"]["type"] == "transcription"
    assert client.protocol.capabilities.transcripts and not client.protocol.capabilities.audio_out
    client.speaks()
    client.says("response.create")
    assert client.told[-1]["error"]["code"] == "unknown_event"
    with pytest.raises(LocalProtocolError, match="Play"):
        client.protocol.send(Play(bytes(2)))
    assert kinds(client.hears(SpeechStarted(0), SpeechStopped(90), final("yes")))[-1].endswith("completed")


def test_the_beta_has_names_of_its_own_for_a_session_for_transcripts() -> None:
    client = Client(beta=True, transcription_only=True)
    assert client.told[0]["type"] == "transcription_session.created"
    client.says("transcription_session.update", session={"input_audio_format": "pcm16", "turn_detection": None})
    assert client.told[-1]["type"] == "transcription_session.updated"


# ---------------------------------------------------------------- its end


def test_a_session_that_we_end_is_expired_and_one_that_the_bot_ends_is_over() -> None:
    client = talking()
    [expired] = map(json.loads, client.protocol.closing("no audio for 60 s").messages)
    assert expired["error"]["code"] == "session_expired" and "60 s" in expired["error"]["message"]
    client.hears(Hangup("done"))
    assert client.protocol.closing("done").messages == ()


def test_our_own_trouble_is_told() -> None:
    [error] = talking().hears(Problem("the recogniser failed"))
    assert error["error"] == {
        "type": "server_error", "code": None, "message": "the recogniser failed", "param": None, "event_id": None
    }  # fmt: skip


def test_what_the_wire_cannot_do_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="SendDtmf"):
        talking().protocol.send(SendDtmf("1"))


def test_who_says_nothing_else_than_garbage_is_given_up() -> None:
    client = Client()
    with pytest.raises(RemoteProtocolError, match="malformed"):
        for _ in range(MAX_MALFORMED_OF_CLIENTS + 1):
            client.protocol.receive("{")
