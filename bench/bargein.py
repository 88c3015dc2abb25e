"""Who interrupts the bot: people who mean to, babble, noise, coughs, and its own echo. The real ear, voice activity
detector, recogniser and voice, on a clock of its own: ten minutes of call take about as long as their decodes.

    bench/bargein.py [--minutes 10] [--callers 50]
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypedDict, Unpack

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from bot.api import Bot, CallInfo, Samples, Turn
from bot.tts.hibari import HibariTts
from bridge.call.session import CallSession
from bridge.call.turn_detector import NoTurnDetector, OnJudged, TurnDetection, TurnDetector
from bridge.call.utterance import PreRoll
from bridge.commands.phone.carrier_buffer import FRAME_BYTES, FRAME_MS, CarrierBuffer
from bridge.commands.recording import speech_span
from bridge.metrics import Metrics
from bridge.speaking.script import script
from bridge.speaking.speech_output import SpeechOutput
from bridge.speech.api import Hypothesis, Request
from bridge.speech.backends.silero import SileroVad
from bridge.speech.backends.text_ending import TextEnding
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.ear import Ear
from bridge.turns.end_probability import END_WEIGHTS
from bridge.turns.endpointing import Endpointing, EndpointRules
from bridge.turns.interruption_rules import InterruptionRules
from bridge.turns.rolling_quantile import RollingQuantile
from bridge.turns.turn_taker import TurnRules, TurnTaker
from telephony.codec import decode, encode
from telephony.events import (
    AudioFormat,
    CallEnded,
    Capabilities,
    Clear,
    Command,
    Encoding,
    Event,
    Mark,
    Media,
    Play,
    Played,
)
from telephony.recognition import RecognitionOptions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from integration.recordings import Prompt, prompts
from stage import conversation

MULAW: Final = AudioFormat(Encoding.MULAW, 8000)
RULES: Final = TurnRules(min_speech_ms=160, pause_ms=128, endpoint_ms=500)
RATE: Final = 8000
STORY: Final = (
    "Thank you for calling our service desk, I will gladly tell you all about our opening hours. "
    "From Monday to Friday we are here between nine in the morning and half past five in the afternoon. "
    "On Saturday the shop opens at ten and closes at two, and there is free parking behind the building. "
    "If you bring your receipt, we exchange everything within four weeks, no matter where you bought it. "
    "Repairs take about five working days, and we send you a message as soon as they are finished. "
    "For larger orders a colleague visits you at home and takes the measurements together with you. "
)


class Storyteller(Bot):
    """Speaks on and on."""

    def __init__(self, minutes: float) -> None:
        self._stories = 1 + round(2 * minutes)  # each is more than half a minute

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        for _ in range(self._stories):
            yield STORY

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        for _ in range(self._stories):
            yield STORY


class Spoken:
    """A voice that makes each sentence once."""

    def __init__(self, inner: HibariTts) -> None:
        self._inner, self.sample_rate = inner, inner.sample_rate
        self._made: dict[str, list[Samples]] = {}

    async def learn(self, text: str) -> None:
        """Make all of `text`: the clock of a trial does not wait for it."""

        async def once() -> AsyncIterator[str]:
            yield text

        async for sentence in script(once()):
            self._made[sentence] = [chunk async for chunk in self._inner.speak(sentence)]

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        if text not in self._made:  # what is left of a sentence
            self._made[text] = [chunk async for chunk in self._inner.speak(text)]
        for chunk in self._made[text]:
            yield chunk

    def close(self) -> None:
        self._inner.close()


@dataclass
class Busy:
    """The recogniser, and whether it works: the clock waits for it."""

    inner: WhisperAsr
    at_work: int = 0

    def __post_init__(self) -> None:
        self.name, self.capabilities = self.inner.name, self.inner.capabilities
        self.idle = asyncio.Event()
        self.idle.set()

    async def decode(self, request: Request, /) -> Hypothesis:
        self.at_work += 1
        self.idle.clear()
        try:
            return await self.inner.decode(request)
        finally:
            self.at_work -= 1
            if not self.at_work:
                self.idle.set()

    async def recovered(self) -> None:
        """It is never gone."""

    async def healthy(self) -> bool:
        return True

    def check_language(self, language: str | None) -> None:
        """Any will do."""

    def close(self) -> None:
        self.inner.close()


class Line:
    """A telephone line, 20 ms at a time; the far end plays what it was sent."""

    capabilities = Capabilities(audio_out=True, clear=True, mark=True, hangup=True, send_ahead_ms=10_000_000)

    def __init__(self) -> None:
        self.far_end, self.clears = CarrierBuffer(), list[int]()
        self.now_ms = 0
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._idle = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            if self._events.empty():
                self._idle.set()
            yield await self._events.get()

    async def send(self, command: Command, /) -> None:
        match command:
            case Play(payload):
                self.far_end.play(payload)
            case Mark(name):
                self.far_end.mark(name)
            case Clear():
                self.clears.append(self.now_ms)
                self._back(self.far_end.clear())

    async def close(self, reason: str, *, code: int = 1000) -> None:
        """Nobody is there."""

    def _back(self, marks: Sequence[str]) -> None:
        for name in marks:
            self._events.put_nowait(Played(name))

    async def tick(self, caller: Samples) -> bytes:
        """Let 20 ms pass in which the caller sends `caller`; return what they heard of the bot."""
        heard, marks = self.far_end.tick()
        self._idle.clear()
        self._back(marks)
        self._events.put_nowait(Media(encode(caller, Encoding.MULAW), self.now_ms))
        self.now_ms += FRAME_MS
        await self._idle.wait()
        return heard.ljust(FRAME_BYTES, b"\xff")

    def hang_up(self) -> None:
        self._events.put_nowait(CallEnded("done"))


@dataclass
class Room:
    """What the caller's microphone takes up."""

    babble_db: float = -100.0
    noise_db: float = -62.0
    echo_db: float = -100.0
    """Against what the bot is heard with."""
    coughs: bool = False
    echo_delay_ms: int = 200
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    def __post_init__(self) -> None:
        self._babble = at_level(babble(), self.babble_db)
        self._noise = at_level(pink(RATE * 20, self.rng), self.noise_db)
        self._heard = bytearray(b"\xff" * (8 * self.echo_delay_ms))

    def frame(self, at_ms: int, said: Samples) -> Samples:
        """Return 20 ms of the line, `said` by the caller among them."""
        begin = 8 * at_ms
        frame = said + circular(self._babble, begin) + circular(self._noise, begin)
        if self.echo_db > -100:
            echo = decode(bytes(self._heard[:FRAME_BYTES]), Encoding.MULAW)
            frame = frame + 10 ** (self.echo_db / 20) * echo
        if self.coughs and (phase := at_ms % 10_000) < 300:
            frame = frame + 0.2 * np.exp(-phase / 100) * self.rng.standard_normal(FRAME_BYTES)
        del self._heard[:FRAME_BYTES]
        return frame.astype(np.float32)

    def hear(self, bot: bytes) -> None:
        self._heard += bot


