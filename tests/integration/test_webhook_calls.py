"""Bots that run elsewhere, called over the Twilio wire: what the caller hears of them and of their faults."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from aiohttp import web
from hook_server import Fault, HookServer, Reply
from integration.hearing import SLACK_S, ask, hear, words
from integration.recordings import prompt
from integration.server import Server, serve
from relay_app import App, text

from bridge.commands.phone.simulated_phone import dial
from bridge.speech.backends.whisper import WhisperAsr

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAIT_S: Final = 2.0
WORDS: Final = "The museum is open today."
APOLOGY: Final = "something went wrong"
NDJSON: Final = "application/x-ndjson"
CALL_SID: Final = "CA" + "7" * 32


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[tuple[HookServer, Server]]:
    async with HookServer() as hook:
        flags = ("--bot", "webhook", "--webhook-url", hook.url, "--webhook-wait", f"{WAIT_S:g}")
        async with serve(*flags, "--no-input-timeout", "3") as server:
            yield hook, server


@pytest.fixture
def hook(running: tuple[HookServer, Server]) -> HookServer:
    running[0].bodies.clear()
    running[0].rules = ()
    return running[0]


@pytest.fixture
def server(running: tuple[HookServer, Server]) -> Server:
    running[1].output.clear()
    return running[1]


# ---------------------------------------------------------------- HTTP


async def test_a_hook_greets_answers_and_hangs_up_once_its_last_words_were_heard(
    server: Server, hook: HookServer, ears: WhisperAsr
) -> None:
    acts = Reply('{"say": "The museum is open today. "}\n{"hangup": "all said"}\n', NDJSON)
    hook.rules = [("^call", Reply("Welcome to the museum.")), ("^turn", acts)]
    async with dial(server.twilio, call_sid=CALL_SID) as phone:
        greeted_ms = await phone.until_heard(after_ms=0)
        assert "welcome to the museum" in await hear(phone, ears, from_ms=greeted_ms, then_within_s=0.8)
        heard_ms = await ask(phone, within_s=WAIT_S + SLACK_S)
        await server.logged("call ended: all said")
    assert "museum is open" in await words(phone, ears, from_ms=heard_ms)
    [turn] = hook.of("turn")
    assert turn["call"]["id"] == CALL_SID
    assert [line["text"] for line in turn["history"]] == ["Welcome to the museum."]
    await hook.until(lambda: [end["reason"] for end in hook.of("end")] == ["all said"])


async def test_keys_that_a_hook_asks_for_are_its_next_turn(server: Server, hook: HookServer, ears: WhisperAsr) -> None:
    asks = Reply('[{"say": "Your number please. "}, {"collect": {"digits": 3}}]', "application/json")
    hook.rules = [("^turn: 159", Reply("Thank you very much.")), ("^turn", asks)]
    async with dial(server.twilio, call_sid=CALL_SID) as phone:
        await ask(phone, within_s=WAIT_S + SLACK_S)
        await phone.until_silent()
        pressed_ms = phone.now_ms
        for digit in "159":
            await phone.press(digit)
        heard_ms = await phone.until_heard(after_ms=pressed_ms)
        assert "thank you" in await hear(phone, ears, from_ms=heard_ms, then_within_s=0.8)
    assert [turn.get("keys") for turn in hook.of("turn")] == [None, "159"]
    assert hook.of("dtmf") == []


async def test_a_caller_who_says_nothing_is_asked_in_the_hooks_words(
    server: Server, hook: HookServer, ears: WhisperAsr
) -> None:
    hook.rules = [("^silence", Reply("Do you want to know the opening hours?"))]
    async with dial(server.twilio, call_sid=CALL_SID) as phone:
        asked_ms = await phone.until_heard(after_ms=0)
        assert "opening hours" in await hear(phone, ears, from_ms=asked_ms, then_within_s=0.8)
    assert [body["count"] for body in hook.of("silence")] == [1]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(fault=Fault.STALL),
        Reply("no", status=500),
        pytest.param(Reply(fault=Fault.RESET), marks=pytest.mark.slow),
        pytest.param(Reply("{no JSON", NDJSON), marks=pytest.mark.slow),
    ],
    ids=["stall", "500", "reset", "malformed"],
)
async def test_without_an_answer_the_caller_hears_the_fallback_in_time_and_the_call_goes_on(
    server: Server, hook: HookServer, ears: WhisperAsr, reply: Reply
) -> None:
    hook.rules = [("^turn", reply)]
    async with dial(server.twilio, call_sid=CALL_SID) as phone:
        heard_ms = await ask(phone, within_s=WAIT_S + SLACK_S)
        assert APOLOGY in await hear(phone, ears, from_ms=heard_ms, then_within_s=0.8)
        assert len({body["id"] for body in hook.of("turn")}) == 1, "what is asked again bears the same number"
        hook.rules = [("^turn", Reply(WORDS))]
        heard_ms = await ask(phone, within_s=WAIT_S + SLACK_S)
        assert "museum is open" in await hear(phone, ears, from_ms=heard_ms, then_within_s=0.8)
    assert server.log.count("the bot failed") == 1


@pytest.mark.parametrize(
    "fault", [Fault.STALL, pytest.param(Fault.RESET, marks=pytest.mark.slow)], ids=["stall", "reset"]
)
async def test_an_answer_that_breaks_off_is_heard_so_far_and_the_fallback_behind_it(
    server: Server, hook: HookServer, ears: WhisperAsr, fault: Fault
) -> None:
    hook.rules = [("^turn", Reply(f"{WORDS} And on Sunday", fault=fault))]
    async with dial(server.twilio, call_sid=CALL_SID) as phone:
        heard_ms = await ask(phone, within_s=WAIT_S + SLACK_S)
        heard = await hear(phone, ears, from_ms=heard_ms, then_within_s=WAIT_S + 1)
        hook.rules = [("^turn", Reply("Fine."))]
        await ask(phone, within_s=WAIT_S + SLACK_S)
    assert "museum is open" in heard and APOLOGY in heard
    said = [line["text"] for line in hook.of("turn")[-1]["history"] if line["speaker"] == "bot"]
    assert WORDS in said[0], "what was heard is in the history, fault or not"


# ---------------------------------------------------------------- ConversationRelay


async def museum(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
    """Greets; tells a long story of the museum; knows two keys, and gives up on the second."""
    match message["type"]:
        case "setup":
            await socket.send_str(text("Welcome to the museum."))
        case "prompt":
            for number in range(8):
                await socket.send_str(text(f"This is room number {number} of the museum. ", last=number == 7))
        case "dtmf" if message["digit"] == "1":
            await socket.send_str(text("We are open until five."))
        case "dtmf":
            await socket.send_str(json.dumps({"type": "end", "handoffData": '{"why":"a human"}'}))


async def test_an_application_for_conversation_relay_runs_unchanged(ears: WhisperAsr) -> None:
    async with App(museum) as app, serve("--bot", "webhook", "--webhook-url", app.url) as server:
        async with dial(server.twilio, call_sid=CALL_SID) as phone:
            heard_ms = await phone.until_heard(after_ms=0)
            assert "welcome to the museum" in await hear(phone, ears, from_ms=heard_ms, then_within_s=0.8)
            heard_ms = await ask(phone, within_s=10)
            await phone.until(lambda: phone.now_ms > heard_ms + 2500)
            await phone.say(prompt("conf-full").mulaw)
            await app.until(lambda: app.of("interrupt"))
            cut = app.of("interrupt")[0]
            assert cut["utteranceUntilInterrupt"].startswith("This is room number")
            assert 1000 < cut["durationUntilInterruptMs"] < 10_000
            await app.until(lambda: len(app.of("prompt")) == 2)
            await phone.until_heard(after_ms=phone.now_ms)
            pressed_ms = phone.now_ms
            await phone.press("2")
            await server.logged("call ended: the application ended the session", timeout_s=40)
            assert phone.now_ms > pressed_ms
        assert [message["type"] for message in app.told] == [
            *("setup", "prompt", "interrupt", "prompt"),
            *("interrupt", "dtmf"),  # a key interrupts, too
        ]
        assert app.of("setup")[0]["callSid"] == CALL_SID
