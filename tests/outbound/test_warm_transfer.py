"""Somebody is asked first: what the caller, the one called and the bot hear of it, and how all three get out of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from fakes import PHONE, RESOURCES, FakeLeg, FakeTts, unlimited
from waiting import until

from bot.api import Final
from bridge.admission.lines import Lines
from bridge.leg import HangupCause
from bridge.legs.base import PassiveLeg
from bridge.metrics import Metrics
from bridge.observer import CallObserver, RecordingSwitch, TransferSide
from bridge.outbound.call_request import CallRequest
from bridge.outbound.dialler import Dialler
from bridge.outbound.overheard import OverheardLeg, Overhearing
from bridge.outbound.warm_transfer import WarmTransferLeg
from bridge.server.switchboard import Switchboard
from bridge.settings import Settings
from telephony.errors import RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Command,
    Dtmf,
    Encoding,
    Event,
    Join,
    Leave,
    Mark,
    Media,
    Play,
    Played,
    SendDtmf,
    WarmTransfer,
)
from telephony.outcome import NotAnswered, Outcome

MULAW = AudioFormat(Encoding.MULAW, 8000)
TARGET = "+4930123456"
ASK = WarmTransfer(TARGET, "A caller about an invoice. Press 1 to take the call.", accept="1")
TOLD = WarmTransfer(TARGET, "A caller about an invoice.")
WORDS, ANSWER, SILENCE = b"\x11" * 160, b"\x22" * 160, b"\xff" * 160
ABLE = replace(PHONE, dtmf_out=True)


class Party(FakeLeg):
    """A leg of a wire that may put calls together."""

    refuses_rooms = False

    async def send(self, command: Command, /) -> None:
        if isinstance(command, Join) and self.refuses_rooms:
            raise RuntimeError("no such room")
        await super().send(command)


class Colleague(PassiveLeg, Party):
    """The leg of the one who is called; it plays what it gets at once."""

    def __init__(self, capabilities: Capabilities) -> None:
        super().__init__(capabilities)
        self.rings, self.closed = asyncio.Event(), ""
        self.stuck = False
        """It takes no more audio."""
        self._answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def pick_up(self) -> None:
        self._answer.set_result(None)

    def does_not(self, why: Exception) -> None:
        self._answer.set_exception(why)

    async def start(self, timeout_s: float) -> CallStarted:
        self.rings.set()
        await self._answer
        return CallStarted("colleague", MULAW)

    async def __aiter__(self) -> AsyncIterator[Event]:
        async for event in FakeLeg.__aiter__(self):
            if isinstance(event, Broken):
                raise RemoteProtocolError("nonsense")
            yield event
            if isinstance(event, CallEnded):
                return

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        return lambda: None

    async def send(self, command: Command, /) -> None:
        await super().send(command)
        if isinstance(command, Mark):
            self.feed(Played(command.name))
        if self.stuck:
            await asyncio.Event().wait()

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        self.closed = reason
        if not self._answer.done():
            self._answer.set_exception(NotAnswered(Outcome.FAILED, reason))


class Broken(Media):
    """Makes the leg fail."""


class Tape(RecordingSwitch):
    """What is recorded of the bot's side, and whether others may be."""

    def __init__(self, *, records_others: bool = True, announcement: str = "") -> None:
        super().__init__()
        self.announcement, self._records_others, self.right = announcement, records_others, b""

    @property
    def records_others(self) -> bool:
        return self._records_others


class TapedLeg:
    """The leg of the caller, all of whose audio is recorded."""

    def __init__(self, leg: FakeLeg, tape: Tape) -> None:
        self.capabilities, self._leg, self._tape = leg.capabilities, leg, tape

    def __aiter__(self) -> AsyncIterator[Event]:
        return aiter(self._leg)

    async def send(self, command: Command, /) -> None:
        if isinstance(command, Play):
            self._tape.right += command.payload
        await self._leg.send(command)


