"""Who is not interrupting: backchannels, side talk and a television over the bot. python bench/selectivity.py FILE.npz

Callers of many voices (Kokoro, and the English announcer) ask for a story; then one sound is made over it. "own" is the
level of the caller's own turns. The real ear, voice activity detector and recogniser on a clock of their own, on which
a decode takes DECODE_MS. First: what the sound alone tells, by weights of other speakers and of other words. What the
voices say is kept in FILE.npz, and read back. `bridge models fetch kokoro` brings the voices.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from bargein import STORY, Busy, Heavy, Room, Spoken, Trial, at_level, circular, table
from callers import Callers
from pauses import LEAD_MS, noise, over_the_line

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from integration.recordings import Prompt, prompts

from bot.api import Bot, CallInfo, Samples, Turn
from bot.tts.hibari import HibariTts
from bridge.commands.recording import speech_span
from bridge.speaking.audio_level import level_db
from bridge.speech.api import Hypothesis, Request
from bridge.speech.backends.silero import SileroVad
from bridge.speech.backends.whisper import WhisperAsr
from bridge.turns.backchannels import shipped
from bridge.turns.interruption import Act, Interruption, SpeechWindow
from bridge.turns.interruption_rules import InterruptionRules
from bridge.turns.turn_taker import TurnRules
from telephony.codec import decode
from telephony.events import Encoding

BACKCHANNELS: Final = (
    "Mm-hm.", "Uh-huh.", "Mhm.", "Hmm.", "Yeah.", "Okay.", "Right.", "I see.", "Sure.", "Aha.", "Got it.", "Yes.",
)  # fmt: skip
INTERRUPTIONS: Final = (
    "Stop, please.", "No, that is not what I meant.", "Wait a moment.", "Excuse me, I have a question.",
    "Can I talk to a person?", "Sorry, what was the price?", "My number is different.", "I want to cancel my order.",
    "How much does it cost?", "Not that one.", "Never mind.", "Maybe tomorrow would be better.",
    "Yes, but I moved house.", "Okay, but what about Sunday?", "Right, and the address?", "Hello?", "No!", "Human.",
    "Nobody told me that.", "Um, actually I meant Monday.",
)  # fmt: skip
CHOSEN_ON: Final = ("af_heart", "am_adam", "bf_emma", "bm_george", "af_bella", "am_fenrir", "am_michael")
"""Callers by whom `aside_db` was chosen; the others are held out."""
HELD_OUT: Final = ("af_sarah", "bm_lewis", "am_eric", "af_nova", "bf_alice")
OWN_DB: Final = -24.0
"""Level of the callers' own turns."""
DECODE_MS: Final = 110
WINDOW_MS: Final = 32
VOICED_DB: Final = -50.0
AFTER_MS: Final = (0, 64, 128, 256, 384)
_RIDGE: Final = 3.0
_FOLDS: Final = 6

Array = npt.NDArray[np.float64]
Windowed = tuple[bool, float]
"""Whether a window is speech, and its level, dBFS."""


class Sound(NamedTuple):
    """Something that is said over the bot."""

    caller: str
    text: str
    audio: Samples
    """8 kHz, from the first sound to the last, at OWN_DB."""


@dataclass
class Slow(Busy):
    """A recogniser whose decodes take time on the clock of the line; the first turn of a call is known."""

    now_ms: int = 0
    known: str = ""
    _waiting: list[tuple[int, asyncio.Event]] = field(default_factory=list)

    async def decode(self, request: Request, /) -> Hypothesis:
        if self.known:
            return Hypothesis((self.known,), "English")
        at_ms = min(self.now_ms + DECODE_MS, sys.maxsize)  # which is when the call is over, and time stands still
        hypothesis = await super().decode(request)
        if self.now_ms < at_ms:
            self._waiting.append((at_ms, done := asyncio.Event()))
            await done.wait()
        return hypothesis

    def passed(self, now_ms: int) -> None:
        """Note the time of the line."""
        self.now_ms = now_ms
        for at_ms, done in self._waiting:
            if at_ms <= now_ms:
                done.set()
        self._waiting = [each for each in self._waiting if each[0] > now_ms]


class Teller(Bot):
    """Tells the story when it is asked."""

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        return
        yield

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        yield STORY


