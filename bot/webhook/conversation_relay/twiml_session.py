"""A relay that the application's own TwiML describes: asked for at the beginning of a call, told of at its end."""

import logging
import time
from collections.abc import Callable, Sequence

from bot.api import CallInfo
from bot.webhook.configuration import Configuration
from bot.webhook.conversation_relay import requests, twiml
from bot.webhook.conversation_relay.twiml import Connection, Step
from bot.webhook.fault import HookFailed

log = logging.getLogger(__name__)


class TwimlSession:
    """One call's; without an address to ask it has no connection and asks nobody."""

    def __init__(self, configuration: Configuration, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._configuration, self._clock_s = configuration, clock_s
        self.connection: Connection | None = None
        self._begun_s, self._over = clock_s(), False

    async def begin(self, call: CallInfo) -> Sequence[Step]:
        """Return what the application wants done; a `Connection` is the last of it.

        Raises:
            HookFailed: it does not say, or it cannot be understood.
        """
        steps = await self._ask(self._configuration.twiml_url, requests.form_of(call, status="ringing"))
        self._begun_s = self._clock_s()
        for count, step in enumerate(steps, 1):
            if isinstance(step, Connection):
                self.connection = step
                return steps[:count]
        return steps

    async def end(self, call: CallInfo, *, session_id: str, handoff_data: str | None = None) -> Sequence[Step]:
        """Return what the application wants done now that the session is over; nothing where it was asked before, or
        names nobody to ask. `handoff_data`: of an application that ended it; None: the call did.

        Raises:
            HookFailed: as `begin`.
        """
        if self._over or self.connection is None or not self.connection.action:
            return []
        self._over = True
        form = requests.form_of(call, status="completed" if handoff_data is None else "in-progress")
        form |= {
            "SessionId": session_id,
            "SessionStatus": "completed" if handoff_data is None else "ended",
            "SessionDuration": str(round(self._clock_s() - self._begun_s)),
        }
        if handoff_data:
            form["HandoffData"] = handoff_data
        return await self._ask(self.connection.action, form)

    async def _ask(self, url: str, form: dict[str, str]) -> Sequence[Step]:
        document = await requests.ask(self._configuration, url, form)
        instructions = twiml.read(document, url)
        if instructions.unread:
            log.warning("%s: not carried out of the TwiML: %s", form["CallSid"], ", ".join(instructions.unread))
        if sum(isinstance(step, Connection) for step in instructions.steps) > 1:
            raise HookFailed("the TwiML has two <ConversationRelay>, and a call has one")
        return instructions.steps
