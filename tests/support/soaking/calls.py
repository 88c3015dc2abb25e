"""How each kind of call in a soak goes: healthy ones, those with a fault of the line, of the caller or of the bot."""

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import numpy as np
import pytest
from integration.recordings import Prompt, recordings
from integration.sip_peers import Baresip, baresip
from integration.sipp import everything_twice, fall_silent, hang_up_at_once, pcap, sipp

from bridge.commands.call import complete, converse, dictate
from bridge.commands.phone.call_record import CallRecord
from bridge.commands.phone.carrier_buffer import FRAME_MS
from bridge.commands.phone.line_faults import Fault
from bridge.commands.phone.pbx_line import PbxLine
from bridge.commands.phone.pbx_lines import path_of
from bridge.commands.phone.simulated_phone import SimulatedPhone, on_line
from soaking.accounts import Call
from soaking.bots import Does, ident, sentences
from soaking.lines import CARRIERS, NAMED_BY_US, SOCKETS, WRITTEN_DOWN, Place, open_line

SUPPORT: Final = Path(__file__).parents[1]
SOCKET_WIRES: Final = ("twilio", *SOCKETS)
TALKING: Final = tuple(wire for wire in (*SOCKET_WIRES, "audiosocket") if wire not in WRITTEN_DOWN)
CLEARING: Final = ("twilio", "asterisk", "jambonz")
"""Wires on which a phone sees that it is told to throw audio away, and can have a bot that talks for long."""
NAMED: Final = tuple(wire for wire in TALKING if wire not in NAMED_BY_US)
"""Wires on which the caller names the call, and so chooses its bot."""
KILLED: Final = (*SOCKET_WIRES, "audiosocket")
_LATE_MS: Final = 15.0
_NEAR_FRAMES: Final = 15
SIP_SILENCE_S: Final = 2.2
"""Before a SIP caller speaks, so that the greeting is over."""
SIP_WAIT_S: Final = 2.5
"""After it has spoken, for the answer."""

_sipp_free = asyncio.Lock()  # it has fixed ports for its media
_phones_free = asyncio.Semaphore(2)  # a process takes a second of a core to start


@dataclass(frozen=True, slots=True)
class Job:
    """One call, or a few that are made together."""

    kind: str
    wire: str
    name: str
    number: int
    calls: int = 1


Way = Callable[[Job, Place, random.Random], Awaitable[list[Call]]]
"""Makes the calls of a job; returns what they came to."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job: how often, on which wires, with which bot, how."""

    weight: float
    wires: Sequence[str]
    way: Way
    does: Does = Does.ANSWERS
    calls: int = 1


async def make(job: Job, place: Place) -> list[Call]:
    """Make the calls of `job`. Whatever goes wrong is in what is returned."""
    try:
        async with asyncio.timeout(90):
            return await KINDS[job.kind].way(job, place, random.Random(job.number))
    except (
        Exception,
        pytest.fail.Exception,
    ) as error:  # a call that cannot be made is a finding, not the end of the soak
        return [_call(job, failed=repr(error)[:300]) for _ in range(job.calls)]


def _call(job: Job, *, failed: str = "") -> Call:
    return Call(job.kind, job.wire, job.name, failed=failed)


def _finish(call: Call, phone: SimulatedPhone, place: Place) -> None:
    """Enter what the phone knows once the call is over."""
    began_s = asyncio.get_running_loop().time() - phone.now_ms / 1000
    heard = [began_s + at_ms / 1000 for at_ms in gaps(phone.record)]
    call.let_down = sum(bool(place.processor and place.processor.let_down(at_s)) for at_s in heard)
    call.gaps = len(heard) - call.let_down
    call.late_ms = round(max(phone.record.late_ms, default=0.0))
    call.told = [moment.detail for moment in phone.record.timeline if moment.what == "final"]
    if isinstance(phone.line, PbxLine):
        call.name = phone.line.ident


def gaps(record: CallRecord) -> list[float]:
    """Return when gaps were heard while the phone itself was on time: one that is late makes gaps of its own."""

    def on_time(at_ms: float) -> bool:
        frame = int(at_ms) // FRAME_MS
        return max(record.late_ms[max(0, frame - _NEAR_FRAMES) : frame + 2], default=0.0) <= _LATE_MS

    return [moment.at_ms for moment in record.timeline if moment.what == "gap" and on_time(moment.at_ms)]


