"""A call that Asterisk places for us: a channel that rings somebody and enters our application when it is answered."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any, Final

from bridge.leg import OpeningLeg
from bridge.legs.ari.call import AriCall
from bridge.legs.ari.rest import Ari, AriRefused
from bridge.legs.base import WrappedLeg
from bridge.legs.rtp import Address
from telephony.ari import Entered, Extension, Left
from telephony.events import CallStarted
from telephony.outcome import NotAnswered, Outcome, q850_outcome

_CAUSES: Final = {"BUSY": 17, "NOANSWER": 19}
"""A dialplan that says so itself leaves the cause of the channel at 0."""
_CHANNEL_PREFIX: Final = "bridge-call-"


class AriCallOut(AriCall):
    """The `Control` of such a call."""

    def __init__(self, ari: Ari, to: Extension, *, caller: str, app: str, audio: str) -> None:
        """`to`: whom the dialplan calls; `caller`: the number that is shown, "" for what the dialplan says."""
        channel = f"{_CHANNEL_PREFIX}{uuid.uuid4().hex}"
        # Not optimised away (/n): the channel that is ours would be another one then.
        self._endpoint = f"Local/{to.name}@{to.context}/n"
        super().__init__(ari, Entered(channel, self._endpoint, caller, to.name, to.context, {}), app=app, audio=audio)
        self.entered.clear()
        self._unanswered: asyncio.Future[Left] = asyncio.get_running_loop().create_future()

    async def connect(self, ours: Address) -> tuple[CallStarted, Address]:
        """Ring, and connect the audio once it is answered; see Control.

        Raises:
            NotAnswered: it is not, and why.
        """
        given = {"callerId": self._entered.caller} if self._entered.caller else {}
        try:
            await self._ari.ask(
                *("POST", "channels"),
                channelId=self.channel,
                endpoint=self._endpoint,
                app=self._app,
                timeout="-1",  # who waits for it says how long it rings
                **given,
            )
        except AriRefused as error:
            raise NotAnswered(Outcome.FAILED, str(error)) from error
        answered = asyncio.ensure_future(self.entered.wait())
        try:
            either: set[asyncio.Future[Any]] = {answered, self._unanswered}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answered.cancel()
        if not self.entered.is_set():
            left = self._unanswered.result()
            raise q850_outcome(left.cause or _CAUSES.get(self.dialled, 0), left.why if left.cause else self.dialled)
        return await super().connect(ours)

    def left(self, left: Left) -> str:
        """Note that the channel is gone, whoever ended it; return why."""
        if not self._unanswered.done():
            self._unanswered.set_result(left)
        return super().left(left)


class LegOut(WrappedLeg):
    """The leg of such a call, which is known to the link until it is left."""

    def __init__(self, leg: OpeningLeg, *, over: Callable[[], object]) -> None:
        super().__init__(leg)
        self._over = over

    async def __aexit__(self, *exc: object) -> None:
        await super().__aexit__(*exc)
        self._over()
