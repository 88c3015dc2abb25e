"""`bridge call`: calls a server as Twilio would, says recordings to its bot, and reports what a caller would notice."""

import asyncio
import json
import math
import statistics
import wave
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from bridge.commands.call_record import CallRecord
from bridge.commands.carrier_buffer import FRAME_MS
from bridge.commands.line_faults import Fault
from bridge.commands.simulated_phone import SimulatedPhone, dial
from bridge.speaking.wav import read_wav
from telephony.codec import decode, encode
from telephony.events import Encoding

RATE: Final = 8000
MAX_LATE_MS: Final = 5.0
"""A telephone whose own frames leave later than this (p99) says nothing true about the server's latency."""
_SPEECH_DB: Final = 40.0
"""A 10 ms window is speech when it is within so much of the loudest one."""


class DishonestRun(Exception):
    """The telephone itself was late; the figures would be wrong."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Something to say."""

    name: str
    mulaw: bytes
    begins_ms: int
    """First and last sound in it."""
    ends_ms: int


@dataclass(slots=True)
class TurnFigures:
    """One recording said to the bot. Milliseconds; None where it did not happen."""

    name: str
    said_at_ms: float
    first_audio_ms: float | None = None
    """End of speech to the first bot audio received."""
    heard_ms: float | None = None
    """End of speech to the first bot audio heard; negative when the bot cut in."""
    clear_ms: float | None = None
    """Onset of a barge-in to `clear`."""
    silent_ms: float | None = None
    """Onset of a barge-in to silence at the caller's ear."""


@dataclass(slots=True)
class CallFigures:
    greeting_ms: float | None = None
    turns: list[TurnFigures] = field(default_factory=list)
    gaps: int = 0
    late_p99_ms: float = 0.0
    close_code: int | None = None
    fault: str = ""


def load(path: Path) -> Recording:
    """Read a 16-bit PCM WAV of any rate.

    Raises:
        ValueError: it is something else, or silent.
    """
    audio = read_wav(str(path), RATE, longest_s=math.inf)
    begins_ms, ends_ms = speech_span(audio)
    return Recording(path.name, encode(audio, Encoding.MULAW), begins_ms, ends_ms)


