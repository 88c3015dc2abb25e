"""How soon, how steady and how right partials are: python bench/flicker.py [--asr whisper] [--prompts 60] [--json FILE]

Every recording (8 kHz mu-law, up-sampled) goes through the VAD, the turn rules and a streaming policy, window by
window; audio stands still while a decode runs, so that the figures are those of a machine that keeps pace, whatever
it does beside. `first text` is counted from the onset of speech: audio heard, and audio plus the decode that gave it.
CPU time is that of the whole process: it says nothing of engines outside it. The original policy decodes its finals
with a prefix too, ours without: that is what their word error rates compare.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from bot.api import Partial
from bridge.call.transcribe import transcribe
from bridge.call.utterance import PREROLL_MS, PreRoll, Utterance
from bridge.server.plugin_loading import load_recogniser
from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, Asr, AsrCapabilities, Hypothesis, Request, Samples, Vad
from bridge.speech.backends.silero import SileroVad
from bridge.speech.ear import ScoredWindow
from bridge.speech.rollback import PrefixRollback
from bridge.speech.stability import Flicker, flicker
from bridge.turns.turn_taker import Began, Cut, Over, Paused, Resumed, TurnEvent, TurnRules, TurnTaker
from telephony.recognition import RecognitionOptions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from asr import spelled
from integration.recordings import Prompt, prompts, word_error_rate

_RULES: Final = TurnRules(endpoint_ms=350)
_SILENCE_S: Final = 0.6
_OVERHEAD_S: Final = 10
"""Seconds of the made-up utterance on which the policy's own cost is measured."""


@dataclass
class Metered:
    """An engine that notes what is asked of it."""

    inner: Asr
    requests: list[Request] = field(default_factory=list)
    run_s: list[float] = field(default_factory=list)
    in_hand: int = 0

    def __post_init__(self) -> None:
        self.name, self.capabilities = self.inner.name, self.inner.capabilities

    async def decode(self, request: Request, /) -> Hypothesis:
        self.requests.append(request)
        self.in_hand += 1
        begun = time.perf_counter()
        try:
            return await self.inner.decode(request)
        finally:
            self.run_s.append(time.perf_counter() - begun)
            self.in_hand -= 1

    async def healthy(self) -> bool:
        return await self.inner.healthy()

    def close(self) -> None:
        self.inner.close()

    async def settled(self) -> None:
        """Return when nothing is being decoded any more and what came of it has been dealt with."""
        quiet = 0
        while quiet < 12:
            quiet = 0 if self.in_hand else quiet + 1
            await asyncio.sleep(0.001 if self.in_hand else 0)


@dataclass(slots=True)
class Written:
    """What was written of one utterance."""

    shown: list[str] = field(default_factory=list)
    final: str = ""


@dataclass(slots=True)
class Outcome:
    """What a policy made of one recording."""

    said: str
    utterances: list[Written] = field(default_factory=list)
    first_audio_s: float | None = None
    first_wall_s: float | None = None
    decodes: int = 0
    cpu_s: float = 0.0

    @property
    def final(self) -> str:
        return " ".join(written.final for written in self.utterances)

    def show(self, text: str, heard_ms: int, asr: Metered) -> None:
        """Note a partial that was shown when `heard_ms` of speech had been heard."""
        self.utterances[-1].shown.append(text)
        if self.first_audio_s is None:
            self.first_audio_s = heard_ms / 1000
            self.first_wall_s = heard_ms / 1000 + asr.run_s[-1]


Step = tuple[ScoredWindow, bool, TurnEvent | None]
"""A window, whether it held speech, and what it changed."""
Policy = Callable[[Sequence[Step], Metered, RecognitionOptions, Outcome], Awaitable[None]]


async def windows(prompt: Prompt, vad: Vad) -> list[Step]:
    """Return what the ear and the turn rules make of `prompt`."""
    turns, steps = TurnTaker(_RULES), list[Step]()
    audio = np.concatenate([prompt.wide, np.zeros(int(_SILENCE_S * SAMPLE_RATE), np.float32)])
    for at in range(0, len(audio) - vad.window, vad.window):
        from_ms, to_ms = at * 1000 // SAMPLE_RATE, (at + vad.window) * 1000 // SAMPLE_RATE
        heard = ScoredWindow(audio[at : at + vad.window], await vad(audio[at : at + vad.window]), from_ms, to_ms)
        event = turns.hear(heard.probability, from_ms=from_ms, to_ms=to_ms)
        steps.append((heard, turns.speech, event))
    return steps


# ---------------------------------------------------------------- the policies


