"""One reply's way to a model: the first endpoint, or the second where the first failed before it said anything."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bot.openai.chunks import ToolCall
from bot.openai.clients import Clients
from bot.openai.configuration import Endpoint
from bot.openai.stream import ModelFailed, Patience, Question, converse

log = logging.getLogger(__name__)


class Way:
    """Asks once more at most, in all of the reply. An only endpoint is asked again where just the connection broke."""

    def __init__(self, endpoints: tuple[Endpoint, ...], clients: Clients, patience: Patience) -> None:
        self._clients, self._patience = clients, patience
        self._endpoints = clients.order(endpoints)
        self._tries = 2

    async def ask(self, question: Question) -> AsyncGenerator[str | tuple[ToolCall, ...], None]:
        """Yield what `converse` does.

        Raises:
            ModelFailed: no endpoint is left to try, or the one that failed had begun to answer.
        """
        while True:
            endpoint, said = self._endpoints[0], False
            client = await self._clients.to(endpoint)
            try:
                async with aclosing(converse(client, endpoint, question, self._patience)) as pieces:
                    async for piece in pieces:
                        said = True
                        yield piece
                return
            except ModelFailed as error:
                if error.lasting:
                    self._clients.failed(endpoint)
                if said or not self._another(error):
                    raise
                log.warning("%s; asking %s", error, self._endpoints[0])

    def _another(self, error: ModelFailed) -> bool:
        """Choose the endpoint to ask next; return False where there is none."""
        self._tries -= 1
        if len(self._endpoints) > 1:
            self._endpoints.pop(0)
        elif not error.lost:
            return False
        return self._tries > 0