def circular(samples: Samples, begin: int) -> Samples:
    window: Samples = np.take(samples, np.arange(begin, begin + FRAME_BYTES), mode="wrap")
    return window


def at_level(samples: Samples, db: float) -> Samples:
    level = float(np.sqrt(np.mean(np.square(samples))))
    return (samples * (10 ** (db / 20) / level)).astype(np.float32)


def babble() -> Samples:
    """Return a minute of three people who speak at once, each about something else."""
    said = [one.audio for one in prompts(90, shortest_s=1.5, longest_s=6.0)]
    voices = [np.concatenate(said[first::3])[: RATE * 60] for first in range(3)]
    shortest = min(map(len, voices))
    mixed = sum((np.roll(voice[:shortest], 7000 * n) for n, voice in enumerate(voices)), np.zeros(shortest, np.float32))
    return mixed.astype(np.float32)


def pink(n: int, rng: np.random.Generator) -> Samples:
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    return np.fft.irfft(spectrum, n).astype(np.float32)


class Heavy(TypedDict):
    """What is loaded once for all trials."""

    vad: SileroVad
    asr: Busy
    voice: Spoken


class Trial:
    """One call of the storyteller in a room."""

    def __init__(
        self,
        room: Room,
        minutes: float,
        *,
        vad: SileroVad,
        asr: Busy,
        voice: Spoken,
        bot: Bot | None = None,
        rules: InterruptionRules | None = None,
        judged: bool = False,
    ) -> None:
        """`judged`: the ends of turns are, as on calls; else 0.5 s of silence are one."""
        self.room, self.line, self._asr = room, Line(), asr
        self._scrape = Metrics()
        metrics = self._scrape.call("bench", MULAW)
        speaker = bot or Storyteller(minutes)
        output = SpeechOutput(
            self.line,
            voice,
            MULAW,
            clock_ms=lambda: self.line.now_ms,
            on_audio=metrics.audio_sent,
            on_unread=lambda: None,
            start=asyncio.create_task,
        )
        time_to_final = RollingQuantile(0)
        endpointing = Endpointing(EndpointRules(), time_to_final=time_to_final) if judged else None

        def detector(on_judged: OnJudged) -> TurnDetection:
            if endpointing is None:
                return NoTurnDetector()
            return TurnDetector(
                endpointing,
                TextEnding(),
                on_judged,
                time_to_final=time_to_final,
                limit_s=5,
                clock_ms=lambda: self.line.now_ms,
                weights=END_WEIGHTS,
            )

        self.session = CallSession(
            self.line,
            ear=Ear(MULAW, vad=vad.open()),
            turns=TurnTaker(RULES, endpointing),
            preroll=PreRoll(keep_ms=640),
            asr=asr,
            options=RecognitionOptions(language="English"),
            metrics=metrics,
            drain_s=60,
            outage_s=5,
            bot_side=lambda tasks, call: conversation(
                speaker, output, CallInfo("bench"), tasks=tasks, call=call, metrics=metrics, limit_s=600, rules=rules
            ),
            turn_detector=detector,
        )

    async def __aenter__(self) -> "Trial":
        self._running = asyncio.create_task(self.session.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.line.hang_up()
        await self._running

    async def pass_time(self, ms: int, said: Samples | None = None) -> None:
        """Let so long pass; the caller says `said` from its begin on."""
        padded = np.zeros(8 * ms, np.float32)
        if said is not None:
            padded[: min(len(said), len(padded))] = said[: len(padded)]
        for at in range(0, len(padded) - FRAME_BYTES + 1, FRAME_BYTES):
            frame = self.room.frame(self.line.now_ms, padded[at : at + FRAME_BYTES])
            self.room.hear(await self.line.tick(frame))
            await self._settle()

    async def _settle(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)
        await self._asr.idle.wait()

    def count(self, name: str) -> int:
        """Return what the call has counted under `name`."""
        counted = text_string_to_metric_families(self._scrape.text().decode())
        return round(sum(s.value for family in counted for s in family.samples if s.name == f"bridge_{name}_total"))


async def false_alarms(
    name: str, make: Callable[[], Room], minutes: float, **heavy: Unpack[Heavy]
) -> dict[str, object]:
    """Let the bot speak in a room where nobody means it; return how often it fell silent and how often it gave up."""
    async with Trial(make(), minutes, **heavy) as trial:
        await trial.pass_time(round(minutes * 60_000))
        per = 10 / minutes
        print(name, len(trial.line.clears), trial.count("barge_ins"), file=sys.stderr)
        return {
            "in the room": name,
            "fell silent": round(per * len(trial.line.clears)),
            "went on": round(per * trial.count("false_alarms")),
            "reply lost": round(per * trial.count("barge_ins")),
            "echoes known": round(per * trial.count("echoes")),
        }


async def interruptions(
    name: str, callers: Sequence[Prompt], make: Callable[[], Room], *, gain_db: float = 0.0, **heavy: Unpack[Heavy]
) -> dict[str, object]:
    """Let callers interrupt the bot; return how long after their first sound the line was cleared."""
    clears, cut = list[int](), 0
    for number, caller in enumerate(callers):
        begin_ms, end_ms = speech_span(caller.audio)
        said = caller.audio[8 * begin_ms : 8 * end_ms] * 10 ** (gain_db / 20)
        async with Trial(make(), 0.2, **heavy) as trial:
            await trial.pass_time(2500 + 130 * (number % 20))
            onset_ms = trial.line.now_ms
            await trial.pass_time(len(said) // 8 + 1500, said)
            clears += [at - onset_ms for at in trial.line.clears if at >= onset_ms][:1]
            cut += trial.count("barge_ins") > 0
    return {
        "callers": name,
        "n": len(callers),
        "bot silenced": len(clears),
        "reply given up": cut,
        "onset to clear p50, ms": round(float(np.percentile(clears, 50))) if clears else "-",
        "p95": round(float(np.percentile(clears, 95))) if clears else "-",
    }


def table(rows: Sequence[dict[str, object]]) -> str:
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([str(row[head]) for head in heads] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of each kind of noise")
    parser.add_argument("--callers", type=int, default=50, help="who interrupt")
    options = parser.parse_args()
    voice = Spoken(await asyncio.to_thread(HibariTts.load))
    await voice.learn(STORY * 2)  # the first sentence of a reply may be shorter
    heavy: Heavy = {
        "vad": await asyncio.to_thread(SileroVad.load),
        "asr": Busy(await asyncio.to_thread(WhisperAsr.load)),
        "voice": voice,
    }
    rooms: list[tuple[str, Callable[[], Room]]] = [
        ("quiet line", Room),
        *((f"echo at -20 dB, {ms} ms", lambda ms=ms: Room(echo_db=-20, echo_delay_ms=ms)) for ms in (100, 200, 300)),
        ("pink noise at -35 dBFS", lambda: Room(noise_db=-35)),
        ("a cough every 10 s", lambda: Room(coughs=True)),
        ("babble at -45 dBFS", lambda: Room(babble_db=-45)),
        ("babble at -35 dBFS", lambda: Room(babble_db=-35)),
        ("babble at -45 dBFS and echo", lambda: Room(babble_db=-45, echo_db=-20)),
    ]
    said = prompts(options.callers)
    callers = [
        ("as recorded", 0.0, Room),
        ("10 dB quieter", -10.0, Room),
        ("in babble at -45 dBFS", 0.0, lambda: Room(babble_db=-45)),
        ("over echo at -20 dB", 0.0, lambda: Room(echo_db=-20)),
    ]
    print(
        table([await interruptions(name, said, make, gain_db=gain, **heavy) for name, gain, make in callers]),
        flush=True,
    )
    print("In 10 minutes of a bot that speaks on and on:\n")
    print(table([await false_alarms(name, make, options.minutes, **heavy) for name, make in rooms]))


if __name__ == "__main__":
    asyncio.run(main())