class Listener:
    """Plays one recording through bridge/call/transcribe.py as a call does."""

    def __init__(self, asr: Metered, options: RecognitionOptions, outcome: Outcome) -> None:
        self._asr, self._options, self._outcome = asr, options, outcome
        self._preroll = PreRoll(4 * _RULES.min_speech_ms)
        self._utterance: Utterance | None = None
        self._reader: asyncio.Task[None] | None = None
        self._onset_ms = self._now_ms = 0

    async def hear(self, step: Step) -> None:
        heard, speech, event = step
        self._now_ms = heard.to_ms
        if self._utterance:
            self._utterance.add(heard.samples, speech_ms=speech * (heard.to_ms - heard.from_ms))
        else:
            self._preroll.add(heard)
        match event:
            case Began(at_ms, speech_ms):
                self._begin(at_ms).add(self._preroll.take(at_ms), speech_ms=speech_ms)
            case Paused() if self._utterance:
                self._utterance.pause()
            case Resumed() if self._utterance:
                self._utterance.resume()
            case Over():
                await self.end()
            case Cut(at_ms):
                await self.end()
                self._begin(at_ms)
        await self._asr.settled()

    async def end(self) -> None:
        if self._utterance and self._reader:
            self._utterance.close(self._now_ms)
            await self._reader
        self._utterance = None

    def _begin(self, at_ms: int) -> Utterance:
        self._onset_ms, self._utterance = at_ms, Utterance(at_ms, f"u{at_ms}")
        self._outcome.utterances.append(Written())
        self._reader = asyncio.create_task(self._read(self._utterance))
        return self._utterance

    async def _read(self, said: Utterance) -> None:
        final = await transcribe(said, self._asr, self._options, on_partial=self._show)
        self._outcome.utterances[-1].final = final.text

    async def _show(self, partial: Partial) -> None:
        self._outcome.show(partial.text, self._now_ms - self._onset_ms, self._asr)


async def ours(steps: Sequence[Step], asr: Metered, options: RecognitionOptions, outcome: Outcome) -> None:
    listener = Listener(asr, options, outcome)
    for step in steps:
        await listener.hear(step)
    await listener.end()


