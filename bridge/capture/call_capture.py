"""Keeps what one call is made of: each line is stamped by the loop's clock, and handed on in batches. It never waits.

leg, recogniser, VAD, bot, voice -> CallCapture -lines, each half second-> bounded queue -> thread: WireFile
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

from bridge.capture.notation import Line

T = TypeVar("T")

_EVERY_S: Final = 0.5


class LoopTurn:
    """Tells whether the loop has had a turn since this was made: if not, what was awaited was there at once."""

    def __init__(self) -> None:
        self.over = False
        self._timer = asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        self.over = True

    @property
    def waited(self) -> Mapping[str, object]:
        """What a line says of it. To be asked once."""
        self._timer.cancel()
        return {} if self.over else {"at_once": True}


class CallCapture:
    """The record of one call while it is made."""

    def __init__(
        self,
        keep: Callable[[Sequence[Line]], bool],
        *,
        clock_s: Callable[[], float],
        secret: Callable[[], bool] = lambda: False,
    ) -> None:
        """`keep` takes lines, in order, and returns False where it does not: they are lost, and the next say so.

        `clock_s`: the loop's time. `secret`: the caller is asked for what is nobody's but the bot's: that is not kept.
        """
        self._keep, self.clock_s, self.secret = keep, clock_s, secret
        self._lines: list[Line] = []
        self._since_s = clock_s()
        self._numbers = itertools.count(1)
        self._lost = 0
        self.media_ms = 0
        """Caller audio that the call was given so far, in milliseconds."""

    def note(self, kind: str, line: Mapping[str, object], *, since_s: float | None = None) -> None:
        """Keep that something happened now. `since_s`: what was awaited was asked for then."""
        now_s = self.clock_s()
        asked = {} if since_s is None else {"asked": since_s}
        self._lines.append({"t": now_s, "is": kind, **asked, **line})
        if now_s - self._since_s >= _EVERY_S:
            self._hand_on(now_s)

    def event(self, what: str, **line: object) -> None:
        """Keep what the call made of it all: by this a replay is compared."""
        self.note("event", {"what": what, "media_ms": self.media_ms, **line})

    def begin(self, what: str, line: Mapping[str, object]) -> "Asked":
        """Keep that something outside is asked; the answer comes to what this returns."""
        asked = Asked(self, next(self._numbers))
        self.note("ask", {"n": asked.number, "what": what, **line})
        return asked

    async def ask(
        self, what: str, line: Mapping[str, object], work: Awaitable[T], answer: Callable[[T], Mapping[str, object]]
    ) -> T:
        """Return what `work` returns, and keep when it was asked and answered; `answer` makes a line of it.

        Raises:
            whatever `work` raises, which is kept, too.
        """
        asked = self.begin(what, line)
        turn, since_s = LoopTurn(), self.clock_s()
        try:
            result = await work
        except BaseException as error:  # that nobody waits any more, too: it is kept on its way to whoever it is for
            asked.raised(error, turn, since_s)
            raise
        asked.done(turn, since_s, answer(result))
        return result

    def close(self) -> None:
        """The call is over."""
        self.note("end", {})
        self._hand_on(self.clock_s())

    def _hand_on(self, now_s: float) -> None:
        lines, self._lines, self._since_s = self._lines, [], now_s
        told: list[Line] = [{"t": now_s, "is": "lost", "lines": self._lost}] if self._lost else []
        self._lost = 0 if self._keep([*told, *lines]) else self._lost + len(lines)


class Asked:
    """Something outside that was asked, and whose answers are to be kept."""

    def __init__(self, capture: CallCapture, number: int) -> None:
        self._capture, self.number = capture, number

    def piece(self, turn: LoopTurn, since_s: float, line: Mapping[str, object]) -> None:
        """A part of the answer is there."""
        self._answer("piece", turn, since_s, line)

    def done(self, turn: LoopTurn, since_s: float, line: Mapping[str, object]) -> None:
        """The answer is complete."""
        self._answer("done", turn, since_s, line)

    def raised(self, error: BaseException, turn: LoopTurn, since_s: float) -> None:
        """There is none: it failed, or we do not want it any more."""
        task = asyncio.current_task()
        unwanted = isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
        if unwanted or isinstance(error, GeneratorExit):
            self._capture.note("dropped", {"n": self.number})
        else:
            self._answer("failed", turn, since_s, {"error": type(error).__name__, "text": str(error)})

    def _answer(self, kind: str, turn: LoopTurn, since_s: float, line: Mapping[str, object]) -> None:
        waited = turn.waited
        line = {"n": self.number, **waited, **line}
        self._capture.note(kind, line, since_s=None if waited else since_s)


async def each(
    asked: Asked,
    chunks: AsyncGenerator[T, None],
    line: Callable[[T], Mapping[str, object]],
    clock_s: Callable[[], float],
) -> AsyncGenerator[T, None]:
    """Yield `chunks`, and keep when each came, as `line` writes it; does not close them.

    Raises:
        whatever they raise.
    """
    turn, since_s = LoopTurn(), clock_s()
    try:
        async for chunk in chunks:
            asked.piece(turn, since_s, line(chunk))
            yield chunk
            turn, since_s = LoopTurn(), clock_s()
    except BaseException as error:  # as in `CallCapture.ask`
        asked.raised(error, turn, since_s)
        raise
    asked.done(turn, since_s, {})
