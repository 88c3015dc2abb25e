"""One reply, round by round: the model speaks and calls tools, until it has answered or an action ends the reply."""

import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager

from bot.actions import Action, ActionFailed, Collect, Handoff, Hangup, Transfer
from bot.openai.chunks import ToolCall
from bot.openai.errands import NOT_REACHED, Errands, Fillers
from bot.openai.messages import Exchange
from bot.openai.stream import ModelFailed

log = logging.getLogger(__name__)


def _is_last(action: Action) -> bool:
    """Return whether nothing of a reply comes after `action`."""
    comes_back = isinstance(action, Transfer) and action.returns
    return isinstance(action, Transfer | Hangup | Collect | Handoff) and not comes_back


class Rounds:
    """Of one reply. Read `take` to its end, carry out each `action`, and begin again until it is `over`."""

    def __init__(
        self,
        ask: Callable[[bool], AsyncGenerator[str | tuple[ToolCall, ...], None]],
        errands: Errands,
        exchange: Exchange,
        fillers: Fillers,
        *,
        most: int,
    ) -> None:
        """`ask`: the model; it is told whether it may call tools. `most`: rounds in which it may."""
        self._ask, self._errands, self._exchange, self._fillers, self._left = ask, errands, exchange, fillers, most
        self._said = False  # by the model, in any round
        self._parting = False  # the model is asked for words only, as what comes next ends the reply
        self._ended = False
        self.over = False

    async def take(self) -> AsyncGenerator[str, None]:
        """Yield the words of one round, and wait for the tools that were called in it.

        Raises:
            ModelFailed: the model has no answer.
        """
        self.over = True
        calls: Sequence[ToolCall] = ()
        said = ""
        try:
            async with aclosing(self._ask(self._left > 0 and not self._parting)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, str):
                        said += piece
                        yield piece
                    else:
                        calls = piece
        except ModelFailed as error:
            if not self._parting:
                raise
            log.warning("%s; what was to be done is done without words", error)
        self._said |= bool(said)
        if not calls:
            return
        self._left -= 1
        self.over = False
        self._errands.begin(calls, self._exchange, said=said)
        async with aclosing(self._errands.wait(self._fillers, said=bool(said))) as texts:
            async for text in texts:
                yield text

    def action(self) -> Action | None:
        """Return what is to be done now, if anything is; nobody is transferred or cut off without a word."""
        if not self._errands.due or self._ended:
            return None
        _, action = self._errands.due[0]
        if _is_last(action):
            if not self._said and not self._parting and not isinstance(action, Handoff):
                self._parting = True
                return None
            self.over = True
        return action

    @contextmanager
    def carrying_out(self) -> Iterator[None]:
        """Enclose the `yield` of `action`. What did not happen the model is told; a failure it is asked about."""
        outcome, action = self._errands.due.popleft()
        trouble = "" if outcome.trouble == NOT_REACHED else outcome.trouble
        outcome.trouble = NOT_REACHED
        try:
            yield
            outcome.trouble = trouble
            outcome.actions.remove(action)
            self._ended = _is_last(action)
        except ActionFailed as failed:
            outcome.trouble = f"Error: {failed}"
            outcome.actions.remove(action)
            self.over = self._parting = False
