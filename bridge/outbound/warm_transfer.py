"""Warm transfers over every wire: the media of two legs of ours, the caller's and the one that is called, are bridged.

While somebody is asked the caller has music, and once they agreed the two hear each other. All that time the bot hears
silence: it is not to answer what is not meant for it. The wire of the caller has to do nothing for it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial as bound
from typing import Final
from uuid import uuid4

from bot.api import Tts
from bridge.containment import cancelled
from bridge.leg import Leg, OpeningLeg
from bridge.observer import RecordingSwitch, TransferSide
from bridge.outbound.call_request import BadCallRequest, read
from bridge.outbound.consultation import ACCEPT_S, Consultation
from bridge.outbound.dialler import Closing, Dialler, Full, NotAllowed, TooLoaded
from bridge.outbound.hold_audio import OnHold, hold_audio
from bridge.outbound.leg import PlacedCall
from bridge.outbound.overheard import OverheardLeg, Overhearing
from bridge.speaking.voices.voices import Voices
from telephony.codec import silence
from telephony.events import AudioFormat, Command, Dtmf, Event, Join, Leave, Media, WarmTransfer

log = logging.getLogger(__name__)

_GONE_S: Final = 10.0
"""A call that joined others, and does not come back, ends for us within."""

Serve = Callable[[OpeningLeg, str, Consultation], Awaitable[None]]
"""Carries a leg over a wire of this name for a consultation, from its start to its end."""


class WarmTransferLeg:
    """A caller's leg that can ask somebody first. What else it is told, `leg` does."""

    def __init__(
        self,
        leg: Leg,
        audio: AudioFormat,
        *,
        wire: str,
        dialler: Dialler,
        serve: Serve,
        tts: Tts | Voices,
        accept_s: float = ACCEPT_S,
        overhearing: Overhearing,
        recording: RecordingSwitch,
        unrecorded: Leg,
    ) -> None:
        """`audio`: the leg's, both ways; `wire`: its name, which is dialled over, too, where it can be.

        `accept_s`: so long somebody who was told what it is about may take to press the key. `overhearing` transcribes
        what is said meanwhile. `recording`: of the call, which takes in all that `leg` hears and plays, and nothing
        that goes to `unrecorded`, the same caller.
        """
        self._overhearing, self._recording, self._unrecorded = overhearing, recording, unrecorded
        self.capabilities = replace(leg.capabilities, warm_transfer=True)
        self._leg, self._audio, self._dialler, self._serve, self._voices = leg, audio, dialler, serve, Voices.of(tts)
        self._wire = wire if wire in dialler.wires else ""
        self._accept_s = accept_s
        self._with: Consultation | None = None  # while the caller is not the bot's
        self._overheard: OverheardLeg | None = None  # what hears the caller then
        self._heard_ms = 0  # the call's media time

    async def __aiter__(self) -> AsyncIterator[Event]:
        """See Leg. What the caller says is silence here; their keys are the bot's until they are connected."""
        async for event in self._leg:
            match event:
                case Media(payload, at_ms) if self._with:
                    self._heard_ms = at_ms
                    self._with.hear(payload)
                    self._overheard = self._overheard or self._overhear(TransferSide.CALLER, self._audio)
                    self._overheard.hear(payload)
                    yield replace(event, payload=self._silence(payload))
                case Dtmf(digit) if self._with and self._with.connected:
                    self._with.press(digit)
                case _:
                    yield event

    async def send(self, command: Command, /) -> None:
        """See Leg.

        Raises:
            OSError, ValueError: a warm transfer did not happen, and why.
        """
        if isinstance(command, WarmTransfer):
            await self._consult(command)
        else:
            await self._leg.send(command)

    def _overhear(self, side: TransferSide, audio: AudioFormat) -> OverheardLeg:
        return self._overhearing.begin(side, audio, self._heard_ms)

    def _silence(self, payload: bytes) -> bytes:
        return silence(self._audio.encoding, len(payload) // self._audio.encoding.sample_bytes)

    async def _consult(self, transfer: WarmTransfer) -> None:
        music = await hold_audio(transfer.hold, self._voices)
        meeting = self._consultation(transfer)
        placed = self._place(meeting, transfer.target)
        self._with = meeting
        holding = asyncio.create_task(
            OnHold(self._leg, self._audio, clock_s=asyncio.get_running_loop().time).play(
                music, self._voices.sample_rate
            )
        )
        why_over = "the caller is gone"
        try:
            await _with(meeting.taken(), holding)
            holding.cancel()
            await self._join(meeting, returns=transfer.returns)
            if meeting.joined and not self.capabilities.leaves:
                await asyncio.sleep(_GONE_S)  # the wire ends the call for us, which cancels this
            await meeting.hung_up()
            if meeting.joined:
                await self._leg.send(Leave())
        except OSError as refused:
            why_over = str(refused)
            raise
        finally:
            self._with = None
            if self._overheard:
                self._overheard.end()
                self._overheard = None
            await cancelled(holding)
            meeting.leave(why_over)
            self._dialler.hang_up(placed.call_id, why_over)

    def _consultation(self, transfer: WarmTransfer) -> Consultation:
        """Return what is said with the one that is called, who is recorded with the caller or not at all."""
        recorded = self._recording.records_others
        return Consultation(
            transfer,
            self._leg if recorded else self._unrecorded,
            self._audio,
            tts=self._voices,
            accept_s=self._accept_s,
            announcement=self._recording.announcement if recorded else "",
            overhear=bound(self._overhear, TransferSide.TARGET),
        )

    def _place(self, meeting: Consultation, target: str) -> PlacedCall:
        """Have `target` called for `meeting`.

        Raises:
            OSError: they cannot be called, and why.
        """
        try:
            return self._dialler.place(
                read({"to": target, "wire": self._wire}),
                carry=lambda leg, wire: self._serve(leg, wire, meeting),
                ended=lambda call: meeting.ended(call.reason),
            )
        except (BadCallRequest, NotAllowed, Closing, Full, TooLoaded) as why:
            raise OSError(f"{target} cannot be called: {why}") from why

    async def _join(self, meeting: Consultation, *, returns: bool) -> None:
        """Have the wire put the two together, where it can and nothing here needs what they say.

        Where it does not, they go on hearing each other through us. `returns`: the caller has to come back.

        Raises:
            OSError: it has taken the one called from us, and not the caller.
        """
        theirs, name = meeting.leg, self.capabilities.joins
        if self._overhearing.wanted or self._leg is not self._unrecorded or theirs is None:
            return
        if not name or theirs.capabilities.joins != name or (returns and not self.capabilities.leaves):
            return
        room, joined = f"bridge-room-{uuid4().hex}", list[Leg]()
        try:
            for leg in (theirs, self._leg):
                await leg.send(Join(room))
                joined.append(leg)
        except RuntimeError as why:
            log.warning("the wire does not put the two together: %s", why)
            for leg in joined:
                await leg.send(Leave())
            if joined and not (self.capabilities.leaves or self.capabilities.joins_at_once):
                raise OSError(f"the two were not put together: {why}") from why
        else:
            meeting.joined = True


async def _with(awaited: Awaitable[None], beside: "asyncio.Task[None]") -> None:
    """Wait for `awaited`; a fault of what runs beside it is raised."""
    waiting = asyncio.ensure_future(awaited)
    try:
        await asyncio.wait({waiting, beside}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            beside.result()
        await waiting
    finally:
        waiting.cancel()
