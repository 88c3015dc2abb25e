"""A call that we placed: nobody is spoken to before it is known who is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from fakes import FakeCall, FakeLeg, FakeTts, ScriptBot
from stage import LOUD, MULAW, Stage, conversation, settle

from bot.api import CallInfo, Final, Partial
from bridge.metrics import Metrics
from bridge.outbound.answer_gate import AnswerGate
from bridge.outbound.machine_detection import MachinePolicy
from bridge.speaking.speech_output import SpeechOutput
from bridge.speech.ear import ScoredWindow
from telephony.events import Mark, Played

MESSAGE = "Please call us back."
GREETING_MS, MESSAGE_MS = 2 * 50 + 20, 4 * 50 + 20  # of the fake voice, and a breath


class Caller(ScriptBot):
    """Knows whom it talks to."""

    def __init__(self, *, slow: bool = False) -> None:
        super().__init__("An answer.", greeting=["Good morning."])
        self.by: list[str] = []
        self.steps: list[str] = []
        self.may_go_on = asyncio.Event()
        if not slow:
            self.may_go_on.set()

    async def on_answered(self, by: str) -> None:
        await self.may_go_on.wait()
        self.by.append(by)
        self.steps.append("answered")

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        self.steps.append("call")
        async for text in super().on_call(call):
            yield text


class Outcall(Stage):
    answers: list[str]
    ended: list[str]

    async def tone(self, ms: int) -> None:
        at = np.arange(ms * 16) / 16_000
        sound = (LOUD * np.sin(2 * np.pi * 1000 * at)).astype(np.float32)
        for start in range(0, len(sound) - 511, 512):
            self.talk.hear(ScoredWindow(sound[start : start + 512], 0.9, self.now_ms, self.now_ms + 32), speech=True)
            self.now_ms += 32
            await settle(3)

    async def finals(self, text: str, *, began_ms: int, ended_ms: int) -> None:
        self.talk.final(Final(text, "English", began_ms, ended_ms))
        self.talk.end_user_turn()
        await settle()


@asynccontextmanager
async def outcall(bot: Caller, machine: MachinePolicy) -> AsyncIterator[Outcall]:
    leg, metrics = FakeLeg(), Metrics()
    call, answers = FakeCall(), list[str]()
    counts = metrics.call("test", MULAW)
    async with asyncio.TaskGroup() as tasks:
        output = SpeechOutput(
            leg,
            FakeTts(),
            MULAW,
            clock_ms=lambda: here.now_ms,
            on_audio=counts.audio_sent,
            on_unread=lambda: None,
            start=asyncio.create_task,
        )
        behind = conversation(bot, output, tasks=tasks, call=call, metrics=counts)
        talk = AnswerGate(behind, tasks=tasks, call=call, machine=machine, on_answer=answers.append)
        here = Outcall(talk, behind, call, leg, metrics)
        here.answers, here.ended = answers, call.ended
        talk.greet()
        await settle()
        yield here
        talk.close()


TELL = MachinePolicy(policy="tell")
HANG_UP = MachinePolicy(policy="hang-up")
LEAVE = MachinePolicy(policy="message", message=MESSAGE)


@pytest.mark.parametrize("machine", [TELL, HANG_UP, LEAVE])
async def test_a_person_is_greeted_once_and_their_hello_is_not_answered_besides(machine: MachinePolicy) -> None:
    bot = Caller()
    async with outcall(bot, machine) as call:
        await call.silence(640)
        await call.speech(480)
        hello_ms = call.now_ms
        await call.silence(320)
        assert not call.sent_ms(), "nobody knows yet who is there"
        await call.silence(640)
        await call.finals("Hello?", began_ms=640, ended_ms=hello_ms)
        assert call.sent_ms() == GREETING_MS
        assert (call.answers, bot.by, bot.turns) == (["human"], ["human"], [])
        assert [final.text for final in bot.finals] == ["Hello?"]
        await call.says("Who is this?", 960)
        assert [turn.text for turn in bot.turns] == ["Who is this?"]
        assert not call.ended


async def test_who_says_more_than_hello_is_answered() -> None:
    bot = Caller()
    async with outcall(bot, TELL) as call:
        await call.speech(480)
        await call.silence(960)
        await call.speech(640)
        await call.finals("Hello? Who is this?", began_ms=0, ended_ms=call.now_ms)
        assert [turn.text for turn in bot.turns] == ["Hello? Who is this?"]


async def test_who_says_nothing_is_greeted_at_the_deadline() -> None:
    bot = Caller()
    async with outcall(bot, LEAVE) as call:
        await call.silence(4200)
        assert (call.answers, bot.by, call.sent_ms()) == (["unknown"], ["unknown"], GREETING_MS)


async def test_the_bot_knows_who_it_is_before_it_speaks() -> None:
    bot = Caller(slow=True)
    async with outcall(bot, TELL) as call:
        await call.silence(4200)
        assert not bot.steps
        bot.may_go_on.set()
        await settle()
        assert bot.steps == ["answered", "call"]


async def test_a_machine_is_hung_up_on() -> None:
    bot = Caller()
    async with outcall(bot, HANG_UP) as call:
        await call.speech(3200)
        await call.silence(6400)
        assert (call.answers, call.ended, call.sent_ms()) == (["machine"], ["a machine answered"], 0)
        assert bot.steps == ["answered"]


async def test_a_machine_gets_its_message_after_the_beep_and_no_more() -> None:
    bot = Caller()
    async with outcall(bot, LEAVE) as call:
        await call.speech(3200)
        await call.silence(1280)
        await call.speech(640)
        await call.silence(320)
        assert not call.sent_ms()
        await call.tone(512)
        assert not call.sent_ms(), "it still beeps"
        await call.silence(64)
        assert call.sent_ms() == MESSAGE_MS
        await call.speech(960)
        await call.finals("That is not a valid key.", began_ms=5000, ended_ms=call.now_ms)
        assert not call.ended, "it is not heard yet"
        for mark in call.leg.of(Mark):
            call.talk.played(Played(mark.name).mark)
        await call.silence(320)
        assert call.ended == ["a message was left"]
        assert (call.sent_ms(), bot.turns, bot.steps) == (MESSAGE_MS, [], ["answered"])


async def test_a_machine_that_does_not_beep_gets_its_message_when_it_is_done() -> None:
    async with outcall(Caller(), LEAVE) as call:
        await call.speech(3200)
        await call.silence(2400)
        assert not call.sent_ms()
        await call.silence(320)
        assert call.sent_ms() == MESSAGE_MS


@pytest.mark.parametrize("partial", [True, False])
async def test_words_tell_a_machine_that_pauses_like_a_person(partial: bool) -> None:
    async with outcall(Caller(), HANG_UP) as call:
        await call.speech(480)
        await call.silence(320)
        if partial:
            call.talk.partial(Partial("Please leave a message", "English"))
        else:
            await call.finals("Please leave a message", began_ms=0, ended_ms=480)
        assert call.answers == ["machine"]
        await call.silence(3200)
        assert (call.answers, call.sent_ms()) == (["machine"], 0)


async def test_a_bot_that_is_told_speaks_after_the_beep_and_knows_what_the_machine_said() -> None:
    bot = Caller()
    async with outcall(bot, TELL) as call:
        await call.speech(3200)
        await call.finals("I am not here.", began_ms=0, ended_ms=3200)
        assert (bot.by, call.sent_ms()) == (["machine"], 0)
        await call.tone(512)
        await call.silence(64)
        await settle()
        assert (call.sent_ms(), bot.steps) == (GREETING_MS, ["answered", "call"])
        await call.says("Hello, I am here after all.", 1280)
        assert "I am not here." in [line.text for line in bot.turns[0].history]


async def test_a_bot_that_fails_to_be_told_greets_all_the_same() -> None:
    class Broken(Caller):
        async def on_answered(self, by: str) -> None:
            raise ValueError("no")

    async with outcall(Broken(), TELL) as call:
        await call.silence(4200)
        assert call.sent_ms() == GREETING_MS
