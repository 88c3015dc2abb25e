"""What tests of `bridge eval` share: a call made up of times, and a line whose bot speaks by a timetable."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from bridge.commands.phone.call_record import CallRecord, Moment
from bridge.commands.phone.carrier_buffer import FRAME_BYTES, FRAME_MS
from bridge.commands.phone.line_faults import Fault
from bridge.commands.phone.phone_line import Heard, Message
from bridge.commands.recording import Recording
from bridge.evals.caller.caller import DoneAct
from bridge.evals.calls import Lateness, MadeCall, PlannedCall
from bridge.evals.facts import CallFacts
from bridge.evals.files.reading import scenario
from bridge.evals.files.yaml_tree import parse
from bridge.evals.judging import Judgement, verdicts
from bridge.evals.run import CallResult
from bridge.evals.scenario import Scenario
from telephony.events import Play

LOUD = b"\x10" * FRAME_BYTES
QUIET = b"\xff" * FRAME_BYTES


def written(text: str, path: Path = Path("scenarios/one.yaml")) -> Scenario:
    """Return the scenario that `text` is."""
    return scenario(parse(text, str(path)), path)


def act(step: int, began_ms: float, ended_ms: float, what: str = "say", **more: object) -> DoneAct:
    """Return something the caller did."""
    given: dict[str, object] = {"text": "Hello?", "is_turn": what not in {"cough", "backchannel", "silence"}, **more}
    over = what in {"interrupt", "cough", "backchannel"}
    return DoneAct(step=step, what=what, began_ms=began_ms, ended_ms=ended_ms, over_bot=over, **given)  # type: ignore[arg-type]


def heard(*spans: tuple[int, int], length_ms: int = 20_000, moments: Sequence[Moment] = ()) -> CallRecord:
    """Return the record of a call in which the bot was heard in `spans`, milliseconds each."""
    record = CallRecord()
    for at_ms in range(0, length_ms, FRAME_MS):
        record.bot += LOUD if any(begin <= at_ms < end for begin, end in spans) else QUIET
        record.caller += QUIET
        record.late_ms.append(0.1)
    edges = [Moment(begin, "audio-heard") for begin, _ in spans] + [Moment(end, "silence") for _, end in spans]
    record.timeline += sorted([*edges, *moments], key=lambda moment: moment.at_ms)
    return record


def verdict(text: str, facts: CallFacts) -> Judgement:
    """Return what becomes of the one expectation of the scenario that `text` is."""
    [found] = verdicts(written(text), facts, {})
    return found


def result(
    text: str, facts: CallFacts | None, *, error: str = "", void: bool = False, fault: Fault = Fault.NONE
) -> CallResult:
    """Return a call of the scenario that `text` is, judged."""
    one = written(text)
    made = MadeCall(job=PlannedCall(scenario=one, fault=fault, attempt=1), call_id="CA1", facts=facts, error=error)
    found = verdicts(one, facts, {}) if facts else []
    return CallResult(made=made, verdicts=found, lateness=Lateness(p99_ms=0.5, worst_ms=2.0), void=void)


def spoken(ms: int, name: str = "Hello?") -> Recording:
    """Return a recording that is loud from begin to end."""
    return Recording(name, b"\x10" * (8 * ms), 0, ms)


class TimetableLine:
    """A line over which the bot speaks when a test says so: (from, for) in milliseconds of the call."""

    garbage: Message = "%"
    steady = False

    def __init__(self, *speech: tuple[int, int], ends_ms: int | None = None) -> None:
        self._speech, self._ends_ms = speech, ends_ms
        self.close_code: int | None = None
        self.sent: list[bytes] = []
        self.keys: list[tuple[float, str]] = []
        self.hung_up = False

    def media(self, frame: bytes, chunk: int) -> Message:
        return frame

    async def send(self, message: Message) -> None:
        assert isinstance(message, bytes)
        self.sent.append(message)

    async def receive(self) -> AsyncIterator[Heard]:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for at_ms, for_ms in self._speech:
            await asyncio.sleep(max(0.0, began_s + at_ms / 1000 - loop.time()))
            yield Play(LOUD * (for_ms // FRAME_MS))
        if self._ends_ms is not None:
            await asyncio.sleep(max(0.0, began_s + self._ends_ms / 1000 - loop.time()))
            self.close_code = 1000
            return
        await asyncio.Event().wait()

    async def played(self, mark: str) -> None:
        raise NotImplementedError

    async def press(self, digit: str) -> None:
        self.keys.append((asyncio.get_running_loop().time(), digit))

    async def hang_up(self) -> None:
        self.hung_up = True

    async def close(self) -> None:
        pass

    def abort(self) -> None:
        raise NotImplementedError


def entry(kind: str, at_s: float, text: str = "", data: Mapping[str, object] | None = None) -> dict[str, object]:
    """Return one entry of a call's record, as the bridge's API has it; `at_s`: seconds since noon."""
    return {"number": 1, "at": f"2026-01-31T12:00:{at_s:06.3f}Z", "kind": kind, "text": text, "data": data or {}}
