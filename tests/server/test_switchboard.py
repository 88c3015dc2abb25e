"""One call over any leg: it is open as long as its call, and hung up with the cause of its end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from fakes import PHONE, RESOURCES, TEXT_ONLY, unlimited

from bridge.admission.lines import Lines
from bridge.capture.wire_records import wire_records
from bridge.leg import HangupCause, LegLost
from bridge.metrics import Metrics
from bridge.monitoring.watched_calls import WatchedCalls
from bridge.recording.shelf import NoRecordings
from bridge.replay.judging import Outcome as Replayed
from bridge.replay.judging import judge
from bridge.replay.wire_record import read
from bridge.server.switchboard import Switchboard
from bridge.settings import Settings
from telephony.errors import RemoteProtocolError
from telephony.events import AudioFormat, CallEnded, CallStarted, Capabilities, Command, Encoding, Event
from telephony.outcome import NotAnswered, Outcome


class Caller:
    """A leg whose call goes as the test says, and that keeps what was done with it."""

    def __init__(self, start: Exception | None = None, capabilities: Capabilities = TEXT_ONLY) -> None:
        """`start`: what becomes of the start of a call that does not begin; the others last until `hang_up` is set."""
        self.done: list[str] = []
        self.reason, self.cause = "", HangupCause.NORMAL
        self.begun, self.hang_up = asyncio.Event(), asyncio.Event()
        self._start, self.capabilities = start, capabilities

    async def __aenter__(self) -> "Caller":
        self.done.append("opened")
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.done.append("left")

    async def start(self, timeout_s: float) -> CallStarted:
        self.done.append("started")
        if self._start:
            raise self._start
        return CallStarted("c", AudioFormat(Encoding.L16, 8000))

    async def __aiter__(self) -> AsyncIterator[Event]:
        self.begun.set()
        await self.hang_up.wait()
        yield CallEnded("bye")

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        return lambda: None

    async def send(self, command: Command, /) -> None:
        """Nothing is sent to this caller."""

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        self.done.append("closed")
        self.reason, self.cause = reason, cause


async def kept_whole(folder: Path, capabilities: Capabilities, **options: object) -> list[Path]:
    """Return the records of one call that were written below `folder`."""
    settings = Settings.model_validate(options)
    async with wire_records(settings) as records:
        board = Switchboard(settings, RESOURCES, Metrics(), Lines(1), unlimited(), wire_records=records)
        caller = Caller(capabilities=capabilities)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(board.carry(caller, wire="test"))
            await caller.begun.wait()
            [call] = board.lines.calls
            call.finish("it is late")
    return await asyncio.to_thread(lambda: sorted(folder.glob("**/*.wire.gz")))


def switchboard() -> Switchboard:
    return Switchboard(Settings(), RESOURCES, Metrics(), Lines(1), unlimited())


@pytest.mark.parametrize(
    ("error", "reason", "cause"),
    [
        (NotAnswered(Outcome.BUSY, "busy there"), "busy there", HangupCause.NORMAL),
        (RemoteProtocolError("no start"), "no start", HangupCause.PROTOCOL_ERROR),
        (LegLost("no port"), "no port", HangupCause.INTERNAL_ERROR),
        (ZeroDivisionError("a fault of ours"), "internal error", HangupCause.INTERNAL_ERROR),
    ],
)
async def test_a_call_that_does_not_begin_is_hung_up_with_its_cause(
    error: Exception, reason: str, cause: HangupCause
) -> None:
    caller = Caller(error)
    await switchboard().carry(caller, wire="test")
    assert caller.done == ["opened", "started", "closed", "left"]
    assert (caller.reason, caller.cause) == (reason, cause)


@pytest.mark.parametrize(
    ("ending", "cause"), [(False, HangupCause.NORMAL), (True, HangupCause.GOING_AWAY)], ids=["draining", "ending"]
)
async def test_a_call_that_ends_is_hung_up_as_the_server_is_there_or_goes(ending: bool, cause: HangupCause) -> None:
    caller, board = Caller(), switchboard()
    call = asyncio.create_task(board.carry(caller, wire="test"))
    await asyncio.wait_for(caller.begun.wait(), 5)
    board.lines.draining, board.lines.ending = True, ending
    caller.hang_up.set()
    await call
    assert caller.done == ["opened", "started", "closed", "left"]
    assert (caller.reason, caller.cause) == ("bye", cause)


async def test_a_call_that_starts_when_the_server_ends_is_hung_up() -> None:
    caller, board = Caller(), switchboard()
    board.lines.draining = board.lines.ending = True
    await board.carry(caller, wire="test")
    assert (caller.reason, caller.cause) == ("the server is shutting down", HangupCause.GOING_AWAY)
    assert not caller.begun.is_set()


async def test_new_calls_are_answered_by_new_settings_and_running_ones_keep_theirs() -> None:
    board, callers = switchboard(), (Caller(), Caller())
    calls = [asyncio.create_task(board.carry(callers[0], wire="test"))]
    await asyncio.wait_for(callers[0].begun.wait(), 5)
    board.answer_with(Settings(max_call_duration=1), RESOURCES)
    calls.append(asyncio.create_task(board.carry(callers[1], wire="test")))
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    assert callers[1].reason == "the call reached 1 s" and not callers[0].reason
    callers[0].hang_up.set()
    await asyncio.gather(*calls)


@pytest.mark.parametrize(("ending", "fault"), [(False, "ours"), (True, "")], ids=["serving", "ending"])
async def test_a_call_that_is_cut_off_leaves_its_leg_and_is_counted_as_ended(ending: bool, fault: str) -> None:
    caller, board = Caller(), switchboard()
    call = asyncio.create_task(board.carry(caller, wire="test"))
    await asyncio.wait_for(caller.begun.wait(), 5)
    board.lines.ending = ending
    call.cancel()
    await asyncio.wait({call})
    assert call.cancelled() and caller.done == ["opened", "started", "left"]
    assert f'bridge_calls_ended_total{{fault="{fault}",wire="test"}} 1.0' in board.metrics.text().decode()


async def test_what_started_and_what_never_did_are_counted_and_both_have_an_end() -> None:
    board = switchboard()
    await board.carry(Caller(RemoteProtocolError("no start")), wire="test")
    caller = Caller()
    caller.hang_up.set()
    await board.carry(caller, wire="test")
    text = board.metrics.text().decode()
    assert 'bridge_calls_started_total{wire="test"} 1.0' in text
    assert 'bridge_calls_ended_total{fault="",wire="test"} 1.0' in text
    assert 'bridge_calls_ended_total{fault="remote",wire="test"} 1.0' in text


@pytest.mark.parametrize(("capabilities", "watched"), [(PHONE, 1), (TEXT_ONLY, 0)], ids=["with a bot", "transcripts"])
async def test_a_call_with_a_bot_can_be_watched_while_it_lasts(capabilities: Capabilities, watched: int) -> None:
    calls = WatchedCalls()
    board = Switchboard(Settings(), RESOURCES, Metrics(), Lines(1), unlimited(), watched_calls=calls)
    caller = Caller(capabilities=capabilities)
    call = asyncio.create_task(board.carry(caller, wire="test"))
    await asyncio.wait_for(caller.begun.wait(), 5)
    assert len(list(calls)) == watched
    caller.hang_up.set()
    await call
    assert not list(calls)


@pytest.mark.heavy
async def test_a_call_is_kept_whole_where_the_settings_say_so_and_it_has_a_bot(tmp_path: Path) -> None:
    assert await kept_whole(tmp_path, PHONE) == []
    assert await kept_whole(tmp_path, TEXT_ONLY, record_wire=str(tmp_path)) == []
    [path] = await kept_whole(tmp_path, PHONE, record_wire=str(tmp_path))
    record = await asyncio.to_thread(read, path)
    assert [line.body["order"] for line in record.orders] == ["finish"]
    assert record.events[-1].body["reason"] == "it is late"
    found = await asyncio.to_thread(judge, path)
    assert (found.outcome, found.differences) == (Replayed.SAME, [])


async def test_a_folder_that_cannot_be_written_to_is_told_with_its_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NoRecordings, match=r"--record-wire .*file"):
        async with wire_records(Settings(record_wire=str(tmp_path / "file"))):
            pass
