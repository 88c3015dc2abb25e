"""Whatever bot and caller do, no line is silent for long: there is audio, a question, or the end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import pytest
from fakes import PHONE, FakeCall, FakeTts
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from stage import conversation
from virtual import run

from bot.actions import Action, Collect, Hangup, SendDtmf, SetLanguage, SetVoice, Transfer
from bot.api import Bot, CallInfo, Final, Heard, Partial, Say, Turn
from bridge.call.conversation import Conversation
from bridge.call.prompts import CallPrompts
from bridge.metrics import Metrics
from bridge.speaking.speech_output import SpeechOutput
from bridge.speech.ear import ScoredWindow
from bridge.turns.no_input import NoInputRules
from telephony import events
from telephony.events import AudioFormat, Clear, Command, Encoding, Mark, Play

MULAW = AudioFormat(Encoding.MULAW, 8000)
LIMIT_S, NO_INPUT_S, FILLER_S, COLLECT_S = 5.0, 4.0, 2.0, 3.0
WINDOW_S = 0.032
LONGEST_SILENCE_S = COLLECT_S + FILLER_S + NO_INPUT_S + 0.5 + WINDOW_S
"""No key comes, then the bot thinks until there is a filler, or says nothing and the caller is asked."""
ABLE = replace(PHONE, dtmf_out=True, transfer=True)


@dataclass(frozen=True)
class Wait:
    """The bot thinks."""

    seconds: float


@dataclass(frozen=True)
class Break:
    """The bot raises."""


Piece = str | Action | Wait | Break

pieces = st.one_of(
    st.sampled_from(
        ["Hello there.", "One", " moment", "Is that all?", "", " ", "**", Say("Legal.", interruptible=False)]
    ),
    st.builds(Wait, st.floats(0.01, 20)),
    st.builds(Break),
    st.sampled_from(
        [
            Hangup("done"),
            Transfer("+4930"),
            SendDtmf("1w2"),
            Collect(digits=2, timeout_s=COLLECT_S),
            Collect(timeout_s=COLLECT_S),
            SetLanguage("German"),
            SetVoice("none"),
        ]
    ),
)
replies = st.lists(st.lists(pieces, max_size=4), max_size=5)


class Script(Bot):
    """Does in each turn what is written; once nothing is, says "Yes."."""

    def __init__(self, greeting: Sequence[Piece], turns: Sequence[Sequence[Piece]], *, speculates: bool) -> None:
        self._greeting, self._turns = greeting, list(turns)
        self.speculates = speculates  # type: ignore[misc]  # of this one only
        self.asked: list[Turn] = []

    async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
        async for piece in _play(self._greeting):
            yield piece

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        self.asked.append(turn)
        async for piece in _play(self._turns.pop(0) if self._turns else ["Yes."]):
            yield piece

    async def on_partial(self, partial: Partial) -> None:
        self.cue()

    async def on_cue(self) -> AsyncIterator[str | Action]:
        async for piece in _play(self._turns.pop(0) if self._turns else []):
            yield piece

    async def on_interrupted(self, heard: Heard) -> None:
        await asyncio.sleep(0.5)


async def _play(script: Sequence[Piece]) -> AsyncIterator[str | Action]:
    for piece in script:
        match piece:
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Break():
                raise RuntimeError("the bot broke")
            case _:
                yield piece


class Line:
    """The caller's ear, on virtual time: it plays what is sent, echoes marks when it gets there, and notes silence."""

    capabilities = ABLE

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heard_until_s = self._loop.time()
        self._marks: list[tuple[float, str]] = []
        self.longest_silence_s = 0.0
        self.transferred = 0
        self.over = asyncio.Event()

    async def send(self, command: Command, /) -> None:
        now_s = self._loop.time()
        match command:
            case Play(payload):
                self.sound()
                self._heard_until_s = max(now_s, self._heard_until_s) + MULAW.duration_ms(payload) / 1000
            case Mark(name):
                self._marks.append((max(now_s, self._heard_until_s), name))
            case Clear():
                self._heard_until_s = min(now_s, self._heard_until_s)
                self._marks = [(now_s, name) for _, name in self._marks]
            case events.Transfer():
                self.transferred += 1
                self.over.set()

    async def __aiter__(self) -> AsyncIterator[events.Event]:
        """Nothing comes this way: the test tells the conversation itself."""
        nothing: tuple[events.Event, ...] = ()
        for event in nothing:
            yield event

    async def close(self, reason: str, *, code: int = 1000) -> None:
        pass

    def played(self) -> list[str]:
        now_s = self._loop.time()
        due = [name for at_s, name in self._marks if at_s <= now_s]
        self._marks = [(at_s, name) for at_s, name in self._marks if at_s > now_s]
        return due

    def sound(self, until_s: float = 0.0) -> None:
        """There is something to be heard, from now on; note how long there was not."""
        now_s = self._loop.time()
        self.longest_silence_s = max(self.longest_silence_s, now_s - self._heard_until_s)
        self._heard_until_s = max(self._heard_until_s, until_s, now_s)