class Stenographer(CallObserver):
    """Transcribes audio into its first byte, and keeps who said what, when."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, int]] = []

    async def transcribe(self, side: OverheardLeg, told: CallObserver) -> None:
        async for event in side:
            if isinstance(event, Media) and event.payload[-1:] != b"\xff":
                told.said(Final(event.payload[-1:].hex(), "", 0, 20))

    def overheard(self, side: TransferSide, final: Final) -> None:
        self.kept.append((side.value, final.text, final.began_ms))


@dataclass
class Office:
    """A caller at the bot, and a colleague who can be called."""

    line: WarmTransferLeg
    caller: Party
    board: Switchboard
    phones: list[Colleague]
    tape: Tape
    written: Stenographer
    now_ms: int = 0
    """Of the caller's audio."""
    bot_hears: list[Event] = field(default_factory=list)

    async def transfer(self, transfer: WarmTransfer) -> "asyncio.Task[None]":
        """Begin one; return once it rings."""
        asking = asyncio.create_task(self.line.send(transfer))
        await until(lambda: self.phones and self.colleague.rings.is_set())
        return asking

    @property
    def colleague(self) -> Colleague:
        return self.phones[-1]

    def says(self, payload: bytes) -> None:
        self.caller.feed(Media(payload, self.now_ms))

    async def connected(self) -> "asyncio.Task[None]":
        """Return a transfer whose two sides hear each other."""
        asking = await self.transfer(ASK)
        self.colleague.pick_up()
        self.colleague.feed(Dtmf("1"))
        await self.both_hear()
        return asking

    async def both_hear(self) -> None:
        async with asyncio.timeout(5):
            while not self.colleague.of(Play) or WORDS not in self.colleague.of(Play)[-1].payload:
                self.says(WORDS)
                await asyncio.sleep(0)
        self.colleague.feed(Media(ANSWER, 0))
        await self.caller.until(lambda: any(ANSWER in play.payload for play in self.caller.of(Play)))

    async def over(self, asking: "asyncio.Task[None]") -> None:
        """Wait until nothing is left of it, and look into the books."""
        await asyncio.wait({asking}, timeout=5)
        assert asking.done()
        await until(lambda: b"bridge_dialled_total{" in self.board.metrics.text())
        assert self.board.lines.empty.is_set()
        assert [phone.closed for phone in self.phones if not phone.closed] == []
        text = self.board.metrics.text().decode()
        assert 'bridge_calls{wire="test"} 0.0' in text, text
        assert sum(line.startswith("bridge_calls_ended_total{") for line in text.splitlines()) == 1


@asynccontextmanager
async def office(
    *,
    tts: FakeTts | None = None,
    accept_s: float = 5,
    lines: int = 3,
    tape: Tape | None = None,
    joins: tuple[str, str] = ("", ""),
    leaves: bool = True,
    at_once: bool = False,
    needed: bool = True,
) -> AsyncIterator[Office]:
    phones: list[Colleague] = []

    def trunk(request: CallRequest, call_id: str) -> Colleague:
        assert request.to == TARGET
        phones.append(Colleague(replace(ABLE, joins=joins[1])))
        return phones[-1]

    settings = Settings.model_validate({"dial_allow": "+49", "dial_per_second": 100})
    board = Switchboard(settings, RESOURCES, Metrics(), Lines(lines), unlimited())
    dialler = Dialler(settings, board, {"test": trunk})
    caller = Party(replace(ABLE, joins=joins[0], leaves=leaves, joins_at_once=at_once))
    voice = tts or FakeTts()
    tape, written = tape or Tape(), Stenographer()
    overhearing = Overhearing(written.transcribe if needed else None, written)
    line = WarmTransferLeg(
        TapedLeg(caller, tape) if needed else caller,
        MULAW,
        wire="test",
        dialler=dialler,
        serve=board.consult,
        tts=voice,
        accept_s=accept_s,
        overhearing=overhearing,
        recording=tape,
        unrecorded=caller,
    )
    stage = Office(line, caller, board, phones, tape, written)

    async def hear() -> None:
        async for event in line:
            stage.bot_hears.append(event)

    hearing = asyncio.create_task(hear())
    async with overhearing:
        yield stage
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)


async def test_the_caller_has_music_the_other_hears_what_it_is_about_and_then_both_hear_each_other() -> None:
    async with office() as here:
        asking = await here.transfer(ASK)
        await here.caller.until(lambda: any(set(play.payload) - {0xFF} for play in here.caller.of(Play)))
        here.says(WORDS)
        here.colleague.pick_up()
        await here.colleague.until(lambda: here.colleague.of(Mark))
        assert here.colleague.of(Play) and not asking.done()
        assert all(WORDS not in play.payload for play in here.colleague.of(Play)), "not before they agreed"
        here.colleague.feed(Dtmf("1"))
        await here.both_hear()
        assert {event.payload for event in here.bot_hears if isinstance(event, Media)} == {SILENCE}
        here.colleague.feed(CallEnded("they hung up"))
        await here.over(asking)
        assert asking.exception() is None
        here.says(WORDS)
        await until(lambda: here.bot_hears[-1] == Media(WORDS, 0))  # the bot hears the caller again


