"""What a hook adds to a turn, from the caller's final words to the first sentence at the voice.

    python bench/hooks.py [--turns 300] [--json build/hooks.json]

A bot in Python, `bot.openai` and `bot.webhook` answer in turn, calls of ten turns each, without a wire and without
models; the last two ask an endpoint in a process of its own that streams at once, and its own time is taken off. Then
the same with the shipped voice: from the first token, as it leaves the endpoint, to the first audio at the wire.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from endpoint import TOKENS, Times, endpoint, newest
from fakes import FakeCall, FakeLeg
from figures import Results, announce, keep, machine, show, spread
from stage import conversation
from stubs import InstantTts

from bot.api import Bot, Samples, Tts, Turn
from bot.api import Final as Said
from bot.openai import OpenAiBot
from bot.tts.hibari import HibariTts
from bot.webhook import WebhookBot
from bot.webhook.client import Client
from bot.webhook.configuration import Configuration
from bridge.metrics import Metrics
from bridge.speaking.speech_output import SpeechOutput
from telephony.events import AudioFormat, Capabilities, Command, Encoding, Play

MULAW: Final = AudioFormat(Encoding.MULAW, 8000)
WIRE: Final = Capabilities(audio_out=True, clear=True, send_ahead_ms=60_000)
TURNS: Final = 10
"""Of a call: history grows as it does in real ones."""

now_s = time.perf_counter


class Direct(Bot):
    """Streams at once, and says when."""

    began_s = 0.0

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        self.began_s = now_s()
        for token in TOKENS:
            yield token


class Noting(InstantTts):
    """Says when it is given a first sentence."""

    def __init__(self) -> None:
        super().__init__()
        self.given = asyncio.Event()
        self.given_s = 0.0

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        if not self.given.is_set():
            self.given_s = now_s()
            self.given.set()
        async for samples in super().speak(text):
            yield samples


class Listener(FakeLeg):
    """Says when the first audio leaves."""

    def __init__(self) -> None:
        super().__init__(WIRE)
        self.heard = asyncio.Event()
        self.heard_s = 0.0

    async def send(self, command: Command, /) -> None:
        if isinstance(command, Play) and not self.heard.is_set():
            self.heard_s = now_s()
            self.heard.set()
        await super().send(command)


class Stage:
    """One call that speaks with `voice`."""

    def __init__(self, bot: Bot, voice: Tts, tasks: asyncio.TaskGroup) -> None:
        self.leg, self._now_ms = Listener(), 0
        metrics = Metrics().call("bench", MULAW)
        output = SpeechOutput(
            self.leg,
            voice,
            MULAW,
            clock_ms=lambda: self._now_ms,
            on_audio=metrics.audio_sent,
            on_unread=lambda: None,
            start=asyncio.create_task,
        )
        self._talk = conversation(bot, output, tasks=tasks, call=FakeCall(), metrics=metrics, limit_s=10)

    async def turn(self, done: asyncio.Event) -> float:
        """Say something, wait for `done` and hear the answer out; return when the words were final."""
        final_s = now_s()
        self._talk.final(Said("When are you open, please?", "English", self._now_ms, self._now_ms))
        self._talk.end_user_turn()
        async with asyncio.timeout(10):
            await done.wait()
            while self._talk.talking:
                self._now_ms += 10_000  # all that has left by now is heard
                await asyncio.sleep(0.001)
        return final_s


def hooks(url: str) -> dict[str, Callable[[], Bot]]:
    os.environ |= {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "none", "BRIDGE_LLM_MODEL": "m"}
    configuration = Configuration(url=f"{url}/hook", secret="secret")
    client = Client(configuration)
    return {"python": Direct, "openai": OpenAiBot, "webhook": lambda: WebhookBot(configuration, client)}


async def times(bot: Bot, url: str) -> Times:
    """Return when the newest answer was asked for, its first token was there, and its first sentence."""
    return (bot.began_s,) * 3 if isinstance(bot, Direct) else await newest(url)


async def to_the_voice(bot: Bot, url: str) -> list[float]:
    """Return ms from the final words to the first sentence at the voice for each turn, less the endpoint's time."""
    voice, values = Noting(), list[float]()
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(bot, voice, tasks)
        for _ in range(TURNS):
            voice.given.clear()
            final_s = await stage.turn(voice.given)
            came_s, _, sentence_s = await times(bot, url)
            values.append(1000 * (voice.given_s - final_s - (sentence_s - came_s)))
    return values


async def to_the_wire(bot: Bot, url: str, voice: Tts) -> list[float]:
    """Return ms from the first token to the first audio for each turn of a call."""
    values: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(bot, voice, tasks)
        for _ in range(TURNS):
            stage.leg.heard.clear()
            await stage.turn(stage.leg.heard)
            _, first_s, _ = await times(bot, url)
            values.append(1000 * (stage.leg.heard_s - first_s))
    return values


async def measure(turns: int) -> Results:
    voice = await asyncio.to_thread(HibariTts.load)
    sentence: dict[str, list[float]] = {}
    audio: dict[str, list[float]] = {}
    async with endpoint() as url:
        made = hooks(url)
        for make in made.values():
            await to_the_voice(make(), url)  # connections, imports
        for _ in range(max(1, turns // TURNS)):  # in turn: all share what the machine does meanwhile
            for name, make in made.items():
                sentence.setdefault(name, []).extend(await to_the_voice(make(), url))
                audio.setdefault(name, []).extend(await to_the_wire(make(), url, voice))
    voice.close()
    rows: Results = {f"{name}: final -> sentence at voice, ms": dict(spread(ms)) for name, ms in sentence.items()}
    return rows | {f"{name}: first token -> first audio, ms": dict(spread(ms)) for name, ms in audio.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=300, metavar="N", help="of each hook")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    flags = parser.parse_args()
    about = machine()
    announce(about)
    results = asyncio.run(measure(flags.turns))
    show(results)
    keep(flags.json, about, results)


if __name__ == "__main__":
    main()