# ---------------------------------------------------------------- callers who say all they have to say


async def _healthy(job: Job, place: Place, dice: random.Random) -> list[Call]:
    said = dice.sample(sentences(), dice.choice((1, 1, 2)))
    return [await (_dictated if job.wire in WRITTEN_DOWN else _conversed)(job, place, said)]


async def _barges_in(job: Job, place: Place, dice: random.Random) -> list[Call]:
    call = await _conversed(job, place, dice.sample(sentences(), 2), barge_in_ms=600.0)
    return [call]


async def _conversed(
    job: Job, place: Place, said: Sequence[Prompt], *, fault: Fault = Fault.NONE, barge_in_ms: float | None = None
) -> Call:
    call = _call(job)
    call.said = [prompt.text for prompt in said]
    async with open_line(job.wire, place, job.name) as line:
        async with on_line(line, fault=fault) as phone:
            figures = await converse(phone, recordings(said), barge_in_ms=barge_in_ms)
        complete(figures, phone.record)
        call.heard_ms = [turn.heard_ms for turn in figures.turns]
        _finish(call, phone, place)
    if figures.greeting_ms is None:
        call.failed = "not greeted"
    elif len(figures.turns) < len(said):
        call.failed = "hung up on"
    elif fault is not Fault.NONE and None in call.heard_ms:
        call.failed = "not answered"
    elif barge_in_ms is not None and figures.turns[-1].clear_ms is None:
        call.failed = "not interrupted"
    return call


async def _dictated(job: Job, place: Place, said: Sequence[Prompt]) -> Call:
    """Say it to a client's socket, and wait for its finals."""
    call = _call(job)
    call.said = [prompt.text for prompt in said]
    async with open_line(job.wire, place, job.name) as line:
        async with on_line(line) as phone:
            figures = await dictate(phone, recordings(said))
        call.heard_ms = [turn.final_ms for turn in figures.turns]
        _finish(call, phone, place)
    return call


# ---------------------------------------------------------------- faults of the line and of callers


async def _on_a_bad_line(job: Job, place: Place, dice: random.Random) -> list[Call]:
    if Fault(job.kind) in {Fault.ABRUPT, Fault.NO_STOP}:
        return [await _breaks_off(job, place, dice)]
    return [await _conversed(job, place, dice.sample(sentences(), 1), fault=Fault(job.kind))]


async def _breaks_off(job: Job, place: Place, dice: random.Random) -> Call:
    """Speak on a line that breaks, or that is left open: the server has to notice."""
    call = _call(job)
    async with open_line(job.wire, place, job.name) as line:
        async with on_line(line, fault=Fault(job.kind)) as phone:
            with suppress(ConnectionError):
                await phone.say(recordings(dice.sample(sentences(), 1))[0].mulaw)
        _finish(call, phone, place)
    return call


async def _mid_word(job: Job, place: Place, dice: random.Random) -> list[Call]:
    """Hang up in the middle of a word."""
    call = _call(job)
    async with open_line(job.wire, place, job.name) as line:
        async with on_line(line) as phone:
            if job.wire not in WRITTEN_DOWN:
                await phone.until_heard(after_ms=0)
            mulaw = recordings(dice.sample(sentences(), 1))[0].mulaw
            await phone.say(mulaw[: int(len(mulaw) * dice.uniform(0.3, 0.8))])
        _finish(call, phone, place)
    return [call]


async def _never_begun(job: Job, place: Place, dice: random.Random) -> list[Call]:
    """Connect and say nothing, until the server hangs up."""
    if job.wire == "audiosocket":
        reader, writer = await asyncio.open_connection("127.0.0.1", place.audiosocket_port)
        await reader.read()
        writer.close()
    else:
        async with aiohttp.ClientSession() as session, session.ws_connect(_url(job.wire, place)) as socket:
            async for _ in socket:
                pass
    return [_call(job)]


