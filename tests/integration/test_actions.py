"""Whole calls with examples/appointment_bot.py: it looks up, asks for keys, books and puts through."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import pytest_asyncio
from chat_server import Answer, ChatServer
from integration.hearing import hear_out, spoken, transcribe
from integration.recordings import normal
from integration.server import Server, serve
from integration.sip_peers import baresip, free_port, needs_baresip, needs_stack, read_wav

from bridge.commands.phone.simulated_phone import SimulatedPhone, dial
from bridge.speech.backends.whisper import WhisperAsr
from telephony.codec import decode, encode
from telephony.events import Encoding

pytest.importorskip("openai", reason="the extra openai is not installed")
pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT: Final = Path(__file__).parents[2]
OFFER: Final = (
    "On Friday I have ten o'clock in the morning. There is also half past two in the afternoon. "
    "If neither of these suits you, then we shall find something else next week."
)
RULES: Final = (
    ("^user: .*(human|somebody)", Answer(calls=[("put_through", "{}")])),
    ("^user: .*appointment", Answer(calls=[("free_times", '{"day": "Friday"}')])),
    (r"^user: .*(ten|10)\b", Answer("Type your customer number now.", calls=[("ask_customer_number", "{}")])),
    (
        "^user: 4711$",
        Answer(calls=[("book", '{"day": "Friday", "time": "10:00", "customer": "4711"}')]),
    ),
    (r'^tool: \["10:00","14:30"\]', Answer(OFFER)),
    ("^tool: Booked: Friday at 10:00", Answer("Your appointment is booked for Friday at ten o'clock.")),
    ("^tool: Say that you are putting the caller through.$", Answer("One moment, I will connect you.")),
    ("^tool: .*Error: this wire cannot transfer", Answer("I am sorry, the reception cannot be reached.")),
)
LINES: Final = {
    "appointment": "Do you have an appointment on Friday?",
    "ten": "Ten o'clock in the morning, please.",
    "human": "I want to talk to a human, please.",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chat() -> AsyncIterator[ChatServer]:
    async with ChatServer(RULES) as chat:
        yield chat


@pytest_asyncio.fixture(loop_scope="module")
async def server(chat: ChatServer) -> AsyncIterator[Server]:
    """One for each test: what is booked is booked."""
    chat.requests.clear()
    async with serve("--bot", "examples.appointment_bot:Practice", env=environment(chat), cwd=ROOT) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lines() -> Mapping[str, bytes]:
    return {name: await spoken(text) for name, text in LINES.items()}


def environment(chat: ChatServer) -> dict[str, str]:
    return {"OPENAI_BASE_URL": chat.url, "OPENAI_API_KEY": "none", "BRIDGE_LLM_MODEL": "rules"}


def told(chat: ChatServer, role: str, number: int = -1) -> list[str]:
    """What a request told the model of one side's words."""
    return [str(m["content"]) for m in chat.requests[number]["messages"] if m["role"] == role and m["content"]]


async def answer(phone: SimulatedPhone, ears: WhisperAsr, *, after_ms: float) -> str:
    _, audio = await hear_out(phone, after_ms=after_ms)
    return normal(await transcribe(ears, audio))


async def test_an_appointment_is_found_agreed_and_booked_once(
    server: Server, chat: ChatServer, lines: Mapping[str, bytes], ears: WhisperAsr
) -> None:
    async with dial(server.twilio, call_sid="CA" + "1" * 32) as phone:
        assert "hello" in await answer(phone, ears, after_ms=0)
        assert "half past two" in await answer(phone, ears, after_ms=await phone.say(lines["appointment"]))
        assert "customer number" in await answer(phone, ears, after_ms=await phone.say(lines["ten"]))
        for key in "4711":
            await phone.press(key)
        confirmed = await answer(phone, ears, after_ms=phone.now_ms)
        assert "booked" in confirmed and "friday" in confirmed
        await phone.say(lines["ten"])  # whatever is asked next: the model is told all that was heard
        await chat.until(lambda: len(chat.requests) > 5)
    assert server.log.count("booked: Friday at 10:00 for customer 4711") == 1
    assert told(chat, "assistant") == [
        OFFER,
        "Type your customer number now.",
        "Your appointment is booked for Friday at ten o'clock.",
    ]
    assert told(chat, "user")[2] == "4711"
    assert "the bot failed" not in server.log


async def test_who_chooses_before_the_offer_ends_is_understood_and_the_model_knows_what_was_heard(
    server: Server, chat: ChatServer, lines: Mapping[str, bytes], ears: WhisperAsr
) -> None:
    async with dial(server.twilio, call_sid="CA" + "2" * 32) as phone:
        await answer(phone, ears, after_ms=0)
        offered_ms = await phone.until_heard(after_ms=await phone.say(lines["appointment"]))
        await phone.until(lambda: phone.now_ms > offered_ms + 2500)
        assert "customer number" in await answer(phone, ears, after_ms=await phone.say(lines["ten"]))
    (heard,) = told(chat, "assistant")
    assert OFFER.startswith(heard) and "ten o'clock" in heard
    assert "find something else" not in heard
    assert server.log.count("booked: ") == 0


async def test_a_transfer_that_the_wire_cannot_make_is_said(
    server: Server, chat: ChatServer, lines: Mapping[str, bytes], ears: WhisperAsr
) -> None:
    async with dial(server.twilio, call_sid="CA" + "3" * 32) as phone:
        await answer(phone, ears, after_ms=0)
        heard = await answer(phone, ears, after_ms=await phone.say(lines["human"]))
        if "reached" not in heard:  # there may be a pause between the two
            heard += await answer(phone, ears, after_ms=phone.now_ms)
    assert "connect you" in heard and "cannot be reached" in heard
    assert len(chat.requests) == 3, "asked what to do, what to say before it, and what to say to its failure"
    assert "the bot failed" not in server.log


@needs_stack
@needs_baresip
async def test_over_sip_the_caller_hears_it_and_is_put_through(
    chat: ChatServer, lines: Mapping[str, bytes], ears: WhisperAsr, tmp_path: Path
) -> None:
    port, desk = free_port(), free_port()
    said = decode(lines["human"], Encoding.MULAW)
    quiet = np.zeros(8000, np.float32)
    audio = (np.concatenate([*[quiet] * 6, said, *[quiet] * 20]) * 32767).astype(np.int16)
    env = environment(chat) | {"PRACTICE_RECEPTION": f"sip:desk@127.0.0.1:{desk}"}
    flags = ("--sip", "--sip-port", str(port), "--bot", "examples.appointment_bot:Practice")
    async with (
        serve(*flags, env=env, cwd=ROOT) as server,
        baresip(tmp_path / "desk", np.zeros(8000 * 10, np.int16), listen=desk, user="desk") as reception,
        baresip(tmp_path / "caller", audio, dial=f"sip:4711@127.0.0.1:{port}") as caller,
    ):
        await server.logged(f"call ended: transferred to sip:desk@127.0.0.1:{desk}", timeout_s=40)
        async with asyncio.timeout(10):
            while "established" not in reception.output:  # noqa: ASYNC110  # what it prints is told to nobody
                await asyncio.sleep(0.05)
        await caller.end()
        dumps = (tmp_path / "caller").glob("dump-*-dec.wav")  # of the call to us, and of the one to the reception
        ours = read_wav(max(dumps, key=lambda path: path.stat().st_size))
        heard = encode((ours / 32768).astype(np.float32), Encoding.MULAW)
    assert "connect you" in normal(await transcribe(ears, heard))
