"""What an application answers Twilio's question what to do with a call."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actions import Hangup, Transfer
from bot.api import Say
from bot.webhook.conversation_relay import dialect
from bot.webhook.conversation_relay.settings import InterruptedBy
from bot.webhook.conversation_relay.twiml import Connection, read
from bot.webhook.fault import HookFailed
from bot.webhook.replies import Fetch

BASE = "https://app.example/twiml?shop=7"
WHOLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<Response><Say>This call is recorded.</Say><Connect action="/over?a=1">
<ConversationRelay url="wss://app.example/ws?b=2" welcomeGreeting="Hello!" language="de-DE" voice="Vicki"
 hints="Zug, ICE" dtmfDetection="true" interruptible="speech" welcomeGreetingInterruptible="none"
 preemptible="true" events="tokens-played">
<Language code="es-MX" voice="Lupe"/><Parameter name="shop" value="7"/></ConversationRelay></Connect></Response>"""


def test_a_connection_is_read_with_all_that_it_says() -> None:
    said, connection = read(WHOLE, BASE).steps
    assert said == "This call is recorded." and isinstance(said, Say) and not said.interruptible
    assert isinstance(connection, Connection)
    assert (connection.url, connection.action) == ("wss://app.example/ws?b=2", "https://app.example/over?a=1")
    assert connection.parameters == {"shop": "7"}
    how = connection.settings
    assert (how.greeting, how.greeting_interruptible) == ("Hello!", InterruptedBy.NONE)
    assert (how.interruptible, how.preemptible, how.dtmf_detection) == (InterruptedBy.SPEECH, True, True)
    assert (how.tts_language, how.transcription_language, how.voice) == ("de-DE", "de-DE", "Vicki")
    assert (how.hints, how.voices, how.tokens_played) == ("Zug, ICE", {"es-MX": "Lupe"}, True)


def test_what_is_left_out_is_as_twilio_has_it() -> None:
    [connection] = read(b'<Response><Connect><ConversationRelay url="wss://a/b"/></Connect></Response>', BASE).steps
    assert isinstance(connection, Connection)
    assert (connection.action, connection.parameters) == ("", {})
    assert connection.settings.interruptible is InterruptedBy.ANY
    assert not connection.settings.dtmf_detection and not connection.settings.preemptible


@pytest.mark.parametrize(
    ("verbs", "steps", "unread"),
    [
        ("<Dial>+4930</Dial>", [Transfer("+4930")], []),
        ("<Dial callerId='+49'><Number>+4930</Number></Dial>", [Transfer("+4930")], []),
        ("<Say>Bye.</Say><Hangup/>", ["Bye.", Hangup("the application hung up")], []),
        ("<Play>/bye.mp3</Play>", [Fetch("https://app.example/bye.mp3", interruptible=False)], []),
        ("<Enqueue>support</Enqueue><Pause length='1'/>", [], ["Enqueue", "Pause"]),
        ("<Connect><Stream url='wss://a/b'/></Connect>", [], ["Connect"]),
        ("", [], []),
    ],
)
def test_other_verbs_are_carried_out_or_named(verbs: str, steps: list[object], unread: list[str]) -> None:
    instructions = read(f"<Response>{verbs}</Response>".encode(), BASE)
    assert (list(instructions.steps), list(instructions.unread)) == (steps, unread)
    assert list(read(b"", BASE).steps) == []


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"hello", "no XML"),
        (b"\xff\xfe<", "UTF-8"),
        (b"<html/>", "Response"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Response>&a;</Response>', "entities"),
        (b'<?xml version="1.0" encoding="utf-16"?><Response', "no XML"),
        (b"<Response><Dial>&xxe;</Dial></Response>", "no XML"),
        (b'<Response><Connect><ConversationRelay url="https://a/b"/></Connect></Response>', "url"),
        (b"<Response><Connect><ConversationRelay/></Connect></Response>", "url"),
        (b'<Response><Connect><ConversationRelay url="wss://[a/b"/></Connect></Response>', "Connect"),
        (WHOLE.replace(b'"speech"', b'"maybe"'), "interruptible"),
        (WHOLE.replace(b'dtmfDetection="true"', b'dtmfDetection="yes"'), "dtmfDetection"),
        (WHOLE.replace(b'code="es-MX"', b""), "code"),
    ],
)
def test_what_is_no_twiml_is_refused_by_name(document: bytes, why: str) -> None:
    with pytest.raises(HookFailed, match=why):
        read(document, BASE)


@given(st.binary(max_size=200) | st.text(alphabet='<>/"=&;!ResponCtav relyu', max_size=200).map(str.encode))
def test_whatever_comes_is_read_or_refused(document: bytes) -> None:
    with suppress(HookFailed):
        assert isinstance(read(document, BASE).steps, list)


@pytest.mark.parametrize(("said", "meant"), [("", False), ("true", True), ("false", False), ("TRUE", True)])
def test_an_application_may_be_waited_for(said: str, meant: bool) -> None:
    attribute = f' applicationReconnect="{said}"' if said else ""
    document = f'<Response><Connect><ConversationRelay url="wss://h/"{attribute}/></Connect></Response>'
    [step] = read(document.encode(), "https://h/").steps
    assert isinstance(step, Connection) and step.reconnects is meant and not step.not_carried


def test_elements_that_mean_nothing_here_are_kept_to_be_told() -> None:
    inside = (
        '<Language code="de-DE"/><Failover><Language code="de-DE" voice="x"/></Failover><Parameter name="a" value="b"/>'
    )
    document = f'<Response><Connect><ConversationRelay url="wss://h/">{inside}</ConversationRelay></Connect></Response>'
    [step] = read(document.encode(), "https://h/").steps
    assert isinstance(step, Connection) and step.not_carried == ["Failover"]
    assert "backups" in dialect.not_carried("Failover") and "<Other>" in dialect.not_carried("Other")