@dataclass
class Place(Room):
    """A room with a television, which keeps what is heard of the bot."""

    asr: Slow | None = None
    television: Samples | None = None
    track: bytearray = field(default_factory=bytearray)

    def frame(self, at_ms: int, said: Samples) -> Samples:
        if self.asr:
            self.asr.passed(at_ms)
        heard = super().frame(at_ms, said)
        return heard if self.television is None else (heard + circular(self.television, 8 * at_ms)).astype(np.float32)

    def hear(self, bot: bytes) -> None:
        self.track += bot


class Heard(NamedTuple):
    """What became of the bot's speech."""

    silent_ms: int | None
    """From the first sound to the clear; None where there was none."""
    hole_ms: int | None
    """From the clear to the bot's next voice; None where the reply was lost."""
    lost: bool


class Scene:
    """Calls in which somebody makes a sound over the bot."""

    def __init__(self, vad: SileroVad, asr: Slow, voice: Spoken) -> None:
        self._vad, self._asr, self._voice = vad, asr, voice

    async def over_the_bot(self, own: Samples, said: Samples, gain_db: float, rules: InterruptionRules) -> Heard:
        """Let a caller say `own` to a silent bot, and `said` over its answer."""
        async with await self._asked(Place(), own, rules) as trial:
            await trial.pass_time(1800 + 13 * (len(said) % 40))
            onset_ms = trial.line.now_ms
            await trial.pass_time(len(said) // 8 + 3000, said * 10 ** (gain_db / 20))
            clears = [at for at in trial.line.clears if at >= onset_ms]
            lost = trial.count("barge_ins") > 0
            silent_ms = clears[0] - onset_ms if clears else None
            place = trial.room
            assert isinstance(place, Place)
            return Heard(silent_ms, None if lost or not clears else hole_ms(bytes(place.track), clears[0]), lost)

    async def television(self, own: Samples, programme: Samples, seconds: int, rules: InterruptionRules) -> Heard:
        """Return how often a television silenced the bot, and whether the story was lost."""
        async with await self._asked(place := Place(), own, rules) as trial:
            place.television = programme
            await trial.pass_time(1000 * seconds)
            return Heard(len(trial.line.clears), None, trial.count("barge_ins") > 0)

    async def _asked(self, place: Place, own: Samples, rules: InterruptionRules) -> "_Open":
        place.asr = self._asr
        heavy = Heavy(vad=self._vad, asr=self._asr, voice=self._voice)
        trial = Trial(place, 0.5, **heavy, bot=Teller(), rules=rules, judged=True)
        return _Open(trial, self._asr, own)


class _Open:
    """A call whose bot has begun to answer."""

    def __init__(self, trial: Trial, asr: Slow, own: Samples) -> None:
        self._trial, self._asr, self._own = trial, asr, own

    async def __aenter__(self) -> Trial:
        await self._trial.__aenter__()
        self._asr.now_ms, self._asr.known = 0, "Tell me the story."
        await self._trial.pass_time(300)
        await self._trial.pass_time(len(self._own) // 8 + 900, self._own)
        self._asr.known = ""
        return self._trial

    async def __aexit__(self, *error: object) -> None:
        self._asr.passed(sys.maxsize)
        await self._trial.__aexit__(*error)


def hole_ms(track: bytes, from_ms: int) -> int | None:
    """Return how long after `from_ms` the bot's voice comes back in `track`, mu-law."""
    for at in range(8 * from_ms, len(track) - 159, 160):
        if level_db(decode(track[at : at + 160], Encoding.MULAW)) > VOICED_DB:
            return at // 8 - from_ms
    return None


def cut_out(audio: Samples) -> Samples:
    """Return the speech of `audio`, at OWN_DB."""
    begin_ms, end_ms = speech_span(audio)
    return at_level(audio[8 * begin_ms : 8 * end_ms], OWN_DB)


def kept(path: Path) -> dict[tuple[str, str], Samples]:
    """Return what is kept in `path`, by voice and text."""
    if not path.exists():
        return {}
    with np.load(path) as file:
        return {(key.split("|")[0], key.split("|")[1]): file[key] for key in file.files}


async def spoken(path: Path, voices: Sequence[str]) -> dict[tuple[str, str], Samples]:
    """Return what the voices say, by voice and text; make what `path` does not have."""
    said = kept(path)
    wanted = [(voice, text) for voice in voices for text in (*BACKCHANNELS, *INTERRUPTIONS)]
    if missing := [each for each in wanted if each not in said]:
        callers = Callers()
        for voice, text in missing:
            said[voice, text] = await callers.say(voice, text)
        callers.close()
        named = {f"{voice}|{text}": audio for (voice, text), audio in said.items()}
        np.savez(path, **named)  # type: ignore[arg-type]  # any of the names might be an option of it
    return {each: cut_out(said[each]) for each in wanted}


# ------------------------------------------------------------ what the sound alone tells


class Judged(NamedTuple):
    """What is known of a sound so long after it would silence the bot."""

    caller: str
    text: str
    backchannel: bool
    signs: Sequence[Array]
    """For each of AFTER_MS."""


async def signs(sound: Sound, backchannel: bool, vad: SileroVad) -> Judged | None:
    """Return level, spectrum and pitch of the windows of speech so far; None where the VAD hears too little."""
    rng = np.random.default_rng(3)
    wide, stream = over_the_line(noise(1000, rng), sound.audio, noise(900, rng)), vad.open()
    rules, speech, spoken_ms, windows = TurnRules(), False, 0, list[tuple[int, Array]]()
    held_at: int | None = None
    for at, begin in enumerate(range(0, len(wide) - 511, 512)):
        window = wide[begin : begin + 512]
        speech = await stream(window) >= rules.threshold - (rules.hysteresis if speech else 0.0)
        if speech:
            spoken_ms += WINDOW_MS
            windows.append((at, spectrum(window)))
        if held_at is None and spoken_ms >= 3 * WINDOW_MS:
            held_at = at
    if held_at is None:
        return None
    known = []
    for after_ms in AFTER_MS:
        last = held_at + after_ms // WINDOW_MS
        found = np.array([each for at, each in windows if at <= last])
        silence = sum(1 for at in range(held_at, last + 1) if at not in {one for one, _ in windows})
        known.append(np.concatenate((found.mean(0), found.max(0), found.min(0), found[-1] - found[0], [silence])))
    return Judged(sound.caller, sound.text, backchannel, known)


def spectrum(window: Samples) -> Array:
    """Return level, the shares of four bands, periodicity and zero crossings."""
    power = np.abs(np.fft.rfft(window * np.hanning(512))) ** 2 + 1e-9
    hertz = np.arange(257) * 31.25
    bands = [
        power[(hertz >= low) & (hertz < high)].sum()
        for low, high in ((80, 500), (500, 1000), (1000, 2000), (2000, 3800))
    ]
    regular = np.correlate(window, window, "full")[511:]
    pitch = float((regular / (regular[0] + 1e-9))[40:230].max())
    crossings = float(np.mean(np.diff(np.sign(window)) != 0))
    return np.array([level_db(window), *(10 * np.log10(band / sum(bands)) for band in bands), pitch, crossings])


def told_apart(judged: Sequence[Judged]) -> list[dict[str, object]]:
    """Return how well a logistic regression knows backchannels, of speakers and of words that it was not fitted to."""
    backchannel = np.array([float(each.backchannel) for each in judged])
    speakers = [each.caller for each in judged]
    words = sorted({each.text for each in judged})
    rows = []
    for index, after_ms in enumerate(AFTER_MS):
        x = np.array([each.signs[index] for each in judged])
        x = np.c_[np.ones(len(x)), (x - x.mean(0)) / (x.std(0) + 1e-6)]
        row: dict[str, object] = {"ms after the onset": after_ms}
        by_word = [words.index(each.text) % _FOLDS for each in judged]
        for name, folds in (("speakers", speakers), ("words", by_word)):
            score = np.zeros(len(x))
            for fold in set(folds):
                out = np.array([each == fold for each in folds])
                score[out] = x[out] @ weights(x[~out], backchannel[~out])
            yes, no = score[backchannel == 1], score[backchannel == 0]
            area = (yes[:, None] > no[None]).mean() + 0.5 * (yes[:, None] == no[None]).mean()
            row[f"AUC, other {name}"] = round(float(area), 2)
            row[f"known at 5 % of interruptions late, other {name}, %"] = round(
                100 * (yes > np.quantile(no, 0.95)).mean()
            )
        rows.append(row)
    return rows


def weights(x: Array, y: Array) -> Array:
    """Return those of a logistic regression with a ridge, backchannels and interruptions counting alike."""
    count = np.where(y == 1, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    b = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ b, -30, 30)))
        hessian = (x * (count * p * (1 - p))[:, None]).T @ x + _RIDGE * np.eye(len(b))
        b += np.linalg.solve(hessian, x.T @ (count * (y - p)) - _RIDGE * b)
    return b