def speech_span(audio: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> tuple[int, int]:
    """Return where speech begins and ends in 8 kHz `audio`, in ms.

    Raises:
        ValueError: there is none.
    """
    windows = audio[: len(audio) // 80 * 80].reshape(-1, 80)
    energy = np.sqrt((windows**2).mean(axis=1)) if len(windows) else np.zeros(1)
    if energy.max() < 1e-4:
        raise ValueError("there is nothing to be heard in the recording")
    loud = np.flatnonzero(energy > energy.max() * 10 ** (-_SPEECH_DB / 20))
    return int(loud[0]) * 10, int(loud[-1] + 1) * 10


async def call(
    url: str,
    recordings: Sequence[Recording],
    *,
    number: int = 0,
    barge_in_ms: float | None = None,
    fault: Fault = Fault.NONE,
    reply_s: float = 10.0,
) -> tuple[CallFigures, CallRecord]:
    """Make one call: hear the greeting out, then say each recording and hear the answer out.

    `barge_in_ms`: speak so long after the bot began instead of hearing it out.

    Raises:
        aiohttp.ClientError: the server is not there or refuses.
    """
    figures = CallFigures(fault="" if fault is Fault.NONE else fault.value)
    async with dial(url, call_sid=f"CA{number:032d}", fault=fault) as phone:
        with suppress(TimeoutError):  # a bot may wait for the caller to speak first
            figures.greeting_ms = await phone.until_heard(after_ms=0, timeout_s=3.0)
            await phone.until_silent()
        for recording in recordings:
            if phone.closed.is_set():
                break
            figures.turns.append(await _say(phone, recording, barge_in_ms=barge_in_ms, reply_s=reply_s))
        if barge_in_ms is not None and not phone.closed.is_set():
            await _hear_out(phone)
    record = phone.record
    figures.gaps, figures.close_code = record.count("gap"), record.close_code
    figures.late_p99_ms = float(np.percentile(record.late_ms, 99)) if record.late_ms else 0.0
    return figures, record


async def _say(
    phone: SimulatedPhone, recording: Recording, *, barge_in_ms: float | None, reply_s: float
) -> TurnFigures:
    began_ms, speaking = phone.now_ms, phone.speaking
    turn = TurnFigures(recording.name, began_ms)
    with suppress(TimeoutError):  # told by the None in the figures
        async with asyncio.timeout(2 * reply_s + len(recording.mulaw) / RATE):
            await phone.say(recording.mulaw)
            onset_ms, end_ms = began_ms + recording.begins_ms, began_ms + recording.ends_ms
            if speaking:
                turn.clear_ms = _since(phone.record.first("clear", after_ms=onset_ms), onset_ms)
                turn.silent_ms = _since(phone.record.first("silence", after_ms=onset_ms), onset_ms)
            after_ms = onset_ms + (turn.silent_ms or 0.0)
            heard_ms = await phone.until_heard(after_ms=after_ms, timeout_s=reply_s)
            turn.heard_ms = _since(heard_ms, end_ms)
            turn.first_audio_ms = _since(phone.record.first("audio-received", after_ms=after_ms), end_ms)
            if barge_in_ms is None:
                await phone.until_silent()
            else:
                await phone.until(lambda: phone.now_ms >= heard_ms + barge_in_ms)
    return turn


async def _hear_out(phone: SimulatedPhone) -> None:
    with suppress(TimeoutError):  # the bot talks on; the caller hangs up
        await phone.until_silent()


def _since(at_ms: float | None, from_ms: float) -> float | None:
    return None if at_ms is None else round(at_ms - from_ms, 1)


async def load_test(
    url: str, recordings: Sequence[Recording], *, calls: int, ramp_s: float, fault: Fault = Fault.NONE
) -> list[tuple[CallFigures, CallRecord]]:
    """Make `calls` calls, their beginnings spread over `ramp_s` and over the 20 ms of a frame."""

    async def one(number: int) -> tuple[CallFigures, CallRecord]:
        await asyncio.sleep(ramp_s * number / calls + FRAME_MS / 1000 * (number % 7) / 7)
        return await call(url, recordings, number=number, fault=fault)

    return list(await asyncio.gather(*(one(number) for number in range(calls))))


def check_honesty(figures: Sequence[CallFigures]) -> None:
    """Refuse to report a run in which our own frames were late.

    Raises:
        DishonestRun: they were.
    """
    worst_ms = max((call.late_p99_ms for call in figures), default=0.0)
    if worst_ms > MAX_LATE_MS:
        raise DishonestRun(
            f"this telephone's own frames left up to {worst_ms:.1f} ms late (p99, allowed {MAX_LATE_MS:g}): "
            "the machine is too busy for a measurement"
        )


def report(figures: Sequence[CallFigures]) -> str:
    """Return what a person wants to know of the calls."""
    turns = [turn for call in figures for turn in call.turns]
    lines = [f"{len(figures)} calls, {len(turns)} turns"]
    for label, values in (
        ("greeting heard", [call.greeting_ms for call in figures]),
        ("end of speech -> first audio received", [turn.first_audio_ms for turn in turns]),
        ("end of speech -> first audio heard", [turn.heard_ms for turn in turns]),
        ("barge-in -> clear", [turn.clear_ms for turn in turns]),
        ("barge-in -> silence", [turn.silent_ms for turn in turns]),
    ):
        known = [value for value in values if value is not None]
        if known:
            p50, p95 = statistics.median(known), float(np.percentile(known, 95))
            lines.append(f"  {label:<38} p50 {p50:5.0f}  p95 {p95:5.0f}  max {max(known):5.0f} ms  ({len(known)})")
    early = sum(turn.heard_ms is not None and turn.heard_ms < 0 for turn in turns)
    never = sum(turn.heard_ms is None for turn in turns)
    lines.append(f"  answered too early {early}, never {never}; audible gaps {sum(call.gaps for call in figures)}")
    return "\n".join(lines)


def timeline(record: CallRecord) -> str:
    """Return the call as lines of time, event and detail."""
    return "\n".join(f"{moment.at_ms:9.0f} ms  {moment.what:<15} {moment.detail}" for moment in record.timeline)


def save_wav(record: CallRecord, path: Path) -> None:
    """Write the call as stereo: the caller left, the bot right."""
    sides = [decode(bytes(side), Encoding.MULAW) for side in (record.caller, record.bot)]
    length = min(map(len, sides))
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(2)
        recording.setsampwidth(2)
        recording.setframerate(RATE)
        recording.writeframes(encode(np.stack([side[:length] for side in sides], axis=1).reshape(-1), Encoding.L16))


def save_json(calls: Sequence[tuple[CallFigures, CallRecord]], path: Path) -> None:
    """Write figures and timelines."""
    data = [{**asdict(figures), "timeline": [asdict(m) for m in record.timeline]} for figures, record in calls]
    path.write_text(json.dumps(data, indent=1))
