"""An application written for Twilio's ConversationRelay as a bot: its messages, its session and its faults."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from relay_app import App, Behaviour, answers, text

from bot.actions import Action, ActionFailed, Hangup, PlayFile, SendDtmf, SetContext, SetLanguage, SetVoice, Transfer
from bot.api import CallInfo, Heard, Partial, Say, Speaker, Turn
from bot.webhook import HookFailed, WebhookBot
from bot.webhook.configuration import Configuration
from bot.webhook.conversation_relay import dialect
from bot.webhook.conversation_relay.bot import RelayBot
from bot.webhook.conversation_relay.dialect import EndSession, NotUnderstood, Token, understand
from bot.webhook.conversation_relay.settings import InterruptedBy
from bot.webhook.conversation_relay.signature import request_signature, upgrade_signature
from bot.webhook.replies import Fetch
from bridge.settings import Settings

CALL = CallInfo("CA1", "+14151234567", "+18881234567", {"foo": "bar", "AccountSid": "AC1", "Direction": "inbound"})


# ------------------------------------------------------------ messages


def test_a_session_begins_with_who_calls_whom() -> None:
    assert json.loads(dialect.setup(CALL, "VX1")) == {
        "type": "setup",
        "sessionId": "VX1",
        "accountSid": "AC1",
        "parentCallSid": "",
        "callSid": "CA1",
        "from": "+14151234567",
        "to": "+18881234567",
        "forwardedFrom": "",
        "callType": "PSTN",
        "callerName": "",
        "direction": "inbound",
        "callStatus": "IN-PROGRESS",
        "customParameters": {"foo": "bar"},
    }


def test_a_session_is_told_what_the_wire_told_of_the_caller() -> None:
    call = CallInfo("CA1", caller_name="ALICE", forwarded_from="+4940", parameters={"ParentCallSid": "CA0"})
    told = json.loads(dialect.setup(call, "VX1"))
    assert (told["callerName"], told["forwardedFrom"], told["parentCallSid"]) == ("ALICE", "+4940", "CA0")


@pytest.mark.parametrize(
    ("call", "direction", "kind"),
    [
        (CallInfo("x", "sip:alice@pbx", "sip:bot@here"), "inbound", "SIP"),
        (CallInfo("x", "+4930", "sip:alice@pbx", direction="outbound"), "outbound", "SIP"),
        (CallInfo("x", "client:joe", "+4930"), "inbound", "CLIENT"),
        (CallInfo("x", "+4930", "+4940", {"Direction": "outbound-api"}, direction="outbound"), "outbound", "PSTN"),
        (CallInfo("x", "1001", "2000"), "inbound", "PSTN"),
    ],
)
def test_the_direction_is_that_of_the_call_whatever_the_wire_calls_it(
    call: CallInfo, direction: str, kind: str
) -> None:
    told = json.loads(dialect.setup(call, "VX1"))
    assert (told["direction"], told["callType"]) == (direction, kind)


def test_what_the_caller_does_is_told_in_the_words_of_the_dialect() -> None:
    assert json.loads(dialect.prompt("Hi! Can you tell me about life?", "English")) == {
        "type": "prompt",
        "voicePrompt": "Hi! Can you tell me about life?",
        "lang": "en-US",
        "last": True,
    }
    assert json.loads(dialect.interrupt(Heard("Life is a complex set of", rest="things.", played_ms=460))) == {
        "type": "interrupt",
        "utteranceUntilInterrupt": "Life is a complex set of",
        "durationUntilInterruptMs": 460,
    }
    assert json.loads(dialect.dtmf("1")) == {"type": "dtmf", "digit": "1"}


@pytest.mark.parametrize("said", ["मुझे कल की बुकिंग चाहिए", "Meri बुकिंग cancel कर do", "Kal subah ka appointment"])
def test_hindi_in_either_script_is_sent_as_itself(said: str) -> None:
    assert said in dialect.prompt(said, "Hindi")
    assert json.loads(dialect.prompt(said, "Hindi"))["lang"] == "hi-IN"


ANY, SPEECH, DTMF, NONE = InterruptedBy


@pytest.mark.parametrize(
    ("message", "items", "last"),
    [
        (text("Life is ", last=False), [Token("Life is ")], False),
        (text("beautiful."), [Token("beautiful.")], True),
        (text(""), [], True),
        (text("Wichtig.", lang="de-DE"), [Token("Wichtig.", language="de-DE")], True),
        ('{"type":"play","source":"https://a/b.wav","loop":2}', [Fetch("https://a/b.wav", True, True)] * 2, True),
        ('{"type":"play","source":"b.wav","interruptible":false}', [Fetch("b.wav", interruptible=False)], True),
        ('{"type":"sendDigits","digits":"9www4085551212"}', [SendDtmf("9www4085551212")], False),
        ('{"type":"language","ttsLanguage":"sv-SE"}', [], False),
        ('{"type":"language","transcriptionLanguage":"sv-SE"}', [SetLanguage("Swedish", spoken="")], False),
        (
            '{"type":"language","ttsLanguage":"es-ES","transcriptionLanguage":"sv-SE"}',
            [SetLanguage("Swedish", spoken="Spanish")],
            False,
        ),
        ('{"type":"language","language":"es-MX"}', [SetLanguage("Spanish", spoken="Spanish")], False),
        ('{"type":"language","code":"es-MX","voice":"Lupe"}', [SetLanguage("Spanish", spoken="Spanish")], False),
        ('{"type":"language","transcriptionLanguage":"multi"}', [SetLanguage("", spoken="")], False),
        ('{"type":"hints","hints":"Zug,  ICE 75"}', [SetContext("Zug, ICE 75")], False),
        ('{"type":"hints","hints":["Zug","ICE 75"]}', [SetContext("Zug, ICE 75")], False),
        ('{"type":"config","hints":"Zug"}', [SetContext("Zug")], False),
        ('{"type":"config","interruptible":"none"}', [], False),
        ('{"type":"end","handoffData":"{\\"reason\\":\\"live\\"}"}', [EndSession('{"reason":"live"}')], True),
        ('{"type":"end"}', [EndSession("")], True),
    ],
)
def test_what_an_application_asks_for(message: str, items: list[object], last: bool) -> None:
    understood = understand(message)
    assert (list(understood.items), understood.last) == (items, last)


@pytest.mark.parametrize(
    ("told", "by"),
    [("any", ANY), ("none", NONE), ("speech", SPEECH), ("dtmf", DTMF), (True, ANY), (False, NONE), ("true", ANY)],
)
def test_what_interrupts_is_told_by_a_word_or_by_true_and_false(told: object, by: InterruptedBy) -> None:
    [item] = understand(text("This call is recorded.", interruptible=told)).items
    assert item == Token("This call is recorded.", by)
    settings = understand(json.dumps({"type": "config", "interruptible": told})).settings
    assert settings
    assert understand(text("a"), settings).items == [Token("a", by)], "and for the session, by config"


def test_a_configuration_is_answered_with_what_holds_and_what_is_not_used() -> None:
    configured = understand('{"type":"config","interruptible":"none","dtmfDetection":false,"eotThreshold":0.5}')
    assert json.loads(configured.answer) == {
        "type": "configUpdated",
        "interruptible": "none",
        "dtmfDetection": False,
        "notUsed": ["eotThreshold"],
    }
    assert configured.settings and not configured.settings.dtmf_detection
    assert json.loads(understand('{"type":"hints","hints":"Zug"}').answer) == {"type": "configUpdated", "hints": "Zug"}


def test_a_language_that_is_declared_brings_its_voice() -> None:
    both = json.dumps(
        {"type": "language", "ttsLanguage": "es-MX", "languages": [{"code": "es-MX", "voice": "Lupe"}, {"code": "fr"}]}
    )
    settings = understand(both).settings
    assert settings and (settings.tts_language, settings.voice) == ("es-MX", "Lupe")


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("no JSON", "JSON object"),
        (b"\0\1", "JSON object"),
        ("[]", "JSON object"),
        ("{}", "type"),
        ('{"type":"text"}', "token"),
        ('{"type":"text","token":5}', "token"),
        ('{"type":"text","token":"a","last":"yes"}', "last"),
        ('{"type":"play","source":"a.wav","loop":"2"}', "loop"),
        ('{"type":"sendDigits","digits":"none"}', "digits"),
        ('{"type":"language","ttsLanguage":7}', "ttsLanguage"),
        ('{"type":"language","languages":["de"]}', "languages"),
        ('{"type":"confg","interruptible":"none"}', "unknown type 'confg'"),
        ('{"type":"somethingNew","x":1}', "somethingNew"),
        ('{"type":"config","interruptable":"none"}', "interruptable"),
        ('{"type":"config","interruptible":"maybe"}', "interruptible"),
        ('{"type":"config","dtmfDetection":"maybe"}', "dtmfDetection"),
        ('{"type":"hints"}', "hints"),
        ('{"type":"hints","hints":[1]}', "hints"),
    ],
)
def test_what_breaks_the_rules_is_refused_by_the_name_of_its_field(message: str | bytes, field: str) -> None:
    with pytest.raises(NotUnderstood, match=field):
        understand(message)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
kinds = st.sampled_from(["text", "play", "sendDigits", "language", "hints", "config", "end", "x"])
names = st.sampled_from(["token", "last", "lang", "source", "loop", "digits", "ttsLanguage", "handoffData"])
more = st.sampled_from(["languages", "code", "voice", "hints", "interruptible", "preemptible", "events", "language"])


@given(
    st.builds(lambda kind, rest: json.dumps({**rest, "type": kind}), kinds, st.dictionaries(names | more, json_values))
)
def test_whatever_comes_is_understood_or_refused(message: str) -> None:
    with suppress(NotUnderstood):
        assert isinstance(understand(message).items, list)


@given(st.text(max_size=200) | st.binary(max_size=50))
def test_whatever_is_no_message_is_refused_or_means_nothing(message: str | bytes) -> None:
    with suppress(NotUnderstood):
        assert not understand(message).items


# ------------------------------------------------------------ the session


async def plays(socket: web.WebSocketResponse, message: dict[str, Any], *, said: str) -> None:
    if message["type"] == "prompt":
        await socket.send_str(said)


def make(app: App, *, wait_s: float = 20, **how: object) -> RelayBot:
    bot = RelayBot(Configuration(url=app.url, wait_s=wait_s, **how))  # type: ignore[arg-type]
    bot.cued = asyncio.Event()  # type: ignore[attr-defined]
    bot.cue = bot.cued.set  # type: ignore[attr-defined,method-assign]
    return bot


async def all_of(pieces: AsyncIterator[str | Action]) -> list[str | Action]:
    return [piece async for piece in pieces]


def turn(words: str, language: str = "English") -> Turn:
    return Turn(CALL, words, language)


async def test_a_call_from_setup_to_the_end_of_the_session() -> None:
    async with App(answers) as app:
        bot = make(app, secret="t0ken")
        assert await all_of(bot.on_call(CALL)) == []
        await app.until(lambda: app.of("setup"))
        async with asyncio.timeout(5):
            await bot.cued.wait()  # type: ignore[attr-defined]
        assert await all_of(bot.on_cue()) == ["Welcome!"]
        assert await all_of(bot.reply(turn("Where is my order?"))) == ["You said: ", "Where is my order?"]
        await bot.on_dtmf("5")
        await app.until(lambda: app.of("dtmf"))
        await bot.on_end("caller hung up")
        assert app.headers[0]["X-Twilio-Signature"] == upgrade_signature("t0ken", app.url)
        assert [message["type"] for message in app.told] == ["setup", "prompt", "dtmf"]
        await app.until(lambda: app.sockets[0].closed)


async def test_what_comes_for_an_answer_that_was_interrupted_is_not_said_later() -> None:
    async def slow(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if message["type"] == "prompt" and message["voicePrompt"] == "Tell me.":
            await socket.send_str(text("Once upon a midnight dreary. There was ", last=False))
        elif message["type"] == "interrupt":
            await socket.send_str(text("a time."))  # it had sent this before it heard of it
        elif message["type"] == "prompt":
            await socket.send_str(text("Stopped."))

    async with App(slow) as app:
        bot = make(app)
        reply = bot.reply(turn("Tell me."))
        assert await anext(reply) == "Once upon a midnight dreary. There was "
        await reply.aclose()  # type: ignore[attr-defined]
        await bot.on_interrupted(Heard("Once", rest="upon a midnight dreary.", played_ms=300))
        await app.until(lambda: app.of("interrupt"))
        await asyncio.sleep(0.05)  # the stale token has come: the bot reads it over a real socket, and tells nobody
        assert await all_of(bot.reply(turn("Stop."))) == ["Stopped."]
        assert await all_of(bot.on_cue()) == []
        await bot.on_end("")


async def acknowledges(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
    """Answers a prompt, and an interruption by an empty text, as twilio-agent-connect does, in the worst order."""
    if message["type"] == "prompt":
        await socket.send_str(text(""))
        await socket.send_str(text("Stopped."))


async def test_an_empty_text_that_acknowledges_an_interruption_is_no_answer_to_what_the_caller_says_next() -> None:
    async with App(acknowledges) as app:
        bot = make(app)
        await all_of(bot.on_call(CALL))
        await bot.on_interrupted(Heard("Once"))
        assert await all_of(bot.reply(turn("Stop."))) == ["Stopped."]
        await bot.on_end("")


async def test_an_application_that_ends_the_call_after_an_interruption_ends_it() -> None:
    async def ends(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if message["type"] == "prompt":
            await socket.send_str(text("Once upon a midnight dreary. ", last=False))
        elif message["type"] == "interrupt":
            await socket.send_str('{"type":"end"}')

    async with App(ends) as app:
        bot = make(app)
        reply = bot.reply(turn("Tell me."))
        assert await anext(reply)
        await reply.aclose()  # type: ignore[attr-defined]
        bot.cued.clear()  # type: ignore[attr-defined]
        await bot.on_interrupted(Heard("Once"))
        async with asyncio.timeout(5):
            await bot.cued.wait()  # type: ignore[attr-defined]
        assert await all_of(bot.on_cue()) == [Hangup("the application ended the session")]
        await bot.on_end("")


async def test_what_is_configured_holds_for_what_comes_behind_it() -> None:
    async def configures(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if message["type"] == "prompt":
            await socket.send_str(text("Hello. ", last=False))
            await socket.send_str('{"type":"config","interruptible":"dtmf","dtmfDetection":false}')
            await socket.send_str(text("This call is recorded."))

    async with App(configures) as app:
        bot = make(app)
        said = await all_of(bot.reply(turn("Hi.")))
        assert [(str(s), s.interruptible, s.keys_interrupt) for s in said if isinstance(s, Say)] == [
            ("Hello. ", True, True),
            ("This call is recorded.", False, True),
        ]
        await app.until(lambda: app.of("configUpdated"))
        await bot.on_dtmf("5")
        await bot.on_partial(Partial("x", "English"))
        await bot.on_interrupted(Heard("This"))
        await app.until(lambda: app.of("interrupt"))
        assert not app.of("dtmf"), "nobody wants keys any more"
        await bot.on_end("")


async def test_what_comes_next_ends_what_allows_it_and_nothing_of_that_is_said_later() -> None:
    async def waits(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if message["type"] == "prompt":
            await socket.send_str('{"type":"config","events":"speaker-events tokens-played"}')
            await socket.send_str(text("Please wait while I look that up. ", last=False, preemptible=True))
            await socket.send_str(text("It takes a while.", preemptible=True))
        elif message["type"] == "dtmf":
            await socket.send_str(text("It is 42."))

    async with App(waits) as app:
        bot = make(app)
        reply = bot.reply(turn("How much?"))
        assert await anext(reply) == "Please wait while I look that up. "
        await app.until(lambda: app.of("configUpdated"))
        bot.cued.clear()  # type: ignore[attr-defined]
        await bot.on_dtmf("1")
        async with asyncio.timeout(5):
            await bot.cued.wait()  # type: ignore[attr-defined]
        assert bot.take_preemption() and not bot.take_preemption()
        await reply.aclose()  # type: ignore[attr-defined]  # the bridge ends it
        assert await all_of(bot.on_cue()) == ["It is 42."]
        assert bot.follows_playout and not bot.hears_partials
        await bot.on_played("It is")
        await bot.on_speaking(Speaker.BOT, True)
        await bot.on_speaking(Speaker.CALLER, False)
        await app.until(lambda: len(app.of("info")) == 3)
        assert [(event["name"], event["value"]) for event in app.of("info")] == [
            ("tokensPlayed", "It is"),
            ("agentSpeaking", "on"),
            ("clientSpeaking", "off"),
        ]
        await bot.on_end("")


async def test_an_answer_to_a_prompt_preempts_nothing_not_even_itself() -> None:
    async def preemptible(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if message["type"] == "setup":
            await socket.send_str('{"type":"config","preemptible":true}')
        elif message["type"] == "prompt":
            await socket.send_str(text("Yes."))

    async with App(preemptible) as app:
        bot = make(app)
        await all_of(bot.on_call(CALL))
        await app.until(lambda: app.of("configUpdated"))
        for _ in range(3):
            assert await all_of(bot.reply(turn("Really?"))) == ["Yes."]
            assert not bot.take_preemption()
        await bot.on_end("")


async def test_a_voice_that_is_not_here_is_no_fault() -> None:
    async def speaks_german(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if message["type"] == "prompt":
            await socket.send_str('{"type":"language","language":"de-DE","voice":"de-DE-Journey-F"}')
            await socket.send_str(text("Guten Tag."))

    async with App(speaks_german) as app:
        bot = make(app)
        reply = bot.reply(turn("Hi."))
        said = [await anext(reply), await anext(reply), await anext(reply)]
        assert said == [
            SetLanguage("German", spoken="German"),
            SetLanguage(None, spoken="German"),
            SetVoice("de-DE-Journey-F"),
        ]
        said.append(await reply.athrow(ActionFailed("there is no such voice")))  # type: ignore[attr-defined]
        assert said[3] == "Guten Tag."
        await reply.aclose()  # type: ignore[attr-defined]
        await bot.on_end("")


async def test_a_session_that_ends_while_nobody_waits_for_an_answer_is_no_fault() -> None:
    async with App(answers) as app:
        bot = make(app)
        await all_of(bot.on_call(CALL))
        await app.until(lambda: app.of("setup"))
        await app.sockets[0].close()
        assert bot._socket._reader
        await bot._socket._reader
        assert await all_of(bot.on_cue()) == ["Welcome!"]
        await bot.on_end("")


def test_silence_is_left_to_the_application_unless_the_operator_says_otherwise() -> None:
    assert not RelayBot(Configuration(url="ws://a/b")).asks_silent_callers
    assert RelayBot(Configuration(url="ws://a/b", no_input=True)).asks_silent_callers


async def test_partials_are_told_where_that_is_wanted() -> None:
    async with App(answers) as app:
        for wanted, count in ((False, 0), (True, 1)):
            bot = make(app, partials=wanted)
            await all_of(bot.on_call(CALL))
            await bot.on_partial(Partial("Where is", "English"))
            await all_of(bot.reply(turn("Where is it?")))
            assert len([message for message in app.of("prompt") if not message["last"]]) == count
            await bot.on_end("")


@pytest.mark.parametrize(
    ("handoff", "data", "end"),
    [
        ("", '{"to":"+4930"}', Hangup("the application ended the session")),
        ("+4989", '{"to":"+4930"}', Transfer("+4989")),
        ("{to}", '{"to":"+4930"}', Transfer("+4930")),
        ("{to}", "no JSON", Hangup("the application ended the session")),
        ("{to}", "[" * 20_000, Hangup("the application ended the session")),
        ("+4989", "", Hangup("the application ended the session")),
    ],
)
async def test_the_end_of_the_session_hangs_up_or_hands_over(handoff: str, data: str, end: Action) -> None:
    said = json.dumps({"type": "end", "handoffData": data} if data else {"type": "end"})
    async with App(partial(plays, said=said)) as app:
        bot = make(app, handoff=handoff)
        assert await all_of(bot.reply(turn("A human, please."))) == [end]
        await bot.on_end("")


async def test_a_handover_to_what_is_no_target_is_a_fault_of_the_application() -> None:
    said = json.dumps({"type": "end", "handoffData": json.dumps({"to": "+4930\r\nX: y"})})
    async with App(partial(plays, said=said)) as app:
        bot = make(app, handoff="{to}")
        with pytest.raises(HookFailed, match="on one line"):
            await all_of(bot.reply(turn("A human, please.")))
        await bot.on_end("")


async def test_a_recording_is_fetched_and_played() -> None:
    async with App(partial(plays, said='{"type":"play","source":"/hold.wav"}')) as app:
        bot = make(app)
        [item] = await all_of(bot.reply(turn("Hold.")))
        assert isinstance(item, PlayFile)
        await bot.on_end("")


async def test_a_message_that_breaks_the_rules_is_answered_and_costs_nothing_else() -> None:
    async def odd(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if message["type"] == "prompt":
            await socket.send_str('{"foo": "bar"}')
            await socket.send_str(text("Fine."))

    async with App(odd) as app:
        bot = make(app)
        assert await all_of(bot.reply(turn("Hello?"))) == ["Fine."]
        await app.until(lambda: app.of("error"))
        assert "Invalid message received" in app.of("error")[0]["description"]
        await bot.on_end("")


async def silent(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
    """Says nothing."""


async def hangs_up(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
    if message["type"] == "prompt":
        await socket.send_str(text("Well. Now ", last=False))
        await socket.close()


@pytest.mark.parametrize(
    ("behave", "heard", "why"),
    [
        (silent, [], "in time"),
        (partial(plays, said=text("")), [], "nothing to say"),
        (partial(plays, said=text("Well. Now ", last=False)), ["Well. Now "], "in time"),
        (hangs_up, ["Well. Now "], "closed the session"),
    ],
)
async def test_a_fault_is_raised_behind_what_was_said(behave: Behaviour, heard: list[str], why: str) -> None:
    async with App(behave) as app:
        bot = make(app, wait_s=0.3 if why == "in time" else 20)
        said = []
        with pytest.raises(HookFailed, match=why):
            async for piece in bot.reply(turn("Hello?")):
                said.append(piece)  # noqa: PERF401 - a comprehension would lose what came before the fault
        assert said == heard
        assert len(app.of("prompt")) == 1
        await bot.on_end("")


async def test_a_session_that_was_lost_is_opened_again_for_the_next_turn() -> None:
    async with App(partial(plays, said=text("Yes."))) as app:
        bot = make(app)
        await all_of(bot.on_call(CALL))
        await app.until(lambda: app.of("setup"))
        await app.sockets[0].close()
        assert bot._socket._reader
        await bot._socket._reader
        assert await all_of(bot.reply(turn("Still there?"))) == ["Yes."]
        assert len(app.of("setup")) == 2
        await bot.on_end("")


async def test_an_application_that_is_down_fails_the_turn_only() -> None:
    bot = RelayBot(Configuration(url="ws://127.0.0.1:9/relay", wait_s=1))
    with pytest.raises(HookFailed, match="cannot be reached"):
        await all_of(bot.reply(turn("Hello?")))
    await bot.on_end("")


def test_a_websocket_address_makes_a_relay_and_signs_as_twilio_does() -> None:
    settings = Settings.model_validate({"webhook_url": "wss://app.example/relay", "twilio_auth_token": "t0ken"})
    bot = WebhookBot.from_settings(settings)()
    assert isinstance(bot, RelayBot)
    assert Configuration.of(settings).secret == "t0ken"


# ------------------------------------------------------------ the application's own TwiML

TWIML = """<Response><Say>This call is recorded.</Say><Connect action="/over">
<ConversationRelay url="{ws}" welcomeGreeting="Hello!" welcomeGreetingInterruptible="none" transcriptionLanguage="de-DE"
 hints="Zug" dtmfDetection="true"><Parameter name="shop" value="7"/></ConversationRelay></Connect></Response>"""


def twiml_bot(app: App, over: str = "<Response/>", **how: object) -> RelayBot:
    app.twiml = {"/twiml": TWIML, "/over": over}
    home = app.url.replace("ws://", "http://").replace("/relay", "/twiml")
    return RelayBot(Configuration(twiml_url=home, secret="t0ken", wait_s=20, **how))  # type: ignore[arg-type]


async def test_the_twiml_of_an_application_says_how_its_session_is() -> None:
    async with App(partial(plays, said=text("Yes."))) as app:
        bot = twiml_bot(app)
        begun = await all_of(bot.on_call(CALL))
        assert begun == ["This call is recorded.", SetLanguage("German", spoken=""), SetContext("Zug"), "Hello!"]
        greeting = begun[-1]
        assert isinstance(greeting, Say) and not greeting.interruptible and not greeting.keys_interrupt
        [(path, form, signed)] = app.asked
        assert (path, form["CallSid"], form["Direction"], form["From"]) == ("/twiml", "CA1", "inbound", "+14151234567")
        assert signed == request_signature("t0ken", bot._configuration.twiml_url, form)
        await app.until(lambda: app.of("setup"))
        assert app.of("setup")[0]["customParameters"] == {"shop": "7"}
        assert app.of("setup")[0]["accountSid"] == "AC1"
        assert await all_of(bot.reply(turn("Ja?", "German"))) == ["Yes."]
        assert app.of("prompt")[0]["lang"] == "de-DE"
        await bot.on_end("the caller hung up")
        path, form, signed = app.asked[1]
        assert (path, form["SessionStatus"], form["CallStatus"]) == ("/over", "completed", "completed")
        assert "HandoffData" not in form and form["SessionId"] == app.of("setup")[0]["sessionId"]


@pytest.mark.parametrize(
    ("over", "ends"),
    [
        ("<Response/>", ["the application ended the session"]),
        ("", ["the application ended the session"]),
        ("<Response><Say>Bye.</Say><Dial>+4930</Dial></Response>", ["Bye.", Transfer("+4930")]),
    ],
)
async def test_an_application_that_ends_its_session_is_asked_what_comes_next(over: str, ends: list[object]) -> None:
    async with App(partial(plays, said=json.dumps({"type": "end", "handoffData": '{"to":"x"}'}))) as app:
        bot = twiml_bot(app, over)
        await all_of(bot.on_call(CALL))
        said = await all_of(bot.reply(turn("A human, please.")))
        assert [piece.reason if isinstance(piece, Hangup) else piece for piece in said[: len(ends)]] == ends
        path, form, _ = app.asked[1]
        assert (path, form["HandoffData"], form["SessionStatus"]) == ("/over", '{"to":"x"}', "ended")
        await bot.on_end("transferred")
        assert len(app.asked) == 2, "it is asked once"


@pytest.mark.parametrize(("document", "why"), [("<Response/>", "named no relay"), ("no XML", "no XML")])
async def test_twiml_without_a_relay_is_a_fault_of_the_application(document: str, why: str) -> None:
    async with App(silent) as app:
        bot = twiml_bot(app)
        app.twiml["/twiml"] = document
        with pytest.raises(HookFailed, match=why):
            await all_of(bot.on_call(CALL))
            await all_of(bot.reply(turn("Hello?")))
        await bot.on_end("")


def test_where_the_relay_is_said_once() -> None:
    with pytest.raises(RuntimeError, match="one of them"):
        Configuration(url="wss://a/b", twiml_url="https://a/b")
    settings = Settings.model_validate({"webhook_twiml_url": "https://app.example/twiml", "twilio_auth_token": "t0ken"})
    assert isinstance(WebhookBot.from_settings(settings)(), RelayBot)
    assert Configuration.of(settings).secret == "t0ken"
