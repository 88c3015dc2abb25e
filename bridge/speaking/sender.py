"""Lets the audio of one call leave, as far ahead as the far side may hold it.

Many make audio in the course of a call; one task takes it from the playout and sends it. So what was made is sent
whatever becomes of its maker, and nobody has to remember to do it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

from bridge.leg import Leg
from bridge.speaking.playout import Playout
from bridge.timeouts import wait_at_most
from telephony.events import AudioFormat, Clear, Mark, Play, Reply, ReplyOver

_MESSAGE_MS: Final = 400  # audio in one Play: few messages, and a Clear never waits behind a long one
_FRAME_MS: Final = 20


class Sender:
    """The only one that takes from the playout. Nothing leaves while it is held."""

    def __init__(
        self,
        leg: Leg,
        playout: Playout,
        audio: AudioFormat,
        *,
        clock_ms: Callable[[], int],
        on_audio: Callable[[], None],
        start: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
    ) -> None:
        """`start` makes a task of the call of what sends; it ends where nothing is left to leave."""
        self._leg, self._playout, self._audio = leg, playout, audio
        self._clock_ms, self._on_audio, self._start = clock_ms, on_audio, start
        self._task: asyncio.Task[None] | None = None
        self._last: asyncio.Task[None] | None = None  # what tells that a reply is over
        self._in_order = asyncio.Lock()
        self._changed = asyncio.Event()  # what leaves next may leave earlier
        self._open = asyncio.Event()
        self._open.set()
        self.audible_ms: int | None = None
        """When the first audio left since `restart`, by `clock_ms`; None where none has."""

    @property
    def held(self) -> bool:
        return not self._open.is_set()

    def hold(self) -> None:
        """Let nothing leave."""
        self._open.clear()

    def resume(self) -> None:
        """Let go on what was held."""
        self._open.set()
        self._wake()

    def restart(self) -> None:
        """The playout was emptied: what comes next is another reply, and is not held."""
        self.audible_ms = None
        self._open.set()
        self._changed.set()

    async def until_open(self) -> None:
        """Wait while it is held."""
        await self._open.wait()

    async def sent(self) -> None:
        """Wait until all that was made has left."""
        self._wake()
        if self._task:
            await asyncio.wait({self._task})

    def reply_over(self, *, cut: bool) -> None:
        """A reply has ended: a client that wants to know is told, behind all that was sent."""
        if not self._leg.capabilities.speech_events:
            return
        telling = self._leg.send(ReplyOver(cut))
        try:
            self._last = self._start(telling)
        except RuntimeError:  # the tasks of the call are being ended: nobody is told of anything any more
            telling.close()

    async def clear(self) -> None:
        """Drop the audio that the far side has not played yet, where the wire can."""
        if self._leg.capabilities.clear:
            async with self._in_order:
                await self._leg.send(Clear())

    def _wake(self) -> None:
        if self._playout.next(self._step_ms) and (self._task is None or self._task.done()):
            self._task = self._start(self._send_all())

    @property
    def _step_ms(self) -> int:
        return min(_MESSAGE_MS, max(_FRAME_MS, self._leg.capabilities.send_ahead_ms // 2))

    async def _send_all(self) -> None:
        while self._playout.next(self._step_ms) is not None:
            await self._open.wait()
            async with self._in_order:
                self._changed.clear()
                excess_ms = await self._send_next()
            if excess_ms > 0:
                await wait_at_most(self._changed, excess_ms / 1000)  # nothing tells us when audio was played

    async def _send_next(self) -> int:
        """Send what has to leave next; or return for how many milliseconds the far side may not take it."""
        command = self._playout.next(self._step_ms)
        if command is None or self.held:
            return 0
        if isinstance(command, Play) and (excess_ms := self._excess_ms(command)) > 0:
            return excess_ms
        self._playout.sent(command, self._clock_ms())
        await self._pass(command)
        return 0

    async def _pass(self, command: Play | Mark | Reply) -> None:
        wire = self._leg.capabilities
        match command:
            case Play():
                self.audible_ms = self._clock_ms() if self.audible_ms is None else self.audible_ms
                await self._leg.send(command)
                self._on_audio()
            case Mark() if wire.mark:
                await self._leg.send(command)
            case Reply() if wire.transcripts and command.text:
                await self._leg.send(command)

    def _excess_ms(self, play: Play) -> int:
        """Return for how many milliseconds the far side may not take `play`; with an empty buffer it takes a frame."""
        limit_ms = max(self._leg.capabilities.send_ahead_ms, _FRAME_MS)
        return self._playout.ahead_ms(self._clock_ms()) + self._audio.duration_ms(play.payload) - limit_ms