async def test_what_both_say_is_transcribed_as_of_two_speakers_at_its_place_in_the_call() -> None:
    async with office() as here:
        asking = await here.transfer(ASK)
        here.caller.feed(Media(b"\x33" * 160, 7000))
        here.colleague.pick_up()
        here.colleague.feed(Media(b"\x44" * 160, 0))
        await here.colleague.until(lambda: here.colleague.of(Mark))
        here.colleague.feed(Dtmf("1"))
        here.now_ms = 7500
        await here.both_hear()
        await until(lambda: here.written.kept.count(("caller", "11", 7000)) > 1)
        here.colleague.feed(CallEnded("they hung up"))
        await here.over(asking)
        here.says(b"\x55" * 160)
        await until(lambda: Media(b"\x55" * 160, 7500) in here.bot_hears)
    assert here.written.kept[0] == ("caller", "33", 7000), "on hold they are heard, too"
    assert {(who, text) for who, text, _ in here.written.kept} == {("caller", "33"), ("caller", "11"), ("target", "22")}
    assert ("target", "22", 7500) in here.written.kept, "in the time of the caller's audio"


async def test_music_and_the_other_voice_are_recorded_where_nobody_has_to_agree() -> None:
    async with office() as here:
        asking = await here.transfer(ASK)
        await here.caller.until(lambda: any(set(play.payload) - {0xFF} for play in here.caller.of(Play)))
        assert set(here.tape.right) - {0xFF}, "the music"
        here.colleague.pick_up()
        here.colleague.feed(Dtmf("1"))
        await here.both_hear()
        assert ANSWER in here.tape.right
        here.colleague.feed(CallEnded("they hung up"))
        await here.over(asking)


async def test_the_other_hears_the_announcement_first_and_cannot_skip_it() -> None:
    tape = Tape(announcement="one two three four")
    async with office(tape=tape) as here:
        asking = await here.transfer(replace(ASK, consult="five"))
        here.colleague.pick_up()
        here.colleague.feed(Dtmf("1"))
        await here.both_hear()
        tone = sum(byte not in {0x11, 0xFF} for play in here.colleague.of(Play) for byte in play.payload)
        assert here.colleague.of(Mark) and tone >= 4 * 50 * 8 * 0.9, "50 ms a word"
        assert ANSWER in tape.right
        here.colleague.feed(CallEnded("they hung up"))
        await here.over(asking)


async def test_who_cannot_agree_to_it_is_not_recorded_and_is_heard() -> None:
    tape = Tape(records_others=False, announcement="Press 1 to agree.")
    async with office(tape=tape) as here:
        asking = await here.connected()
        assert ANSWER not in tape.right
        here.colleague.feed(CallEnded("they hung up"))
        await here.over(asking)


async def test_the_wire_puts_the_two_together_where_nobody_here_needs_to_hear_them() -> None:
    async with office(joins=("ari", "ari"), needed=False) as here:
        asking = await here.transfer(TOLD)
        here.colleague.pick_up()
        await here.caller.until(lambda: here.caller.of(Join))
        assert here.caller.of(Join) == here.colleague.of(Join)
        await asyncio.sleep(0)
        here.says(WORDS)
        here.caller.feed(Dtmf("8"))
        here.colleague.feed(Media(ANSWER, 0), Dtmf("9"), CallEnded("they hung up"))
        await here.over(asking)
        assert here.caller.of(Leave) == [Leave()], "they are back with the bot"
        assert not any(ANSWER in play.payload for play in here.caller.of(Play))
        assert not any(WORDS in play.payload for play in here.colleague.of(Play))
        assert not here.caller.of(SendDtmf) + here.colleague.of(SendDtmf), "keys pass us by, too"


