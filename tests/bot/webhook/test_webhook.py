"""A bot that runs elsewhere: what it is told, how its answers are read, and what becomes of its faults."""

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import cast

import pytest
from hook_server import Fault, HookServer, Reply
from hypothesis import given
from hypothesis import strategies as st

from bot.actions import (
    ActionFailed,
    Collect,
    Hangup,
    PauseRecording,
    PlayFile,
    ResumeRecording,
    SendDtmf,
    SetLanguage,
    SetVoice,
    Transfer,
)
from bot.api import CallInfo, Heard, Line, Say, Speaker, Turn
from bot.languages import named, tag_of
from bot.webhook import HookFailed, WebhookBot
from bot.webhook.client import Client
from bot.webhook.configuration import Configuration, RecordingPlace
from bot.webhook.replies import Fetch, Item, Reader, items
from bot.webhook.requests import signature
from bridge.plugins import PluginError
from bridge.server.resources import Resources
from bridge.settings import Settings, refusals, warnings

CALL = CallInfo("CA1", caller="+4915100000001", callee="+4930000001", parameters={"plan": "gold"})
NDJSON = "application/x-ndjson"


@pytest.fixture
async def server() -> AsyncIterator[HookServer]:
    async with HookServer() as hook:
        yield hook


def make(server: HookServer, *rules: tuple[str, Reply], **how: object) -> WebhookBot:
    server.rules = rules
    configuration = Configuration(url=server.url, **how)  # type: ignore[arg-type]
    return WebhookBot(configuration, Client(configuration, clock_s=lambda: 1_700_000_000.0))


async def answers(bot: WebhookBot, text: str = "Hello?", *history: Line) -> list[object]:
    return [piece async for piece in bot.reply(Turn(CALL, text, "English", history))]


# ------------------------------------------------------------ what a hook is told


async def test_a_turn_is_one_request_that_says_who_calls_and_what_was_said(server: HookServer) -> None:
    bot = make(server)
    history = [Line(Speaker.BOT, "Hello!"), Line(Speaker.CALLER, "Hi.")]
    assert await answers(bot, "Where is it?", *history) == ["You said: Where is it?"]
    assert server.bodies == [
        {
            "event": "turn",
            "id": "CA1-1",
            "call": {
                "id": "CA1",
                "from": "+4915100000001",
                "to": "+4930000001",
                "direction": "inbound",
                "parameters": {"plan": "gold"},
            },
            "text": "Where is it?",
            "language": "English",
            "history": [{"speaker": "bot", "text": "Hello!"}, {"speaker": "caller", "text": "Hi."}],
        }
    ]


ASKED = Transfer("+49301", consult="A caller.")


@pytest.mark.parametrize(
    ("answer", "action", "heard", "raised"),
    [
        ('{"say": "She is busy."}', ASKED, ["She is busy."], False),
        ("", ASKED, [], True),
        ("", Transfer("+49301"), [], True),
    ],
    ids=["the hook knows what to say", "it does not", "nobody was asked"],
)
async def test_a_hook_is_told_that_nobody_took_the_caller(
    answer: str, action: Transfer, heard: list[str], raised: bool, server: HookServer
) -> None:
    asked = {"transfer": action.target, **({"consult": action.consult} if action.consult else {})}
    lines = json.dumps(["Wait.", asked, "Never said."])
    bot = make(
        server,
        ("turn: ", Reply(lines, "application/json")),
        ("not_transferred: ", Reply(answer, "application/json")),
    )
    said: list[object] = []
    reply = cast(AsyncGenerator[object, None], bot.reply(Turn(CALL, "A human!", "English")))
    async with aclosing(reply):
        assert [await anext(reply), await anext(reply)] == ["Wait.", action]
        try:
            said.append(await reply.athrow(ActionFailed("+49301 does not take the caller: busy")))
            said += [piece async for piece in reply]
        except ActionFailed:
            assert raised
    assert said == heard
    told = server.of("not_transferred")
    assert [(body["target"], body["reason"]) for body in told] == (
        [("+49301", "+49301 does not take the caller: busy")] if action.consult else []
    )


async def test_the_other_events_of_a_call_are_told(server: HookServer) -> None:
    bot = make(server, ("^call", Reply("Welcome!")))
    assert [text async for text in bot.on_call(CALL)] == ["Welcome!"]
    await bot.on_dtmf("5")
    await bot.on_interrupted(Heard("We are", rest="open.", played_ms=460))
    await bot.on_end("caller hung up")
    told = [{name: body[name] for name in body if name != "call"} for body in server.bodies]
    assert told == [
        {"event": "call", "id": "CA1-1"},
        {"event": "dtmf", "id": "CA1-2", "digit": "5"},
        {"event": "interrupted", "id": "CA1-3", "heard": "We are", "unheard": "open.", "heard_ms": 460},
        {"event": "end", "id": "CA1-4", "reason": "caller hung up"},
    ]


