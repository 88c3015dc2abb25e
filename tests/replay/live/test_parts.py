"""The real recogniser, bot and voice in a replay."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeAsr
from kept_call import ChancyVoice, Plan, keep

from bot.actions import ActionFailed, Handoff, Transfer
from bot.api import Bot, CallInfo, Final, Samples, Turn
from bridge.plugins import PluginError
from bridge.replay.answers import Answers
from bridge.replay.comparison import Event as Told
from bridge.replay.judging import Outcome, judge
from bridge.replay.live.bot import LiveBot
from bridge.replay.live.parts import LivePart, LiveParts
from bridge.replay.live.real_time import RealTime
from bridge.replay.live.speech import LiveAsr, live_voices
from bridge.replay.rerun import Parts
from bridge.server.resources import Resources
from bridge.settings import Settings
from bridge.speaking.voices.voices import Voices
from bridge.speech.api import EngineFailed, Hypothesis, Request

PLAN = Plan(seed=2, lasts_s=10, speaks=[(2.5, 1.0, "What are your opening hours?")], faulty=False)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kept") / "a.wire.gz"
    keep(PLAN, path)
    return path


@pytest.fixture
def real_time() -> Iterator[RealTime]:
    thread = RealTime()
    yield thread
    thread.close()


def texts(events: "list[Told]", what: str) -> list[object]:
    return [event["text"] for event in events if event["what"] == what and event.get("text")]


class Deaf(FakeAsr):
    """Fails at first, then hears something else, and takes a quarter of a second each time."""

    async def decode(self, request: Request, /) -> Hypothesis:
        await asyncio.sleep(0.25)
        if self.failures:
            self.failures -= 1
            raise EngineFailed("out of order")
        return Hypothesis(["Good ", "evening. "], "English")


def test_a_recogniser_that_is_asked_live_is_heard_and_takes_the_time_that_it_takes(
    kept: Path, real_time: RealTime
) -> None:
    asr = Deaf(failures=1)

    def around(resources: Resources, answers: Answers) -> Resources:
        return replace(resources, asr=LiveAsr(asr, real_time, answers))

    found = judge(kept, Parts(around=lambda _: around))
    assert texts(list(found.events), "final") == ["Good evening."]
    assert found.after.wait_ms and found.before.wait_ms and found.after.wait_ms >= found.before.wait_ms + 100


class Slow(Bot):
    """A plain hook that blocks, a reply that takes its time, and another bot."""

    def on_final(self, final: Final) -> None:  # type: ignore[override]  # a plain hook
        time.sleep(0.01)

    async def on_call(self, call: CallInfo) -> AsyncIterator[str | Transfer]:
        yield "Good morning."
        try:
            yield Transfer("+4930")
        except ActionFailed:
            yield "Nobody is there."

    async def reply(self, turn: Turn) -> AsyncIterator[str | Handoff]:
        await asyncio.sleep(0.4)
        yield f"You said {turn.text}"
        yield Handoff(Next)


class Next(Bot):
    """Takes the call."""

    def on_takeover(self, turn: Turn) -> Iterator[str]:  # type: ignore[override]  # a plain hook
        yield "It is me."


def test_a_bot_that_is_asked_live_answers_what_was_said_then(kept: Path, real_time: RealTime) -> None:
    def around(resources: Resources, answers: Answers) -> Resources:
        return replace(resources, make_bot=lambda: LiveBot(Slow(), real_time, answers))

    found = judge(kept, Parts(around=lambda _: around))
    said = " ".join(map(str, texts(list(found.events), "bot heard")))
    assert said.startswith("Good morning. Nobody is there.")
    assert "You said What are your opening hours? It is me." in said
    assert found.after.wait_ms and 400 <= found.after.wait_ms < 3000
    assert found.guessed["speak"]  # the record's voice never said that


class Tone(ChancyVoice):
    """Another voice, that has a second one."""

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        await asyncio.sleep(0.3)
        yield np.full(24_000 * 2, 0.2, np.float32)

    def voice(self, name: str) -> "Tone":
        return self


def test_a_voice_that_is_asked_live_speaks_as_long_as_it_does(kept: Path, real_time: RealTime) -> None:
    voices = Voices.of(Tone(1, faulty=False))

    def around(resources: Resources, answers: Answers) -> Resources:
        return replace(resources, tts=live_voices(voices, real_time, answers))

    found = judge(kept, Parts(around=lambda _: around))
    [greeting, *_] = [event for event in found.events if event["what"] == "bot heard"]
    assert greeting["text"] == "Hello, this is the shop."
    assert abs(int(str(greeting["played_ms"])) - 2000) <= 40  # whole frames
    assert not found.guessed


def test_what_is_asked_live_is_loaded_by_the_settings_once_and_freed(kept: Path) -> None:
    parts = LiveParts([LivePart.BOT], Settings())
    try:
        for _ in range(2):
            found = judge(kept, Parts({"bot": "echo"}, parts.around))
            assert found.outcome is Outcome.OTHERWISE
            assert "You said" in " ".join(map(str, texts(list(found.events), "bot heard")))
        with pytest.raises(PluginError, match="--bot nobody"):
            judge(kept, Parts({"bot": "nobody"}, parts.around))
    finally:
        parts.close()


async def test_a_bot_asked_live_is_asked_for_what_it_wants(real_time: RealTime) -> None:
    bot = Slow()
    live = LiveBot(bot, real_time, answers=None)  # type: ignore[arg-type]  # nothing is awaited
    bot.cue()
    bot.preempt()
    bot.note("a", "b")
    assert (live.take_cue(), live.take_cue(), live.take_preemption()) == (True, False, True)
    assert [note.text for note in live.take_notes()] == ["b"]
    assert live.asks_silent_callers and not live.speculates