@pytest.mark.parametrize(
    ("joins", "needed"),
    [(("ari", "ari"), True), (("ari", "twilio"), False), (("ari", ""), False), (("", ""), False)],
    ids=["it is recorded and transcribed", "two carriers", "they cannot", "neither can"],
)
async def test_else_they_hear_each_other_through_us(joins: tuple[str, str], needed: bool) -> None:
    async with office(joins=joins, needed=needed) as here:
        asking = await here.connected()
        assert not here.caller.of(Join) + here.colleague.of(Join)
        here.colleague.feed(CallEnded("they hung up"))
        await here.over(asking)


@pytest.mark.parametrize("who", ["caller", "colleague"])
async def test_what_a_wire_does_not_put_together_is_relayed_by_us(who: str, caplog: pytest.LogCaptureFixture) -> None:
    async with office(joins=("ari", "ari"), needed=False) as here:
        asking = await here.transfer(ASK)
        refuses: Party = getattr(here, who)
        refuses.refuses_rooms = True
        here.colleague.pick_up()
        here.colleague.feed(Dtmf("1"))
        await until(lambda: "no such room" in caplog.text)
        await here.both_hear()
        assert len(here.colleague.of(Join)) == len(here.colleague.of(Leave)), "who was in it has left it"
        here.colleague.feed(CallEnded("they hung up"))
        await here.over(asking)


async def test_a_call_that_does_not_come_back_from_its_room_ends_for_us() -> None:
    async with office(joins=("twilio", "twilio"), leaves=False, needed=False) as here:
        asking = await here.transfer(TOLD)
        here.colleague.pick_up()
        await here.caller.until(lambda: here.caller.of(Join))
        here.colleague.feed(CallEnded("the stream is over"))
        await until(here.board.lines.empty.is_set)
        assert not asking.done(), "its reply ends with the call, which the wire ends"
        asking.cancel()
        await here.over(asking)
        assert not here.caller.of(Leave), "which would hang up"


async def test_a_caller_who_is_to_come_back_joins_no_room_that_is_not_left() -> None:
    async with office(joins=("twilio", "twilio"), leaves=False, needed=False) as here:
        asking = await here.transfer(replace(TOLD, returns=True))
        here.colleague.pick_up()
        await here.both_hear()
        assert not here.caller.of(Join) + here.colleague.of(Join)
        here.colleague.feed(CallEnded("they hung up"))
        await here.over(asking)


async def test_a_caller_who_does_not_get_into_the_room_is_the_bots_and_the_other_is_hung_up_on() -> None:
    async with office(joins=("twilio", "twilio"), leaves=False, needed=False) as here:
        asking = await here.transfer(TOLD)
        here.caller.refuses_rooms = True
        here.colleague.pick_up()
        await here.colleague.until(lambda: here.colleague.of(Leave))
        await here.over(asking)
        with pytest.raises(OSError, match="no such room"):
            asking.result()


async def test_a_wire_that_joins_both_at_once_and_does_not_leaves_them_to_us(caplog: pytest.LogCaptureFixture) -> None:
    async with office(joins=("sip", "sip"), leaves=False, at_once=True, needed=False) as here:
        asking = await here.transfer(TOLD)
        here.caller.refuses_rooms = True
        here.colleague.pick_up()
        await until(lambda: "no such room" in caplog.text)
        await here.both_hear()
        here.colleague.feed(CallEnded("they hung up"))
        await here.over(asking)
        assert asking.exception() is None


async def test_without_a_key_they_are_connected_once_it_was_heard() -> None:
    async with office() as here:
        asking = await here.transfer(TOLD)
        here.colleague.pick_up()
        await here.both_hear()
        here.colleague.feed(CallEnded("they hung up"))
        await here.over(asking)