async def original(steps: Sequence[Step], asr: Metered, options: RecognitionOptions, outcome: Outcome) -> None:
    """Decode each whole chunk with prefix rollback, the rest at the end, and nothing else."""
    chunk_ms = round(options.chunk_size_sec * 1000)
    for early_ms, audio in spoken(steps):
        rollback = PrefixRollback(options.unfixed_chunk_num, options.unfixed_token_num, chunk_ms=chunk_ms)
        outcome.utterances.append(written := Written())
        length_ms = len(audio) * 1000 // SAMPLE_RATE
        for end_ms in [*range(chunk_ms, length_ms, chunk_ms), length_ms]:
            prefix, whole = rollback.prefix(end_ms), end_ms == length_ms
            language = options.language or prefix.language or None
            request = Request(audio[: end_ms * SAMPLE_RATE // 1000], prefix.text, language, options.context, whole)
            draft = prefix.then(await asr.decode(request))
            rollback.add(draft)
            written.final = draft.text.strip()
            if not whole and written.final not in ("", *written.shown[-1:]):
                outcome.show(written.final, end_ms - early_ms, asr)


def spoken(steps: Sequence[Step]) -> Iterator[tuple[int, Samples]]:
    """Yield each utterance: milliseconds before its onset, and its audio from there to a pause after its end."""
    begun: tuple[int, int] | None = None
    for heard, _, event in steps:
        end_ms = heard.to_ms if heard is steps[-1][0] else None
        match event:
            case Began(onset_ms):
                begun = onset_ms, min(PREROLL_MS, onset_ms)
            case Over(_, speech_end_ms):
                end_ms = speech_end_ms + _RULES.pause_ms
            case Cut(at_ms):
                end_ms = at_ms
        if begun and end_ms is not None:
            inside = [h.samples for h, _, _ in steps if begun[0] - begun[1] < h.to_ms <= end_ms]
            if inside:
                yield begun[1], np.concatenate(inside)
            begun = (end_ms, 0) if isinstance(event, Cut) else None


# ---------------------------------------------------------------- the figures


async def play(
    policy: Policy, said: Sequence[tuple[Prompt, list[Step]]], asr: Asr, options: RecognitionOptions
) -> list[Outcome]:
    outcomes = []
    for prompt, steps in said:
        metered, outcome, cpu_s = Metered(asr), Outcome(prompt.text), time.process_time()
        await policy(steps, metered, options, outcome)
        outcome.decodes, outcome.cpu_s = len(metered.requests), time.process_time() - cpu_s
        outcomes.append(outcome)
    return outcomes


def figures(outcomes: Sequence[Outcome]) -> dict[str, float]:
    total = sum((flicker(w.shown, w.final) for o in outcomes for w in o.utterances), Flicker())
    shown = [o for o in outcomes if o.first_audio_s is not None]
    said, finals = [spelled(o.said) for o in outcomes], [spelled(o.final) for o in outcomes]
    return {
        "utterances": len(outcomes),
        "with partials": len(shown),
        "flicker %": 100 * total.share,
        "first text s of audio, median": statistics.median(o.first_audio_s or 0 for o in shown),
        "first text s of audio, p90": float(np.percentile([o.first_audio_s or 0 for o in shown], 90)),
        "first text s with decode, median": statistics.median(o.first_wall_s or 0 for o in shown),
        "final WER %": 100 * word_error_rate(said, finals),
        "decodes an utterance": statistics.mean(o.decodes for o in outcomes),
        "CPU ms an utterance": 1000 * statistics.mean(o.cpu_s for o in outcomes),
    }


class Instant:
    """Hears five words a second at once, to show what all but the engine costs."""

    def __init__(self) -> None:
        self.name, self.capabilities = "instant", AsrCapabilities()

    async def healthy(self) -> bool:
        return True

    def close(self) -> None: ...

    async def decode(self, request: Request, /) -> Hypothesis:
        count = len(request.audio) * 5 // SAMPLE_RATE - len(request.prefix.split())
        return Hypothesis([" word"] * count, "English")


async def overhead_us() -> float:
    """Return CPU microseconds a decode costs outside the engine, in utterances of ten seconds, ten decodes a second."""
    window, options = np.zeros(512, np.float32), RecognitionOptions(chunk_size_sec=0.1)
    decodes, spent_s = 0, 0.0

    async def show(partial: Partial) -> None: ...

    for _ in range(20):
        utterance, asr = Utterance(0, "u"), Metered(Instant())
        reader, cpu_s = asyncio.create_task(transcribe(utterance, asr, options, on_partial=show)), time.process_time()
        for _ in range(_OVERHEAD_S * SAMPLE_RATE // len(window)):
            utterance.add(window, speech_ms=32)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        utterance.close(0)
        await reader
        spent_s += time.process_time() - cpu_s
        decodes += len(asr.requests)
    return 1e6 * spent_s / decodes


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--asr", default="whisper", help="engine, as in bridge serve (default whisper)")
    parser.add_argument("--asr-model-path", default="", help="its model (default: its own)")
    parser.add_argument("--language", default="English", help='"" lets the engine find out')
    parser.add_argument("--prompts", type=int, default=60, metavar="N", help="sentences to play (default 60)")
    parser.add_argument(
        "--shortest", type=float, default=1.5, metavar="S", help="seconds of the shortest (default 1.5)"
    )
    parser.add_argument("--longest", type=float, default=12.0, metavar="S", help="seconds of the longest (default 12)")
    parser.add_argument("--json", type=Path, help="write the figures, and what was shown, to this file")
    parser.add_argument("--verbose", action="store_true", help="print every partial")
    wanted = parser.parse_args()
    settings = Settings.model_validate({"asr": wanted.asr, "asr_model_path": wanted.asr_model_path})
    asr, vad = await asyncio.to_thread(load_recogniser, settings), SileroVad.load()
    said = [
        (p, await windows(p, vad.open()))
        for p in prompts(wanted.prompts, shortest_s=wanted.shortest, longest_s=wanted.longest)
    ]
    options = RecognitionOptions(language=wanted.language or None)
    played = {policy.__name__: await play(policy, said, asr, options) for policy in (original, ours)}
    results = {name: figures(outcomes) for name, outcomes in played.items()}
    title = f"{asr.name}, {sum(p.seconds for p, _ in said):.0f} s of speech"
    print(f"{title:<36}" + "".join(f"{name:>10}" for name in results))
    for row in results["ours"]:
        print(f"{row:<36}" + "".join(f"{result[row]:10.2f}" for result in results.values()))
    with_prefix, without = ([spelled(o.final) for o in played[name]] for name in ("original", "ours"))
    print(f"finals with prefix against those without, WER %: {100 * word_error_rate(without, with_prefix):.2f}")
    print(f"policy overhead, CPU us a decode: {(cost := await overhead_us()):.0f}")
    if wanted.verbose:
        for outcome in played["ours"]:
            print(repr(outcome.said))
            for written in outcome.utterances:
                print("", *map(repr, written.shown), f"-> {written.final!r}", sep="\n    ")
    if wanted.json:
        utterances = {name: [asdict(o) for o in outcomes] for name, outcomes in played.items()}
        wanted.json.write_text(
            json.dumps({"engine": asr.name, "overhead_us": cost, **results, "utterances": utterances}, indent=1)
        )
    await asyncio.to_thread(asr.close)


if __name__ == "__main__":
    asyncio.run(main())
