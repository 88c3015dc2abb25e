"""An application written for Twilio's ConversationRelay as a bot: its messages, its session and its faults."""

import asyncio
import base64
import hashlib
import hmac
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

from bot.actions import Action, Hangup, PlayFile, SendDtmf, SetLanguage, Transfer
from bot.api import CallInfo, Heard, Partial, Say, Turn
from bot.webhook import HookFailed, WebhookBot, dialect
from bot.webhook.configuration import Configuration
from bot.webhook.dialect import EndSession, NotUnderstood, understand
from bot.webhook.relay import RelayBot
from bot.webhook.replies import Fetch
from bridge.settings import Settings

CALL = CallInfo("CA1", "+14151234567", "+18881234567", {"foo": "bar", "Direction": "inbound"})


# ------------------------------------------------------------ messages


def test_a_session_begins_with_who_calls_whom() -> None:
    assert json.loads(dialect.setup(CALL, "VX1")) == {
        "type": "setup",
        "sessionId": "VX1",
        "callSid": "CA1",
        "from": "+14151234567",
        "to": "+18881234567",
        "direction": "inbound",
        "customParameters": {"foo": "bar", "Direction": "inbound"},
    }


def test_a_session_is_told_what_twilio_told_of_the_caller() -> None:
    call = CallInfo("CA1", caller_name="ALICE", forwarded_from="+4940", parameters={"AccountSid": "AC1"})
    told = json.loads(dialect.setup(call, "VX1"))
    assert (told["callerName"], told["forwardedFrom"], told["accountSid"]) == ("ALICE", "+4940", "AC1")


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
        "durationUntilInterruptMs": "460",
    }
    assert json.loads(dialect.dtmf("1")) == {"type": "dtmf", "digit": "1"}


@pytest.mark.parametrize("said", ["मुझे कल की बुकिंग चाहिए", "Meri बुकिंग cancel कर do", "Kal subah ka appointment"])
def test_hindi_in_either_script_is_sent_as_itself(said: str) -> None:
    assert said in dialect.prompt(said, "Hindi")
    assert json.loads(dialect.prompt(said, "Hindi"))["lang"] == "hi-IN"


@pytest.mark.parametrize(
    ("message", "items", "last"),
    [
        (text("Life is ", last=False), ["Life is "], False),
        (text("beautiful."), ["beautiful."], True),
        (text(""), [], True),
        (text("Wichtig.", lang="de-DE"), [SetLanguage("German"), "Wichtig."], True),
        ('{"type":"play","source":"https://a/b.wav","loop":2}', [Fetch("https://a/b.wav")] * 2, True),
        ('{"type":"play","source":"b.wav","interruptible":false}', [Fetch("b.wav", interruptible=False)], True),
        ('{"type":"sendDigits","digits":"9www4085551212"}', [SendDtmf("9www4085551212")], False),
        ('{"type":"language","ttsLanguage":"sv-SE"}', [SetLanguage("Swedish")], False),
        ('{"type":"end","handoffData":"{\\"reason\\":\\"live\\"}"}', [EndSession('{"reason":"live"}')], True),
        ('{"type":"end"}', [EndSession("")], True),
        ('{"type":"somethingNew","x":1}', [], False),
    ],
)
def test_what_an_application_asks_for(message: str, items: list[object], last: bool) -> None:
    assert understand(message) == dialect.Understood(items, last)  # type: ignore[arg-type]


def test_a_token_may_not_be_interrupted_where_the_application_says_so() -> None:
    [item] = understand(text("This call is recorded.", interruptible=False)).items
    assert isinstance(item, Say) and not item.interruptible


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
kinds = st.sampled_from(["text", "play", "sendDigits", "language", "end", "x"])
names = st.sampled_from(["token", "last", "lang", "source", "loop", "digits", "ttsLanguage", "handoffData"])


@given(st.builds(lambda kind, rest: json.dumps({**rest, "type": kind}), kinds, st.dictionaries(names, json_values)))
def test_whatever_comes_is_understood_or_refused(message: str) -> None:
    with suppress(NotUnderstood):
        assert isinstance(understand(message).items, list)


@given(st.text(max_size=200) | st.binary(max_size=50))
def test_whatever_is_no_message_is_refused_or_means_nothing(message: str | bytes) -> None:
    with suppress(NotUnderstood):
        assert not understand(message).items


def test_an_upgrade_is_signed_as_twilio_signs_it() -> None:
    url, token = "wss://app.example/relay", "12345"
    right = base64.b64encode(hmac.new(token.encode(), url.encode(), hashlib.sha1).digest()).decode()
    assert dialect.signature(token, url) == right


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
        assert app.headers[0]["X-Twilio-Signature"] == dialect.signature("t0ken", app.url)
        assert [message["type"] for message in app.told] == ["setup", "prompt", "dtmf"]
        await app.until(lambda: app.sockets[0].closed)


async def test_what_comes_for_an_answer_that_was_interrupted_is_not_said_later() -> None:
    async def slow(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if message["type"] == "prompt" and message["voicePrompt"] == "Tell me.":
            await socket.send_str(text("Once upon ", last=False))
        elif message["type"] == "interrupt":
            await socket.send_str(text("a time."))  # it had sent this before it heard of it
        elif message["type"] == "prompt":
            await socket.send_str(text("Stopped."))

    async with App(slow) as app:
        bot = make(app)
        reply = bot.reply(turn("Tell me."))
        assert await anext(reply) == "Once upon "
        await reply.aclose()  # type: ignore[attr-defined]
        await bot.on_interrupted(Heard("Once", rest="upon", played_ms=300))
        await app.until(lambda: app.of("interrupt"))
        await asyncio.sleep(0.05)  # the stale token has come
        assert await all_of(bot.reply(turn("Stop."))) == ["Stopped."]
        assert await all_of(bot.on_cue()) == []
        await bot.on_end("")


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
        await socket.send_str(text("Well, ", last=False))
        await socket.close()


@pytest.mark.parametrize(
    ("behave", "heard", "why"),
    [
        (silent, [], "in time"),
        (partial(plays, said=text("")), [], "nothing to say"),
        (partial(plays, said=text("Well, ", last=False)), ["Well, "], "in time"),
        (hangs_up, ["Well, "], "closed the session"),
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
        assert bot._reader
        await bot._reader
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
