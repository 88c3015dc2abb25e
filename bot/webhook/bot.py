"""A bot that runs elsewhere: each turn is one HTTP request, its answer is spoken as it comes."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from functools import partial

from bot.actions import Action, ActionFailed, Transfer
from bot.api import Bot, CallInfo, Heard, Turn
from bot.webhook import requests
from bot.webhook.client import Client
from bot.webhook.configuration import Configuration, HookSettings
from bot.webhook.conversation_relay.bot import RelayBot
from bot.webhook.fault import HookFailed
from bot.webhook.recordings import Recordings
from bot.webhook.replies import Fetch

__all__ = ["HookFailed", "WebhookBot"]

log = logging.getLogger(__name__)


class WebhookBot(Bot):
    """One call's side of a hook. Requests of a call are numbered: a number that comes twice is the same request."""

    def __init__(self, configuration: Configuration, client: Client) -> None:
        self._configuration, self._client = configuration, client
        self._recordings = Recordings(configuration)
        self._call = CallInfo("")
        self._count = 0

    @classmethod
    def from_settings(cls, settings: HookSettings) -> Callable[[], Bot]:
        """Return what makes the bot of each call: a RelayBot where the hook is a WebSocket.

        Raises:
            RuntimeError: the settings do not say where the hook is.
        """
        configuration = Configuration.of(settings)
        if configuration.relays:
            return partial(RelayBot, configuration)
        return partial(cls, configuration, Client(configuration))

    async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
        """Greet the caller with what the hook answers to the call."""
        self._call = call
        async with aclosing(self._ask("call", {})) as pieces:
            async for piece in pieces:
                yield piece

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        """Say and do what the hook answers.

        Raises:
            HookFailed: it answers nothing, in time, that is understood.
        """
        self._call, silent = turn.call, True
        refused: tuple[str | Action, ActionFailed] | None = None
        async with aclosing(self._ask("turn", requests.turn_of(turn))) as pieces:
            async for piece in pieces:
                silent = silent and piece == ""
                try:
                    yield piece
                except ActionFailed as failed:
                    refused = piece, failed
                    break
        if refused:
            async with aclosing(self._instead(*refused)) as others:
                async for piece in others:
                    yield piece
            return
        if silent:
            raise HookFailed("the hook has nothing to say")

    async def _instead(self, piece: str | Action, failed: ActionFailed) -> AsyncGenerator[str | Action, None]:
        """Yield what the hook answers to a transfer that nobody took; what else fails is raised.

        Raises:
            ActionFailed: the hook knows nothing to say to it, or it was something else.
        """
        if not isinstance(piece, Transfer) or not piece.consult:
            raise failed
        answered = False
        try:
            told = {"target": piece.target, "reason": str(failed)}
            async with aclosing(self._ask("not_transferred", told)) as pieces:
                async for other in pieces:
                    answered = answered or other != ""
                    yield other
        except HookFailed as error:
            raise failed from error
        if not answered:
            raise failed

    async def on_silence(self, count: int) -> AsyncIterator[str | Action]:
        """Ask the caller what the hook answers, or nothing."""
        try:
            async with aclosing(self._ask("silence", {"count": count})) as pieces:
                async for piece in pieces:
                    yield piece
        except HookFailed as error:  # then the bridge asks in its own words
            log.warning("%s: the hook was not asked about the silence: %s", self._call.call_id, error)

    async def on_dtmf(self, digit: str) -> None:
        """Tell the hook of a key."""
        await self._tell("dtmf", {"digit": digit})

    async def on_interrupted(self, heard: Heard) -> None:
        """Tell the hook what was heard."""
        await self._tell("interrupted", requests.interruption_of(heard))

    async def on_end(self, reason: str) -> None:
        """Tell the hook that the call is over."""
        try:
            await self._tell("end", {"reason": reason})
        finally:
            await self._recordings.close()

    async def _ask(self, event: str, more: Mapping[str, object]) -> AsyncGenerator[str | Action, None]:
        """Yield what the hook answers to `event`."""
        self._count += 1
        request_id = f"{self._call.call_id}-{self._count}"
        body = requests.encode(event, request_id, self._call, more)
        async with aclosing(self._client.ask(request_id, body)) as answer:
            async for item in answer:
                yield await self._recordings.fetch(item) if isinstance(item, Fetch) else item

    async def _tell(self, event: str, more: Mapping[str, object]) -> None:
        """Tell the hook what needs no answer."""
        try:
            async with aclosing(self._ask(event, more)) as answer:
                async for _ in answer:
                    break
        except HookFailed as error:
            log.warning("%s: the hook was not told of %r: %s", self._call.call_id, event, error)