async def _stranger(job: Job, place: Place, dice: random.Random) -> list[Call]:
    """Come from the page of another site."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(_url(job.wire, place), headers={"Origin": "https://elsewhere.example"}),
        ):
            return [_call(job, failed="let in")]
    except aiohttp.WSServerHandshakeError as refused:
        return [_call(job, failed="" if refused.status == 403 else f"status {refused.status}")]


def _url(wire: str, place: Place) -> str:
    return place.url + path_of(wire)


async def _killed(job: Job, place: Place, dice: random.Random) -> list[Call]:
    """Kill a process of phones, one on each wire, while all of them talk."""
    names = {wire: ident(Does.ANSWERS, job.number + i) for i, wire in enumerate(KILLED)}
    command = ("-m", "soaking.phone", place.url, str(place.audiosocket_port))
    async with _phones_free:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command, *(f"{wire}={name}" for wire, name in names.items())),
            stdout=-1,
            stderr=-1,
            env={**os.environ, "PYTHONPATH": str(SUPPORT)},
        )
        assert process.stdout
        assert process.stderr
        told = await process.stdout.readline()
        if told:
            await asyncio.sleep(dice.uniform(0.2, 1.5))
            process.kill()
    errors = await process.stderr.read()
    await process.wait()
    failed = "" if told else errors.decode()[-300:]
    return [Call(job.kind, wire, name, failed=failed) for wire, name in names.items()]


async def crowd(place: Place, *, lines: int, number: int) -> list[Call]:
    """Take all `lines` at once, and find out that one more is turned away. `number`: of the first of them."""
    calls = [Call("crowd", "twilio", ident(Does.ANSWERS, number + i)) for i in range(lines)]
    async with AsyncExitStack() as stack:
        for call in calls:
            await stack.enter_async_context(open_line(call.wire, place, call.name))
        return calls + [await _turned_away(wire, place) for wire in ("twilio", *NAMED[1:3])]


async def _turned_away(wire: str, place: Place) -> Call:
    try:
        async with open_line(wire, place, "CA-one-too-many"):
            return Call("refused", wire, failed="let in")
    except aiohttp.WSServerHandshakeError as refused:
        return Call("refused", wire, failed="" if refused.status == 503 else f"status {refused.status}")


# ---------------------------------------------------------------- faults of bots


async def _with_a_bad_bot(job: Job, place: Place, dice: random.Random) -> list[Call]:
    """Say something; whatever its bot does, the caller hears an answer."""
    call = _call(job)
    async with open_line(job.wire, place, job.name) as line:
        async with on_line(line) as phone:
            await phone.until_heard(after_ms=0)
            await phone.until_silent()
            ended_ms = await phone.say(recordings(dice.sample(sentences(), 1))[0].mulaw)
            try:
                await phone.until_heard(after_ms=ended_ms, timeout_s=15)
                if KINDS[job.kind].does is Does.HANGS_UP:
                    async with asyncio.timeout(10):
                        await phone.closed.wait()
            except TimeoutError:
                call.failed = "not answered, or not hung up on"
        _finish(call, phone, place)
    return [call]


# ---------------------------------------------------------------- SIP


async def _over_sip(job: Job, place: Place, dice: random.Random) -> list[Call]:
    call, said = _call(job), dice.choice(sentences())
    call.said = [said.text]
    [recording] = recordings([said])
    with tempfile.TemporaryDirectory() as folder:
        async with _telephone(job, place, Path(folder), said) as phone:
            await asyncio.sleep(SIP_SILENCE_S + said.seconds + SIP_WAIT_S + 1)
            await phone.end()
        heard = np.abs(phone.heard().astype(int))
    ended = round(8 * (1000 * SIP_SILENCE_S + recording.ends_ms))
    loud = np.flatnonzero(heard[ended:] > 2000)
    call.heard_ms = [float(loud[0]) / 8 if len(loud) else None]
    call.failed = "" if heard[:ended].max(initial=0) > 2000 else "not greeted"
    return [call]


async def _killed_over_sip(job: Job, place: Place, dice: random.Random) -> list[Call]:
    with tempfile.TemporaryDirectory() as folder:
        async with _telephone(job, place, Path(folder), dice.choice(sentences())) as phone:
            await asyncio.sleep(SIP_SILENCE_S + dice.uniform(0.3, 1.2))
            phone.kill()
    return [_call(job)]


def _telephone(job: Job, place: Place, folder: Path, said: Prompt) -> AbstractAsyncContextManager[Baresip]:
    pcm = (said.audio * 32767).astype(np.int16)
    before, after = (np.zeros(int(seconds * 8000), np.int16) for seconds in (SIP_SILENCE_S, SIP_WAIT_S))
    return baresip(folder, np.concatenate((before, pcm, after)), dial=f"sip:{job.name}@127.0.0.1:{place.sip_port}")


def _by_sipp(scenario: Callable[[Path], str], *, resends: bool = True) -> Way:
    """Return how sipp makes the calls of `scenario`, which is given a file of speech."""

    async def way(job: Job, place: Place, dice: random.Random) -> list[Call]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            pcap(folder / "speech.pcap", dice.choice(sentences()).mulaw)
            async with _sipp_free:
                steps = scenario(folder / "speech.pcap")
                await sipp(folder, steps, place.sip_port, calls=job.calls, rate=5, resends=resends)
        return [_call(job) for _ in range(job.calls)]

    return way


KINDS: Final[Mapping[str, Kind]] = {
    "healthy": Kind(34, (*TALKING, *CARRIERS, *WRITTEN_DOWN, "ari"), _healthy),
    "barge-in": Kind(6, CLEARING, _barges_in, Does.LECTURES),
    "jitter": Kind(4, (*TALKING, *CARRIERS, "ari"), _on_a_bad_line),
    "gaps": Kind(4, (*TALKING, *CARRIERS, "ari"), _on_a_bad_line),
    "malformed": Kind(4, (*TALKING, *CARRIERS, "ari"), _on_a_bad_line),
    "abrupt": Kind(5, (*TALKING, *WRITTEN_DOWN), _on_a_bad_line),
    "no-stop": Kind(2, ("twilio",), _on_a_bad_line),
    "mid-word": Kind(5, (*TALKING, *WRITTEN_DOWN, "ari"), _mid_word),
    "never-begun": Kind(3, (*(wire for wire in SOCKET_WIRES if wire != "deepgram"), "audiosocket"), _never_begun),
    "stranger": Kind(2, SOCKET_WIRES, _stranger),
    "killed": Kind(1.2, ("several",), _killed, calls=len(KILLED)),
    "bot-raises": Kind(2, NAMED, _with_a_bad_bot, Does.RAISES),
    "bot-exits": Kind(2, NAMED, _with_a_bad_bot, Does.EXITS),
    "bot-blanks": Kind(2, NAMED, _with_a_bad_bot, Does.BLANKS),
    "bot-floods": Kind(2, NAMED, _with_a_bad_bot, Does.FLOODS),
    "bot-stalls": Kind(2, NAMED, _with_a_bad_bot, Does.STALLS),
    "bot-hangs-up": Kind(2, NAMED, _with_a_bad_bot, Does.HANGS_UP),
    "healthy-sip": Kind(6, ("sip",), _over_sip),
    "killed-sip": Kind(1, ("sip",), _killed_over_sip),
    "at-once": Kind(0.7, ("sip",), _by_sipp(lambda _: hang_up_at_once()), calls=3),
    "twice": Kind(0.7, ("sip",), _by_sipp(lambda _: everything_twice(), resends=False), calls=3),
    "silent": Kind(0.7, ("sip",), _by_sipp(lambda speech: fall_silent(speech, talk_ms=1000)), calls=2),
}
"""Weights say how often a job of the kind is drawn."""


def plan(calls: int, *, seed: int, without: Sequence[str]) -> list[Job]:
    """Return jobs of so many calls in all, or a few more, drawn by chance. `without`: wires that cannot be had."""
    dice, jobs, made = random.Random(seed), list[Job](), 0
    have = {name: [w for w in kind.wires if w not in without] for name, kind in KINDS.items()}
    names = [name for name, wires in have.items() if wires]
    while made < calls:
        [name] = dice.choices(names, [KINDS[name].weight for name in names])
        kind = KINDS[name]
        jobs.append(Job(name, dice.choice(have[name]), ident(kind.does, made), made, kind.calls))
        made += kind.calls
    return jobs
