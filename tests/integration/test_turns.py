"""When the caller's turn is over, over the real wire: numbers read out in groups, turns that go on, short answers."""

import re
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
import pytest_asyncio
from integration.recordings import Prompt, normal, prompt
from integration.server import Server, serve

from bot.tts.hibari import HibariTts
from bridge.commands.phone.simulated_phone import SimulatedPhone, dial
from bridge.commands.recording import speech_span
from bridge.speech.api import Samples
from bridge.speech.resample import resample_whole
from telephony.codec import encode
from telephony.events import Encoding

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOT = '''
import asyncio
import logging

from bot import Bot, Say

log = logging.getLogger("taker")


class Taker(Bot):
    """Asks and answers what the call's parameters say, after thinking about it."""

    async def on_call(self, call):
        asks = call.parameters
        yield Say(asks["ask"], expect=asks.get("expect", "anything"), digits=int(asks.get("digits", 0)))

    async def reply(self, turn):
        log.warning("%s: begins to answer %r", turn.call.call_id, turn.text)
        await asyncio.sleep(float(turn.call.parameters.get("thinks_s", 0)))
        log.warning("%s: answers %r", turn.call.call_id, turn.text)
        yield turn.call.parameters.get("answer", "Thank you very much.")
'''


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("taker")
    (folder / "taker.py").write_text(BOT)
    # However busy the machine is: its finals are waited for, and which wait it was can be told from its length. No
    # filler: it would be due while the caller goes on, and be heard beside the answer.
    patient = ("--turn-silence", "5", "--turn-answer-silence", "1.5", "--turn-ceiling", "6", "--filler-after", "0")
    async with serve("--log-level", "DEBUG", "--bot", "taker:Taker", *patient, cwd=folder) as server:
        yield server


def trimmed(said: Prompt) -> Samples:
    """Return the speech in a recording, 8 kHz, without the silence around it."""
    begins_ms, ends_ms = speech_span(said.audio)
    return said.audio[8 * begins_ms : 8 * ends_ms]


def pause(ms: int) -> Samples:
    """Return the noise of a quiet line."""
    return (10 ** (-62 / 20) * np.random.default_rng(3).standard_normal(8 * ms)).astype(np.float32)


def mulaw(*pieces: Samples) -> bytes:
    return encode(np.concatenate(pieces), Encoding.MULAW)


def read_out(groups: Sequence[str], *, pauses_ms: Sequence[int]) -> bytes:
    """Return a number as it is read out, digit by digit, with a pause behind each group but the last."""
    pieces = list[Samples]()
    for group, pause_ms in zip(groups, [*pauses_ms, 0], strict=True):
        for digit in group:
            pieces += [trimmed(prompt(f"digits/{digit}")), pause(60)]
        pieces.append(pause(pause_ms))
    return mulaw(*pieces[:-2])


def answers(server: Server, call_id: str, *, what: str = "answers") -> list[str]:
    """Return what the bot answered in a call, turn by turn."""
    lines = (re.search(rf"{call_id}: {what} (['\"])(.*)\1", line) for line in server.output)
    return [match[2] for match in lines if match]


async def asked(phone: SimulatedPhone) -> float:
    """Hear the bot's first question out; return when it was."""
    await phone.until_heard(after_ms=0)
    await phone.until_silent()
    return phone.now_ms


async def speak(text: str) -> Samples:
    voice = HibariTts.load()
    try:
        audio = np.concatenate([samples async for samples in voice.speak(text)])
    finally:
        voice.close()
    narrow = resample_whole(audio, voice.sample_rate, 8000)
    begins_ms, ends_ms = speech_span(narrow)
    return narrow[8 * begins_ms : 8 * ends_ms]


def closings_ms(server: Server, call_id: str) -> list[int]:
    """Return the silences after which the turns of a call were closed."""
    lines = (re.search(r"turn closed after (\d+) ms", line) for line in server.output if call_id in line)
    return [int(match[1]) for match in lines if match]


@pytest.mark.parametrize(
    ("number", "parameters"),
    [
        (1, {}),
        pytest.param(2, {"expect": "digits"}, marks=pytest.mark.slow),
        (3, {"expect": "digits", "digits": "10"}),
    ],
    ids=["nothing expected", "digits expected", "ten digits expected"],
)
async def test_a_number_read_out_in_groups_is_one_turn(server: Server, number: int, parameters: dict[str, str]) -> None:
    call_id = f"CA{number:032d}"
    said = read_out(["415", "926", "5358"], pauses_ms=[800, 1200])
    async with dial(server.twilio, call_sid=call_id, parameters={"ask": "What is your number?"} | parameters) as phone:
        began_ms = await asked(phone)
        ended_ms = await phone.say(said)
        heard_ms = await phone.until_heard(after_ms=began_ms)
        await phone.until_silent(for_ms=1500)
    assert heard_ms > ended_ms
    (turn,), (closed_ms,) = answers(server, call_id), closings_ms(server, call_id)
    assert normal(turn) == normal("4159265358")
    assert closed_ms < 1500 if "digits" in parameters else closed_ms >= 1500


async def test_a_turn_that_goes_on_before_the_bot_is_heard_is_answered_once_and_whole(server: Server) -> None:
    call_id = f"CA{4:032d}"
    first, second = prompt("conf-full"), prompt("conf-waitforleader")
    asks = {"ask": "How can I help you?", "thinks_s": "4"}
    async with dial(server.twilio, call_sid=call_id, parameters=asks) as phone:
        began_ms = await asked(phone)
        ended_ms = await phone.say(mulaw(trimmed(first), pause(2000), trimmed(second)))
        heard_ms = await phone.until_heard(after_ms=began_ms)
        await phone.until_silent(for_ms=2500)
        times_heard = phone.record.count("audio-heard") - 1  # it asked before
    assert heard_ms > ended_ms
    begun, done = answers(server, call_id, what="begins to answer"), answers(server, call_id)
    assert len(begun) == 2
    assert normal(begun[0]).startswith("that conference is")
    assert normal(begun[1]) == f"{normal(begun[0])} {normal(second.text)}"
    assert done == begun[1:]
    assert times_heard == 1


async def test_yes_closes_the_turn_sooner_after_a_question_than_out_of_the_blue(server: Server) -> None:
    """What is not decoded in time closes after the plain wait: on a busy machine not every "yes" is understood soon."""
    yes, closed_ms = mulaw(await speak("Yes.")), dict[str, list[int]]()
    for ask in ("Is that right?", "Go on."):
        call_id = f"CA{len(ask):032d}"
        async with dial(server.twilio, call_sid=call_id, parameters={"ask": ask, "answer": ask}) as phone:
            await asked(phone)
            for _ in range(4):
                ended_ms = await phone.say(yes)
                await phone.until_heard(after_ms=ended_ms)
                await phone.until_silent()
        assert [normal(turn) for turn in answers(server, call_id)] == ["yes"] * 4
        closed_ms[ask] = closings_ms(server, call_id)
    assert min(closed_ms["Is that right?"]) < 1500 <= max(closed_ms["Go on."])