async def test_keys_go_to_the_other_side_while_they_talk_and_to_the_bot_before() -> None:
    async with office() as here:
        asking = await here.transfer(ASK)
        here.caller.feed(Dtmf("7"))
        here.colleague.pick_up()
        here.colleague.feed(Dtmf("1"))
        await here.both_hear()
        here.caller.feed(Dtmf("8"))
        here.colleague.feed(Dtmf("9"))
        await here.colleague.until(lambda: here.colleague.of(SendDtmf) == [SendDtmf("8")])
        await here.caller.until(lambda: here.caller.of(SendDtmf) == [SendDtmf("9")])
        assert [event for event in here.bot_hears if isinstance(event, Dtmf)] == [Dtmf("7")]
        here.colleague.feed(CallEnded("they hung up"))
        await here.over(asking)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (NotAnswered(Outcome.BUSY, "486 Busy Here"), "486 Busy Here"),
        (NotAnswered(Outcome.NO_ANSWER, "no answer within 45 s"), "no answer within 45 s"),
        (RemoteProtocolError("no audio"), "no audio"),
    ],
    ids=["busy", "no answer", "broken"],
)
async def test_who_does_not_answer_leaves_the_caller_with_the_bot(answer: Exception, why: str) -> None:
    async with office() as here:
        asking = await here.transfer(ASK)
        here.colleague.does_not(answer)
        await here.over(asking)
        with pytest.raises(OSError, match=f"{TARGET[1:]} does not take the caller: {why}"):
            asking.result()
        played = len(here.caller.of(Play))
        here.says(WORDS)
        for _ in range(20):
            await asyncio.sleep(0)
        assert here.bot_hears[-1] == Media(WORDS, 0)
        assert len(here.caller.of(Play)) == played, "the music has ended"


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([Dtmf("2")], "pressed 2, not 1"),
        ([], "did not press 1 within 0.05 s"),
        ([CallEnded("they hung up")], "does not take the caller: they hung up"),
        ([Broken(b"", 0)], "does not take the caller: nonsense"),
    ],
    ids=["another key", "no key", "hung up", "broken"],
)
async def test_who_answers_and_does_not_take_the_call_leaves_the_caller_with_the_bot(
    events: list[Event], why: str
) -> None:
    async with office(accept_s=0.05) as here:
        asking = await here.transfer(ASK)
        here.colleague.pick_up()
        here.colleague.feed(*events)
        await here.over(asking)
        with pytest.raises(OSError, match=why):
            asking.result()
        assert all(WORDS not in play.payload for play in here.colleague.of(Play))


async def test_a_voice_that_fails_costs_the_transfer_and_nothing_else() -> None:
    async with office(tts=FakeTts(broken=True)) as here:
        asking = await here.transfer(ASK)
        here.colleague.pick_up()
        await here.over(asking)
        with pytest.raises(OSError, match="internal error"):
            asking.result()


@pytest.mark.parametrize("when", ["it rings", "they are asked", "they talk"])
async def test_a_caller_who_hangs_up_ends_the_other_call(when: str) -> None:
    async with office() as here:
        if when == "they talk":
            asking = await here.connected()
        else:
            asking = await here.transfer(ASK)
        if when == "they are asked":
            here.colleague.pick_up()
            await here.colleague.until(lambda: here.colleague.of(Play))
        asking.cancel()
        await here.over(asking)
        assert here.colleague.closed == "the caller is gone"


async def test_a_fault_of_the_other_leg_while_they_talk_gives_the_caller_back() -> None:
    async with office() as here:
        asking = await here.connected()
        here.colleague.feed(Broken(b"", 0))
        await here.over(asking)
        assert asking.exception() is None and here.colleague.closed == "nonsense"


async def test_a_leg_that_takes_nothing_more_holds_up_nobody() -> None:
    async with office() as here:
        asking = await here.connected()
        here.colleague.stuck = True
        heard = len(here.bot_hears)
        for _ in range(500):
            here.says(WORDS)
        await until(lambda: len(here.bot_hears) == heard + 500)
        here.colleague.feed(Media(ANSWER, 0), CallEnded("they hung up"))
        await here.over(asking)


@pytest.mark.parametrize(
    ("target", "why"),
    [("+1900123456", "--dial-allow"), ("nobody at all", "field to")],
)
async def test_who_may_not_be_called_is_not_asked(target: str, why: str) -> None:
    async with office() as here:
        with pytest.raises(OSError, match=f"{target[1:]} cannot be called: .*{why}"):
            await here.line.send(replace(ASK, target=target))
        assert not here.phones and not here.caller.sent


async def test_nobody_is_asked_where_there_is_no_line_or_the_server_drains() -> None:
    async with office(lines=0) as here:
        with pytest.raises(OSError, match="all 0 lines are busy"):
            await here.line.send(ASK)
        here.board.lines.draining = True
        with pytest.raises(OSError, match="shutting down"):
            await here.line.send(ASK)


async def test_a_recording_that_is_not_there_is_told_before_anybody_is_called() -> None:
    async with office() as here:
        with pytest.raises(OSError, match="none"):
            await here.line.send(replace(ASK, hold="none.wav"))
        assert not here.phones
