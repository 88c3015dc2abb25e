"""Speaking over the bot, over the real wire: who interrupts it, who coughs or listens, and what it goes on with."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from integration.hearing import spoken, words
from integration.recordings import normal, prompt
from integration.server import Server, serve

from bot.api import Samples
from bridge.commands.phone.simulated_phone import SimulatedPhone, dial
from bridge.commands.recording import speech_span
from bridge.speech.backends.whisper import WhisperAsr
from telephony.codec import decode, encode
from telephony.events import Encoding

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORY = (
    "Our workshop repairs bicycles of every make and age. Most of them are ready within three working days. "
    "A new chain is the repair that people ask for most. We also lend you another bicycle for as long as it takes."
)
BOT = f'''
import asyncio
import logging

from bot import Bot, Say

log = logging.getLogger("teller")


class Teller(Bot):
    """Tells its story to whoever calls, and what happens to it to the log."""

    async def on_call(self, call):
        text = "Hello." if call.parameters.get("slow") else {STORY!r}
        yield Say(text, interruptible=call.parameters.get("notice") != "yes")

    async def reply(self, turn):
        for line in turn.history:
            log.warning("%s: %s %r", turn.call.call_id, line.speaker, line.text)
        log.warning("%s: answers %r", turn.call.call_id, turn.text)
        await asyncio.sleep(float(turn.call.parameters.get("slow", 0)))
        yield "Thank you very much indeed."

    async def on_interrupted(self, heard):
        log.warning("interrupted after %d ms: %r and not %r", heard.played_ms, str(heard), heard.rest)
'''


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("teller")
    (folder / "teller.py").write_text(BOT)
    # Recognisers invent a word for a cough, and one word is not to decide a test.
    flags = ("--log-level", "DEBUG", "--bot", "teller:Teller", "--barge-in-words", "3")
    async with serve(*flags, cwd=folder) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(server: Server) -> bytes:
    """What a caller hears who says nothing, from the first sound to the last."""
    async with dial(server.twilio, call_sid="CA" + "1" * 32) as phone:
        heard_ms = await phone.until_heard(after_ms=0)
        await phone.until_silent()
    return bytes(phone.record.bot[8 * int(heard_ms) // 160 * 160 :]).rstrip(b"\xff")


async def into_the_story(phone: SimulatedPhone, ms: float) -> float:
    """Wait until the bot has been heard for so long; return when that is."""
    heard_ms = await phone.until_heard(after_ms=0)
    await phone.until(lambda: phone.now_ms > heard_ms + ms)
    return phone.now_ms


async def cleared(phone: SimulatedPhone, onset_ms: float) -> float:
    """Wait for the line to be cleared; return when it was."""
    await phone.until(lambda: phone.record.first("clear", after_ms=onset_ms) is not None)
    return phone.record.first("clear", after_ms=onset_ms) or 0.0


def syllable() -> bytes:
    """Return what a detector takes for speech and no recogniser for a word: a fifth of a second of a vowel."""
    audio = prompt("conf-waitforleader").audio
    begin_ms, _ = speech_span(audio)
    return encode(audio[8 * begin_ms : 8 * (begin_ms + 230)], Encoding.MULAW)


def lines(server: Server, call_id: str, *parts: str) -> list[str]:
    return [line for line in server.output if call_id in line and all(part in line for part in parts)]


async def test_words_end_the_reply_and_are_answered(server: Server) -> None:
    call_id = "CA" + "2" * 32
    said = prompt("conf-full")
    async with dial(server.twilio, call_sid=call_id) as phone:
        onset_ms = await into_the_story(phone, 2000)
        begin_ms, _ = speech_span(said.audio)
        ended_ms = await phone.say(said.mulaw[8 * begin_ms :])
        assert await cleared(phone, onset_ms) - onset_ms < 1000
        await phone.until_heard(after_ms=ended_ms)
        await phone.until_silent()
    await server.logged(call_id, "answers")
    assert len(lines(server, call_id, "interrupted after")) == 1
    (told,) = lines(server, call_id, "bot '")
    heard = normal(told.split("bot '")[1].rstrip("'\n"))
    assert normal(STORY).startswith(heard)
    assert 3 <= len(heard.split()) <= 12, "two seconds of it"


async def test_a_cough_costs_not_a_word(server: Server, story: bytes) -> None:
    call_id = "CA" + "3" * 32
    async with dial(server.twilio, call_sid=call_id) as phone:
        onset_ms = await into_the_story(phone, 3000)
        await phone.say(syllable())
        cleared_ms = await cleared(phone, onset_ms)
        resumed_ms = await phone.until_heard(after_ms=cleared_ms + 40)
        await phone.until_silent()
        audio = bytes(phone.record.bot)
    before, after = audio[: 8 * int(cleared_ms)], audio[8 * (int(resumed_ms) // 20 * 20) :]
    begin = story.find(after[1600:4800]) - 1600
    assert begin > 0, "the very audio that was cut goes on"
    rest = story[begin + 1600 :]
    assert after[1600 : 1600 + len(rest)] == rest, "to the end"
    heard = len(before.lstrip(b"\xff"))
    assert heard - 8000 < begin <= heard + 800, "from the word that was cut"
    assert not lines(server, call_id, "interrupted after")


async def test_a_listener_who_says_okay_is_not_answered_and_hears_it_all(server: Server, story: bytes) -> None:
    call_id = "CA" + "4" * 32
    okay = await spoken("Okay.")
    async with dial(server.twilio, call_sid=call_id) as phone:
        await into_the_story(phone, 3000)
        await phone.say(okay)
        await phone.until_silent(for_ms=1500)
        audio = bytes(phone.record.bot).rstrip(b"\xff")
    assert lines(server, call_id, "caller said", "kay")
    assert not lines(server, call_id, "interrupted after")
    assert not lines(server, call_id, "answers")
    # They may differ by a bit: what is kept of a sentence comes in other pieces than what is made, and is resampled so.
    ends = [decode(heard[-3200:], Encoding.MULAW) for heard in (audio, story)]
    assert np.abs(ends[0] - ends[1]).max() < 0.01


async def test_a_notice_is_heard_to_its_end_and_what_was_said_over_it_is_answered(server: Server, story: bytes) -> None:
    call_id = "CA" + "5" * 32
    async with dial(server.twilio, call_sid=call_id, parameters={"notice": "yes"}) as phone:
        await into_the_story(phone, 1000)
        await phone.say(prompt("conf-full").mulaw)
        await phone.until(lambda: bool(lines(server, call_id, "answers")), timeout_s=30)
        await phone.until_silent()
        audio = bytes(phone.record.bot)
    assert phone.record.first("clear", after_ms=0) is None
    assert story[-16_000:-1600] in audio
    assert len(lines(server, call_id, "answers")) == 1


async def test_a_caller_who_asks_whether_anybody_is_there_hears_the_slow_answer(
    server: Server, ears: WhisperAsr
) -> None:
    call_id, hello = "CA" + "8" * 32, await spoken("Hello? Are you still there?")
    async with dial(server.twilio, call_sid=call_id, parameters={"slow": "6.5"}) as phone:
        await phone.until_heard(after_ms=0)
        await phone.until_silent()
        asked_ms = await phone.say(prompt("conf-full").mulaw)
        for after_ms in (1500, 4500):
            await phone.until(lambda due_ms=asked_ms + after_ms: phone.now_ms > due_ms)  # type: ignore[misc]
            await phone.say(hello)
        await phone.until(lambda: phone.now_ms > asked_ms + 9500)
        await phone.until_silent()
        heard = await words(phone, ears, from_ms=asked_ms)
    assert "one moment" in heard and "thank you very much" in heard
    assert len(lines(server, call_id, "answers")) == 1, "the reply was not begun anew"


class Echoing:
    """A telephone whose microphone takes up the bot's voice."""

    def __init__(self, phone: SimulatedPhone, *, db: float, delay_ms: int) -> None:
        self._phone, self._gain, self._delay = phone, 10 ** (db / 20), 8 * delay_ms
        self._send = phone._send_frame
        phone._send_frame = self.send  # type: ignore[method-assign]

    async def send(self, frame: bytes, chunk: int) -> None:
        begin = len(self._phone.record.bot) - self._delay
        echo = bytes(self._phone.record.bot[begin : begin + 160]) if begin >= 0 else b"\xff" * 160
        heard: Samples = decode(frame, Encoding.MULAW) + self._gain * decode(echo.ljust(160, b"\xff"), Encoding.MULAW)
        await self._send(encode(heard.astype(np.float32), Encoding.MULAW), chunk)


@pytest.mark.parametrize("delay_ms", [300, *(pytest.param(ms, marks=pytest.mark.slow) for ms in (100, 200))])
async def test_the_bots_own_voice_at_minus_20_db_does_not_interrupt_it(server: Server, delay_ms: int) -> None:
    call_id = f"CA{600 + delay_ms:032d}"
    async with dial(server.twilio, call_sid=call_id) as phone:
        Echoing(phone, db=-20, delay_ms=delay_ms)
        await phone.until_heard(after_ms=0)
        await phone.until_silent(for_ms=2000)
    assert phone.record.first("clear", after_ms=0) is None
    assert not lines(server, call_id, "interrupted after")
    assert not lines(server, call_id, "answers")


async def test_a_caller_interrupts_over_the_echo(server: Server) -> None:
    call_id = "CA" + "7" * 32
    async with dial(server.twilio, call_sid=call_id) as phone:
        Echoing(phone, db=-20, delay_ms=200)
        onset_ms = await into_the_story(phone, 2500)
        speaking = asyncio.create_task(phone.say(prompt("conf-full").mulaw))
        assert await cleared(phone, onset_ms) - onset_ms < 1500
        await speaking
        await server.logged(call_id, "answers")