async def test_requests_are_signed_over_time_and_body_and_carry_an_id(server: HookServer) -> None:
    await answers(make(server, secret="s3cret"))
    [headers], [raw] = server.headers, server.raw
    right = hmac.new(b"s3cret", b"1700000000." + raw, hashlib.sha256).hexdigest()
    assert headers["X-Bridge-Timestamp"] == "1700000000"
    assert headers["X-Bridge-Signature"] == f"v1={right}" == signature("s3cret", "1700000000", raw)
    assert headers["Idempotency-Key"] == "CA1-1"


async def test_without_a_secret_nothing_is_signed(server: HookServer) -> None:
    await answers(make(server))
    assert "X-Bridge-Signature" not in server.headers[0]


async def test_a_secret_shows_in_no_text_of_the_configuration() -> None:
    assert "s3cret" not in repr(Configuration(url="https://hook.example", secret="s3cret"))


@pytest.mark.parametrize("text", ["मुझे कल की बुकिंग चाहिए", "Kal subah ka appointment chahiye", "Meri बुकिंग cancel कर do"])
async def test_hindi_in_either_script_and_mixed_arrives_and_comes_back_unharmed(server: HookServer, text: str) -> None:
    assert await answers(make(server), text, Line(Speaker.BOT, text)) == [f"You said: {text}"]
    assert (server.bodies[0]["text"], server.bodies[0]["history"][0]["text"]) == (text, text)
    assert text.encode() in server.raw[0], "as itself, not as escapes"


# ------------------------------------------------------------ answers


def read(kind: str, *chunks: bytes) -> list[Item]:
    reader = Reader(kind)
    return [item for chunk in chunks for item in reader.feed(chunk)] + list(reader.end())


@pytest.mark.parametrize(
    ("kind", "chunks", "said"),
    [
        ("text/plain", [b"We open ", b"at nine."], ["We open ", "at nine."]),
        ("text/plain; charset=utf-8", ["नमस्ते".encode()[:4], "नमस्ते".encode()[4:]], ["न", "मस्ते"]),
        (NDJSON, [b'{"say": "One."}\n{"sa', b'y": "Two."}'], ["One.", "Two."]),
        (NDJSON, [b'"One."\r\n\r\n"Two."\r\n'], ["One.", "Two."]),
        ("application/json", [b'{"say": ', b'"Hello."}'], ["Hello."]),
        ("application/json", [b'[{"say": "Bye."}, {"hangup": true}]'], ["Bye.", Hangup()]),
        (
            "text/event-stream",
            [b'data: {"say": "One."}\n\n: still here\n\ndata: "Tw', b'o."\n\ndata: [DONE]\n\n'],
            ["One.", "Two."],
        ),
        ("text/event-stream", [b'event: x\ndata: {"say":\ndata: "One."}'], ["One."]),
        ("application/json", [b""], []),
    ],
)
def test_answers_are_read_in_the_form_they_say_they_have(
    kind: str, chunks: Sequence[bytes], said: Sequence[Item]
) -> None:
    assert read(kind, *chunks) == said


@pytest.mark.parametrize(
    ("value", "action"),
    [
        ({"transfer": "+4930123456"}, Transfer("+4930123456")),
        (
            {"transfer": "+49", "consult": "A caller.", "accept": "1", "hold": "Please wait.", "returns": True},
            Transfer("+49", consult="A caller.", accept="1", hold="Please wait.", returns=True),
        ),
        ({"hangup": "done"}, Hangup("done")),
        ({"collect": {"digits": 8}}, Collect(8)),
        ({"collect": {"digits": 4, "secret": True}}, Collect(4, secret=True)),
        ({"recording": "pause"}, PauseRecording()),
        ({"recording": "resume"}, ResumeRecording()),
        ({"collect": {"terminator": "*", "timeout_s": 3}}, Collect(terminator="*", timeout_s=3.0)),
        ({"dtmf": "12#"}, SendDtmf("12#")),
        ({"language": "de-DE"}, SetLanguage("German")),
        ({"voice": "anna"}, SetVoice("anna")),
        ({"play": "/hold.wav", "interruptible": False}, Fetch("/hold.wav", interruptible=False)),
    ],
)
def test_actions_are_objects(value: object, action: Item) -> None:
    assert list(items(value)) == [action]