# ------------------------------------------------------------ whom their level silences the bot for


async def windows_of(audio: Samples, vad: SileroVad) -> list[Windowed]:
    """Return whether each window of `audio`, on a quiet line, is speech, and its level; it begins at LEAD_MS."""
    rng, rules = np.random.default_rng(3), TurnRules()
    wide = over_the_line(noise(LEAD_MS, rng), audio, noise(600, rng))
    stream, speech, found = vad.open(), False, list[Windowed]()
    for begin in range(0, len(wide) - 511, 512):
        window = wide[begin : begin + 512]
        speech = await stream(window) >= rules.threshold - (rules.hysteresis if speech else 0.0)
        found.append((speech, level_db(window)))
    return found


def silenced_ms(
    own: Sequence[Windowed], said: Sequence[Windowed], gain_db: float, rules: InterruptionRules
) -> int | None:
    """Return when `said` over the bot silences it, from its first sound; None where it does not.

    `own`: what the caller said before, to a silent bot.
    """
    interruption = Interruption(rules, shipped())
    quiet = [(False, OWN_DB - 40)] * (2000 // WINDOW_MS)
    at_ms = 0
    for part, gain, over_bot in ((own, 0.0, False), (quiet, 0.0, True), (said, gain_db, True)):
        begin_ms = at_ms
        for speech, level in part:
            window = SpeechWindow(speech, at_ms, at_ms + WINDOW_MS, level_db=level + gain)
            act = interruption.hear(window, audible=over_bot, interruptible=over_bot)
            at_ms += WINDOW_MS
            if act is Act.HOLD:
                return at_ms - begin_ms - LEAD_MS
        interruption.over()
    return None


async def by_level(
    said: Mapping[tuple[str, str], Samples], voices: Sequence[str], vad: SileroVad
) -> list[dict[str, object]]:
    """Return who silences the bot at which level, with levels compared and not; no recogniser, no echo."""
    heard = {each: await windows_of(audio, vad) for each, audio in said.items() if each[0] in voices}
    own = {voice: [window for text in INTERRUPTIONS[1:4] for window in heard[voice, text]] for voice in voices}
    rows = []
    for name, texts in (("interruptions", INTERRUPTIONS), ("backchannels", BACKCHANNELS)):
        for gain_db in (0.0, -3.0, -6.0, -9.0, -12.0, -15.0, -20.0):
            row: dict[str, object] = {"over the bot": name, "level, dB": f"{gain_db:+.0f}"}
            for title, rules in (("not compared", InterruptionRules(aside_db=0)), ("compared", InterruptionRules())):
                silenced = [
                    silenced_ms(own[voice], heard[voice, text], gain_db, rules) for voice in voices for text in texts
                ]
                row["n"] = len(silenced)
                row[f"{title}: fell silent, %"] = round(100 * np.mean([each is not None for each in silenced]))
                row[f"{title}: after, ms p50 / p95"] = percentiles([each for each in silenced if each is not None])
            rows.append(row)
    return rows


# ------------------------------------------------------------ what becomes of the bot's speech


async def outcome(
    name: str,
    said: Sequence[Sound],
    gain_db: float,
    *,
    scene: Scene,
    own: Mapping[str, Samples],
    rules: InterruptionRules,
) -> dict[str, object]:
    """Say each sound over the bot, by a caller whose own turns are at OWN_DB."""
    heard = [await scene.over_the_bot(own[each.caller], each.audio, gain_db, rules) for each in said]
    silent = [each.silent_ms for each in heard if each.silent_ms is not None]
    holes = [each.hole_ms for each in heard if each.hole_ms is not None]
    row = {
        "over the bot": name,
        "level, dB": f"{gain_db:+.0f}",
        "n": len(heard),
        "fell silent, %": round(100 * len(silent) / len(heard)),
        "after, ms p50 / p95": percentiles(silent),
        "went on after, ms p50 / p95": percentiles(holes),
        "reply given up, %": round(100 * sum(each.lost for each in heard) / len(heard)),
    }
    print(row, file=sys.stderr, flush=True)
    return row


def percentiles(values: Sequence[int]) -> str:
    return " / ".join(f"{np.percentile(values, share):.0f}" for share in (50, 95)) if values else "-"


def sounds(
    said: Mapping[tuple[str, str], Samples], voices: Sequence[str], texts: Sequence[str], step: int
) -> list[Sound]:
    """Return every `step`-th text of each voice, others for others."""
    return [
        Sound(voice, text, said[voice, text])
        for number, voice in enumerate(voices)
        for text in texts[number % step :: step]
    ]


async def report(scene: Scene, said: Mapping[tuple[str, str], Samples], recorded: Sequence[Prompt]) -> None:
    """Print what becomes of the story, with levels compared and without."""
    voices = HELD_OUT
    own = {voice: np.concatenate([said[voice, text] for text in INTERRUPTIONS[1:4]]) for voice in voices}
    own["announcer"] = cut_out(recorded[0].audio)
    asking = sounds(said, voices, INTERRUPTIONS, 4) + [
        Sound("announcer", each.text, cut_out(each.audio)) for each in recorded[1:]
    ]
    listening = sounds(said, voices, BACKCHANNELS, 1)
    aside = sounds(said, voices, INTERRUPTIONS[:15], 3)
    groups = (
        ("interruptions", asking, (0.0, -6.0, -9.0)),
        ("backchannels", listening, (0.0,)),
        ("side talk", aside, (-9.0, -12.0, -15.0, -20.0)),
    )
    for title, rules in (("Levels compared", InterruptionRules()), ("Not compared", InterruptionRules(aside_db=0))):
        rows = [
            await outcome(name, group, gain, scene=scene, own=own, rules=rules)
            for name, group, gains in groups
            for gain in gains
        ]
        print(f"{title}:\n\n{table(rows)}", flush=True)


async def televisions(
    scene: Scene, said: Mapping[tuple[str, str], Samples], recorded: Sequence[Prompt], seconds: int
) -> None:
    """Print how often a television behind each caller silences the bot."""
    programme = np.concatenate([cut_out(each.audio) for each in recorded])
    rows = []
    for gain in (-10.0, -15.0, -20.0):
        row: dict[str, object] = {"television at, dB": f"{gain:+.0f}", "seconds": seconds * len(HELD_OUT[:3])}
        for title, rules in (("not compared", InterruptionRules(aside_db=0)), ("compared", InterruptionRules())):
            shown = [
                await scene.television(
                    np.concatenate([said[voice, text] for text in INTERRUPTIONS[1:4]]),
                    (programme * 10 ** (gain / 20)).astype(np.float32),
                    seconds,
                    rules,
                )
                for voice in HELD_OUT[:3]
            ]
            row[f"fell silent, {title}"] = sum(each.silent_ms or 0 for each in shown)
            row[f"stories lost, {title}"] = f"{sum(each.lost for each in shown)} of {len(shown)}"
        rows.append(row)
    print(table(rows), flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("npz", type=Path, metavar="FILE.npz")
    parser.add_argument("--seconds", type=int, default=25, help="of each television; the story takes 30")
    parser.add_argument("--recorded", type=int, default=25, metavar="N", help="sentences of the announcer")
    parser.add_argument("--level-only", action="store_true", help="without the calls, which take a quarter of an hour")
    parser.add_argument("--television-only", action="store_true", help="a few minutes")
    options = parser.parse_args()
    said = await spoken(options.npz, HELD_OUT if options.television_only else (*CHOSEN_ON, *HELD_OUT))
    recorded = prompts(options.recorded)
    vad = await asyncio.to_thread(SileroVad.load)
    if not options.television_only:
        judged = [
            await signs(Sound(voice, text, audio), text in BACKCHANNELS, vad) for (voice, text), audio in said.items()
        ]
        print(table(told_apart([each for each in judged if each])), flush=True)
        print(table(await by_level(said, HELD_OUT, vad)), flush=True)
    if options.level_only:
        return
    voice = Spoken(await asyncio.to_thread(HibariTts.load))
    await voice.learn(STORY)
    scene = Scene(vad, Slow(await asyncio.to_thread(WhisperAsr.load)), voice)
    if not options.television_only:
        await report(scene, said, recorded)
    await televisions(scene, said, recorded, options.seconds)


if __name__ == "__main__":
    asyncio.run(main())
