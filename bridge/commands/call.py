"""`bridge call`: calls a server as a carrier would, says recordings to its bot, reports what a caller would notice."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import numpy as np

from bridge.commands.phone.call_record import CallRecord
from bridge.commands.phone.call_report import CallFigures, TurnFigures
from bridge.commands.phone.carrier_buffer import FRAME_MS
from bridge.commands.phone.line_faults import Fault
from bridge.commands.phone.pbx_lines import has_bot
from bridge.commands.phone.simulated_phone import SimulatedPhone, dial
from bridge.commands.recording import RATE, Recording


async def call(
    url: str,
    recordings: Sequence[Recording],
    *,
    number: int = 0,
    barge_in_ms: float | None = None,
    fault: Fault = Fault.NONE,
    reply_s: float = 10.0,
    tls: ssl.SSLContext | bool = True,
    wire: str = "twilio",
    token: str = "",
) -> tuple[CallFigures, CallRecord]:
    """Make one call: wait for the end of the greeting, then say each recording and wait for the end of the answer.

    Over a wire without a bot it waits for no greeting, and for the final transcript instead of the answer.

    `number`: makes the call's id. `barge_in_ms`: say the next recording so long after the bot began to speak, instead
    of waiting for the end. `reply_s`: how long an answer is awaited. `tls`: who is believed to be the server.
    `wire`: as for `dial`; `token`: the server's API token, which all wires but Twilio's ask for.

    Raises:
        aiohttp.ClientError: the server is not there, or refuses the call.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else None
    async with dial(url, call_sid=f"CA{number:032d}", headers=headers, fault=fault, tls=tls, wire=wire) as phone:
        if has_bot(wire):
            figures = await converse(phone, recordings, barge_in_ms=barge_in_ms, reply_s=reply_s)
        else:
            figures = await dictate(phone, recordings, final_s=reply_s)
    complete(figures, phone.record)
    return figures, phone.record


async def converse(
    phone: SimulatedPhone,
    recordings: Sequence[Recording],
    *,
    barge_in_ms: float | None = None,
    reply_s: float = 10.0,
) -> CallFigures:
    """Do what `call` does, on a phone that is on its line; `complete` adds the figures of the whole call to these."""
    figures = CallFigures(fault="" if phone.fault is Fault.NONE else phone.fault.value)
    with suppress(TimeoutError):  # a bot may wait for the caller to speak first
        figures.greeting_ms = await phone.until_heard(after_ms=0, timeout_s=3.0)
        await phone.until_silent()
    for recording in recordings:
        if phone.closed.is_set():
            break
        figures.turns.append(await _say(phone, recording, barge_in_ms=barge_in_ms, reply_s=reply_s))
    if barge_in_ms is not None and not phone.closed.is_set():
        await _hear_out(phone)
    return figures


async def dictate(phone: SimulatedPhone, recordings: Sequence[Recording], *, final_s: float = 10.0) -> CallFigures:
    """Say each recording to a phone on whose line nobody answers, and wait for its final for `final_s`."""
    figures = CallFigures(fault="" if phone.fault is Fault.NONE else phone.fault.value, answered=False)
    for recording in recordings:
        if phone.closed.is_set():
            break
        turn = TurnFigures(recording.name, phone.now_ms)
        figures.turns.append(turn)
        with suppress(TimeoutError):  # the figures hold None for what did not happen
            async with asyncio.timeout(final_s + len(recording.mulaw) / RATE):
                await phone.say(recording.mulaw)
                await phone.until(partial(_is_told, turn, recording, phone.record), timeout_s=final_s)
    return figures


def _is_told(turn: TurnFigures, recording: Recording, record: CallRecord) -> bool:
    """Note in `turn` when what was said was told; return whether its final was."""
    onset_ms, end_ms = turn.said_at_ms + recording.begins_ms, turn.said_at_ms + recording.ends_ms
    turn.partial_ms = _since(record.first("partial", after_ms=onset_ms), onset_ms)
    turn.final_ms = _since(record.first("final", after_ms=end_ms), end_ms)
    return turn.final_ms is not None


def complete(figures: CallFigures, record: CallRecord) -> None:
    """Add to `figures` what is known once the call is over."""
    figures.gaps, figures.close_code = record.count("gap"), record.close_code
    figures.late_p99_ms = float(np.percentile(record.late_ms, 99)) if record.late_ms else 0.0


async def _say(
    phone: SimulatedPhone, recording: Recording, *, barge_in_ms: float | None, reply_s: float
) -> TurnFigures:
    began_ms, speaking = phone.now_ms, phone.speaking
    turn = TurnFigures(recording.name, began_ms)
    with suppress(TimeoutError):  # the figures hold None for what did not happen
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
    _is_told(turn, recording, phone.record)
    return turn


async def _hear_out(phone: SimulatedPhone) -> None:
    with suppress(TimeoutError):  # the bot talks on; the caller hangs up
        await phone.until_silent()


def _since(at_ms: float | None, from_ms: float) -> float | None:
    return None if at_ms is None else round(at_ms - from_ms, 1)


async def load_test(
    url: str,
    recordings: Sequence[Recording],
    *,
    calls: int,
    ramp_s: float,
    fault: Fault = Fault.NONE,
    tls: ssl.SSLContext | bool = True,
    wire: str = "twilio",
    token: str = "",
) -> list[tuple[CallFigures, CallRecord]]:
    """Make `calls` calls at a time. They begin spread over `ramp_s` seconds, and over the 20 ms of a frame.

    Raises:
        aiohttp.ClientError: the server is not there, or refuses a call.
    """

    async def one(number: int) -> tuple[CallFigures, CallRecord]:
        await asyncio.sleep(ramp_s * number / calls + FRAME_MS / 1000 * (number % 7) / 7)
        return await call(url, recordings, number=number, fault=fault, tls=tls, wire=wire, token=token)

    return list(await asyncio.gather(*(one(number) for number in range(calls))))