def test_what_is_said_may_say_more() -> None:
    [say] = items({"say": "Your number?", "interruptible": False, "expect": "digits", "digits": 8})
    assert isinstance(say, Say)
    assert (say, say.interruptible, say.expect, say.digits) == ("Your number?", False, "digits", 8)


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("text/html", b"<p>Hello", "text/html"),
        ("", b"", "no content type"),
        ("application/json", b"{", "no JSON"),
        ("application/json", b'{"transfer": "+49", "accept": "1"}', "consult is empty"),
        ("application/json", b'{"transfer": "+49", "consult": "A.", "hold": "/etc/x.wav"}', "hold is a text"),
        ("application/json", b'{"transfer": "+49", "consult": "A.", "returns": "yes"}', "returns"),
        ("application/json", b'{"shout": "Hello"}', "must name one of say, transfer"),
        ("application/json", b'{"say": "a", "hangup": true}', "must name one"),
        ("application/json", b'{"say": 5}', "say is a text"),
        ("application/json", b'{"transfer": ""}', "must be a number or an address"),
        ("application/json", b'{"dtmf": "x"}', "must be one or more of"),
        ("application/json", b'{"recording": 5}', "pause"),
        ("application/json", b'{"collect": 8}', "collect is an object"),
        ("application/json", b'{"collect": {"timeout_s": "5"}}', "timeout_s is a number"),
        ("application/json", b'{"hangup": false}', "hangup is a text"),
        ("application/json", b'{"say": "x", "expect": "weather"}', "expect is 'weather'"),
        ("application/json", b"5", "an object, a list or a text"),
        ("application/json", b"[" * 100_000, "no JSON"),
        ("application/json", b'{"collect": {"digits": 1, "timeout_s": 1' + b"0" * 400 + b"}}", "too large"),
        ("application/" + "x" * 8000, b"", "is read"),
        (NDJSON, b"x" * 70_000, "too long"),
        ("text/plain", b"\xff", "not UTF-8"),
    ],
)
def test_what_cannot_be_understood_is_a_fault(kind: str, body: bytes, why: str) -> None:
    with pytest.raises(HookFailed, match=why) as failed:
        read(kind, body)
    assert len(str(failed.value)) < 400


def test_lists_in_lists_are_what_is_in_them_however_deep() -> None:
    deep: list[object] = ["first", "second"]
    for _ in range(5000):
        deep = [deep]
    assert list(items([deep, "third"])) == ["first", "second", "third"]


_WORDS = st.sampled_from("say transfer hangup collect play dtmf language voice interruptible expect digits".split())
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=9,
)


@given(st.lists(_ANY, max_size=5), st.integers(1, 99))
def test_whatever_json_comes_is_understood_or_refused_and_how_it_is_cut_makes_no_difference(
    values: list[object], size: int
) -> None:
    body = "\n".join(map(json.dumps, values)).encode()

    def understood(size: int) -> object:
        try:
            return [item for at in range(0, len(body), size) for item in reader.feed(body[at : at + size])] + [
                *reader.end()
            ]
        except HookFailed as why:
            return len(str(why)) < 400

    reader = Reader(NDJSON)
    whole = understood(len(body) or 1)
    reader = Reader(NDJSON)
    assert understood(size) == whole


async def test_text_is_spoken_as_it_comes(server: HookServer) -> None:
    bot = make(server, ("^turn", Reply("We open at nine.", fault=Fault.STALL)))
    assert await anext(aiter(bot.reply(Turn(CALL, "When?", "English")))) == "We open at nine."


async def read_file(path: str) -> bytes:
    return await asyncio.to_thread(Path(path).read_bytes)


async def test_a_recording_is_fetched_once_and_removed_with_the_call(server: HookServer) -> None:
    both = Reply('{"play": "/hold.wav"}\n{"play": "hold.wav"}', NDJSON)
    bot = make(server, ("^turn", both))
    first, second = cast(Sequence[PlayFile], await answers(bot))
    assert first.path == second.path and (await read_file(first.path)).startswith(b"RIFF")
    await bot.on_end("done")
    with pytest.raises(FileNotFoundError):
        await read_file(first.path)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("/page.wav", "neither WAV"),
        ("/none", "status 404"),
        ("http://elsewhere.example/a.wav", "from elsewhere"),
        ("file:///etc/passwd", "elsewhere"),
    ],
)
async def test_other_recordings_are_refused(server: HookServer, url: str, why: str) -> None:
    with pytest.raises(HookFailed, match=why):
        await answers(make(server, ("^turn", Reply(json.dumps({"play": url}), NDJSON))))


# ------------------------------------------------------------ faults