@dataclass(frozen=True)
class Doing:
    """What the caller does next."""

    pause_s: float
    """Silence before it."""
    says: str = ""
    """"" is a noise."""
    keys: str = ""
    speaks_s: float = 0.5
    guessed: bool = False
    """The end of the turn is judged likely before it is there."""


doings = st.lists(
    st.builds(
        Doing,
        pause_s=st.floats(0.1, 12),
        says=st.sampled_from(["", "yes", "stop", "mm-hm", "I would like to know more about that", "no no no"]),
        keys=st.sampled_from(["", "", "", "1", "12", "#"]),
        speaks_s=st.floats(0.1, 3),
        guessed=st.booleans(),
    ),
    max_size=6,
)


class Ending(FakeCall):
    """Hangs up where the bot ends the call."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def stop(self, reason: str) -> None:
        super().stop(reason)
        self._line.over.set()


@dataclass
class Caller:
    """Speaks windows of 32 ms into a conversation."""

    talk: Conversation
    line: Line
    ended: list[str]
    at_ms: int = 0

    async def be(self, seconds: float, *, speaking: bool = False) -> None:
        samples = np.full(512, 0.3 if speaking else 0.0, np.float32)
        for _ in range(max(1, round(seconds * 1000 / 32))):
            if self.line.over.is_set():
                return
            await asyncio.sleep(WINDOW_S)
            if speaking:
                self.line.sound()
            window = ScoredWindow(samples, 0.9 if speaking else 0.0, self.at_ms, self.at_ms + 32)
            self.at_ms += 32
            self.talk.hear(window, speech=speaking)
            for mark in self.line.played():
                self.talk.played(mark)

    async def do(self, doing: Doing) -> None:
        await self.be(doing.pause_s)
        for key in doing.keys:
            self.line.sound()  # their own doing
            self.talk.press(key)
            await self.be(0.1)
        if doing.keys:
            return
        await self.be(doing.speaks_s, speaking=True)
        if doing.says:
            self.talk.partial(Partial(doing.says, "English"))
        await self.be(0.2)
        if doing.guessed and doing.says:
            self.talk.speculate(doing.says, "English", 0.95)
        await self.be(0.3)
        if self.line.over.is_set():
            return
        if doing.says:
            self.talk.final(Final(doing.says, "English", 0, self.at_ms))
        self.talk.end_user_turn()


async def call(bot: Script, doings: Sequence[Doing]) -> tuple[Line, Caller, Metrics]:
    """Carry one call until the bot ends it, or the caller has done all, window to the answer, and hung up."""
    loop, line, metrics = asyncio.get_running_loop(), Line(), Metrics()
    counts, voice, call = metrics.call("test", MULAW), FakeTts(), Ending(line)
    prompts = CallPrompts(
        NoInputRules(round(NO_INPUT_S * 1000), prompts=2),
        filler_after_s=FILLER_S,
        fallback=(np.full(voice.sample_rate, 0.1, np.float32), "Sorry."),
    )
    output = SpeechOutput(
        line,
        voice,
        MULAW,
        clock_ms=lambda: int(loop.time() * 1000),
        on_audio=counts.audio_sent,
        on_unread=lambda: None,
        start=asyncio.create_task,
    )
    async with asyncio.timeout(3600), asyncio.TaskGroup() as tasks:
        talk = conversation(bot, output, tasks=tasks, call=call, metrics=counts, limit_s=LIMIT_S, prompts=prompts)
        caller = Caller(talk, line, call.ended)
        talk.greet()
        for doing in doings:
            await caller.do(doing)
        with suppress(TimeoutError):
            async with asyncio.timeout(600):
                while not line.over.is_set():
                    await caller.be(1)
        line.sound()
        talk.close()
        hung_up_s = loop.time()
    assert loop.time() - hung_up_s <= 2 * LIMIT_S, "the end of a call does not wait for its bot"
    return line, caller, metrics


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """Bots that break do so loudly."""
    level, log = logging.getLogger("bridge").level, logging.getLogger("bridge")
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(level)


def keys_waited_for_s(greeting: list[Piece], turns: list[list[Piece]]) -> float:
    """Return how long keys are waited for beyond one time: what only waits for keys waits one after the other."""
    waits = groupby(any(isinstance(piece, Collect) for piece in said) for said in [greeting, *turns])
    return COLLECT_S * max(0, max((len(list(run)) for waiting, run in waits if waiting), default=0) - 1)


def between_keys_s(greeting: list[Piece], turns: list[list[Piece]]) -> float:
    """Return how long the bot itself asks for silence between the keys that it sends: "w" is half a second."""
    pieces = [piece for said in (greeting, *turns) for piece in said]
    return 0.5 * sum(piece.digits.count("w") for piece in pieces if isinstance(piece, SendDtmf))


@pytest.mark.heavy
@example(
    greeting=[],
    turns=[[], [], [SendDtmf("1w2"), Wait(2.0), Collect(digits=2, terminator="#", timeout_s=COLLECT_S)], []],
    doings=[Doing(1.0, "yes", "", 1.0), Doing(1.0, "yes", "", 1.0)],
    speculates=False,
)
@example(
    greeting=[],
    turns=[[Collect(digits=2, timeout_s=COLLECT_S)], [Collect(digits=2, timeout_s=COLLECT_S)], []],
    doings=[Doing(1.0, "yes", "", 1.0)],
    speculates=False,
)
@example(
    greeting=[],
    turns=[[Collect(digits=0, terminator="#", timeout_s=COLLECT_S)], [" ", Wait(3.0645)]],
    doings=[Doing(1.9, "", "", 2.85), Doing(5.648, "no no no", "", 0.99999)],
    speculates=False,
)
@example(
    greeting=[Collect(digits=2, timeout_s=COLLECT_S)],
    turns=[[Collect(digits=2, timeout_s=COLLECT_S)], []],
    doings=[],
    speculates=False,
)
@given(greeting=st.lists(pieces, max_size=3), turns=replies, doings=doings, speculates=st.booleans())
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_no_line_is_ever_silent_for_long(
    greeting: list[Piece], turns: list[list[Piece]], doings: list[Doing], speculates: bool
) -> None:
    line, caller, _ = run(call(Script(greeting, turns, speculates=speculates), doings))
    waited_s = keys_waited_for_s(greeting, turns) + between_keys_s(greeting, turns)
    assert line.longest_silence_s <= LONGEST_SILENCE_S + waited_s
    assert line.over.is_set(), "a caller who says nothing is hung up on in the end"
    assert len(caller.ended) + line.transferred == 1


def test_a_bot_that_stalls_for_ever_costs_a_filler_and_the_fallback() -> None:
    line, _, metrics = run(call(Script(["Hello."], [[Wait(1e6)]], speculates=False), [Doing(1.5, "Help me please")]))
    assert line.longest_silence_s <= LIMIT_S
    assert 'bridge_replies_failed_total{wire="test"} 1.0' in metrics.text().decode()
