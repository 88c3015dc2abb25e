"""Two calls of ours whose other sides are to talk without us: attended transfer (RFC 5589, RFC 3891).

The one of the second call is told (REFER) to call the one of the first, with a Replaces header that names our call with
them, whose place it takes. Both of our calls end by that. Until then, and where it fails, both are as before.
"""

from collections import OrderedDict
from typing import Final

import baresip
from baresip import _native

from bridge.legs.sip.requests.native import StackThread
from bridge.legs.sip.stack_call import StackCall

OUTCOME_S: Final = 20.0
"""So long the other side may take to say what became of it."""
_MOST: Final = 1000
"""Rooms that are remembered; a second call comes right after the first, or never."""


class Rooms:
    """Calls that wait for another one, by the name of the room where they meet."""

    def __init__(self, thread: StackThread) -> None:
        self._thread = thread
        self._waiting: OrderedDict[str, StackCall | None] = OrderedDict()  # None: who waited there has ended

    async def join(self, call: StackCall, room: str) -> None:
        """Have `call` wait in `room`, or put it through to the one who waits there."""
        if room not in self._waiting:
            self._waiting[room] = call
            while len(self._waiting) > _MOST:
                self._waiting.popitem(last=False)
            call.joined("")
            return
        try:
            await self._put_through(call, self._waiting.pop(room))
        except (baresip.BaresipError, LookupError) as error:
            call.joined(str(error))

    def leave(self, call: StackCall) -> None:
        """Forget a call that has ended."""
        for room, waiting in self._waiting.items():
            if waiting is call:
                self._waiting[room] = None

    async def _put_through(self, call: StackCall, other: StackCall | None) -> None:
        """Return when they talk with each other; `call` ends by it, and tells of that itself.

        Raises:
            baresip.BaresipError, LookupError: they do not, and why.
        """
        if other is None:
            raise LookupError("the other side has hung up")
        if not call.identity.takes_refer:
            raise LookupError("the caller's side does not say that it takes REFER (Allow)")
        for each, name in ((call, "the caller's side"), (other, "the other side")):
            if not await self._thread.supports_replaces(each.call_id):
                raise LookupError(f"{name} does not say that it supports Replaces")
        call.transferred_to = other.identity.callee
        # The package's own method puts both on hold first, who then would hear nothing if it fails.
        await call.native._execute_transfer(  # noqa: SLF001
            f"{call.handle} {other.handle}", cmd=_native.lib.BP_CMD_CALL_REPLACE_TRANSFER, timeout=OUTCOME_S
        )