@pytest.mark.parametrize(
    ("reply", "heard", "why"),
    [
        (Reply(fault=Fault.STALL), [], "did not answer in time"),
        (Reply("We are ", fault=Fault.STALL), ["We are "], "did not answer in time"),
        (Reply("We are ", fault=Fault.RESET), ["We are "], "broke"),
        (Reply('{"say": "We"}\nare\n', NDJSON), ["We"], "no JSON"),
        (Reply(""), [], "nothing to say"),
        (Reply(status=204), [], "nothing to say"),
        (Reply("no", status=500), [], "status 500"),
        (Reply("no", status=302), [], "status 302"),
        (Reply("a" * 2000), [], "longer than 1024"),
    ],
)
async def test_a_fault_is_raised_behind_what_was_said(
    server: HookServer, reply: Reply, heard: list[str], why: str
) -> None:
    wait_s = 0.2 if reply.fault is Fault.STALL else 20  # a busy machine is no stall
    bot = make(server, ("^turn", reply), wait_s=wait_s, max_bytes=1024)
    said: list[object] = []
    with pytest.raises(HookFailed, match=why):
        async for piece in bot.reply(Turn(CALL, "Hello?", "English")):
            said.append(piece)  # noqa: PERF401 - a comprehension would lose what came before the fault
    assert said == heard
    assert len(server.bodies) == 1, "what may have been done is not asked for again"


async def test_a_fault_of_what_needs_no_answer_is_logged_and_nothing_else(
    server: HookServer, caplog: pytest.LogCaptureFixture
) -> None:
    await make(server, ("^dtmf", Reply(status=500))).on_dtmf("1")
    assert "the hook was not told of 'dtmf'" in caplog.text


async def test_a_hook_that_is_down_is_asked_twice_and_no_more() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        configuration = Configuration(url=f"http://127.0.0.1:{taken.getsockname()[1]}/")
        with pytest.raises(HookFailed, match="cannot be reached"):
            await answers(WebhookBot(configuration, Client(configuration)))


async def test_a_connection_that_was_closed_while_idle_costs_no_turn() -> None:
    async with HookServer() as first:
        configuration = Configuration(url=first.url)
        bot = WebhookBot(configuration, Client(configuration))
        await answers(bot)
    async with HookServer(port=first.port) as second:
        assert await answers(bot) == ["You said: Hello?"]
        assert [body["id"] for body in second.bodies] == ["CA1-2"]


async def test_who_speaks_over_the_answer_hangs_up_on_the_hook(server: HookServer) -> None:
    bot = make(server, ("^turn", Reply("We are ", fault=Fault.STALL)))

    async def listen() -> None:
        async for _ in bot.reply(Turn(CALL, "Hello?", "English")):
            heard.set()

    heard = asyncio.Event()
    listening = asyncio.create_task(listen())
    await heard.wait()
    listening.cancel()
    await server.until(lambda: server.hung_up == 1)


# ------------------------------------------------------------ settings


def test_the_bot_webhook_is_made_from_the_settings() -> None:
    names = {"asr": "fakes:FakeAsr", "tts": "fakes:FakeTts", "bot": "webhook"}
    engines = Resources.load(Settings.model_validate(names | {"webhook_url": "https://hook.example/turn"}))
    assert isinstance(engines.make_bot(), WebhookBot)
    assert engines.make_bot() is not engines.make_bot()
    engines.close()
    with pytest.raises(PluginError, match="--bot webhook: it needs to know where: --webhook-url"):
        Resources.load(Settings.model_validate(names))


def test_the_settings_of_a_hook_are_checked() -> None:
    assert any("--webhook-url" in line for line in refusals(Settings(bot="webhook")))
    plain = Settings(bot="webhook", webhook_url="http://hook.example/")
    assert not refusals(plain)
    assert [line for line in warnings(plain) if "unencrypted" in line]
    assert [line for line in warnings(plain) if "BRIDGE_WEBHOOK_SECRET" in line]


def test_recordings_come_from_the_hooks_own_host_or_from_where_the_operator_says() -> None:
    own = Configuration(url="wss://hook.example/relay", media_origins=("https://cdn.example",))
    assert own.recording("/a.wav") == RecordingPlace("https://hook.example/a.wav", named=True)
    assert own.recording("https://cdn.example/a.wav") == RecordingPlace("https://cdn.example/a.wav", named=True)
    assert own.recording("https://10.0.0.1/a.wav") is None
    assert own.recording("http://hook.example/a.wav") is None
    anywhere = Configuration(url="https://hook.example/", media_origins=("*",))
    other = "https://other.example/a.wav"
    assert anywhere.recording(other) == RecordingPlace(other, named=False)


def test_languages_have_names_and_tags() -> None:
    assert [named(each) for each in ("en-US", "hi", "German", "zh_CN", "tlh")] == [
        "English",
        "Hindi",
        "German",
        "Chinese",
        "tlh",
    ]
    assert [tag_of(each) for each in ("English", "Hindi", "Polish", "Klingon")] == ["en-US", "hi-IN", "pl", "Klingon"]
    assert tag_of("English", "en-GB") == "en-GB" and tag_of("German", "en-GB") == "de-DE"
