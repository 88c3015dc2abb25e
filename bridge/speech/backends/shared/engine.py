"""The engines of another process, as a worker has them: an `Asr` that finds them again when they were gone."""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from bridge.settings import Settings
from bridge.speech.api import DeadlineExceeded, EngineLost, Hypothesis, Request
from bridge.speech.backends.shared import messages
from bridge.speech.backends.shared.messages import BadMessage

_CONNECT_S: Final = 2.0


class SharedEngines:
    """Engines that are asked at a Unix socket."""

    def __init__(self, path: str) -> None:
        """Ask what they are. Blocks for a moment.

        Raises:
            EngineLost: they are not there.
        """
        self._path = path
        about = _about(path)
        self.name, self.device = str(about["name"]), str(about["device"])
        self.capabilities = messages.capabilities_of(about["capabilities"])
        self._link: _Link | None = None
        self._connecting = asyncio.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> "Sequence[SharedEngines]":
        """Return those at the path that stands in `asr_model_path`."""
        return [cls(settings.asr_model_path)]

    async def decode(self, request: Request, /) -> Hypothesis:
        link = await self._connected()
        ask = {"request": messages.asked(request)}
        try:
            async with asyncio.timeout(request.timeout_s):
                told = await link.ask("ask", ask, request)
        except TimeoutError:
            raise DeadlineExceeded(f"{self.name}: no answer within {request.timeout_s:g} s") from None
        if "refused" in told:
            raise messages.error_of(told["refused"])
        return messages.hypothesis_of(told["heard"])

    async def healthy(self) -> bool:
        link = await self._connected()
        return bool((await link.ask("healthy", {}))["healthy"])

    def close(self) -> None:
        """Hang up."""
        if self._link:
            self._link.close()

    async def _connected(self) -> "_Link":
        async with self._connecting:
            if self._link is None or self._link.lost:
                try:
                    async with asyncio.timeout(_CONNECT_S):
                        reader, writer = await asyncio.open_unix_connection(self._path)
                        await messages.received(reader)  # what they are, which is known
                except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                    raise EngineLost(f"{self.name}: the process of the engines is gone") from error
                self._link = _Link(reader, writer, self.name)
        return self._link


class _Link:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        self._writer, self._name = writer, name
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.lost = False
        self._loop = asyncio.get_running_loop()
        self._reading = asyncio.create_task(self._read(reader))

    async def ask(self, what: str, told: Mapping[str, object], request: Request | None = None) -> dict[str, Any]:
        """Return the answer; whoever is cancelled meanwhile has given it up.

        Raises:
            EngineLost: there will be none.
        """
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._waiting[number] = answer
        audio = messages.NO_AUDIO if request is None else request.audio
        self._writer.write(messages.packed({what: number, **told}, audio))
        try:
            return await answer
        except asyncio.CancelledError:
            if not self.lost:
                self._writer.write(messages.packed({"give_up": number}))
            raise
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Hang up, from any thread."""
        with suppress(RuntimeError):  # the loop is closed already, and the connection with it
            self._loop.call_soon_threadsafe(self._reading.cancel)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                told, _ = await messages.received(reader)
                if (answer := self._waiting.get(told["answer"])) and not answer.done():
                    answer.set_result(told)
        except (asyncio.IncompleteReadError, ConnectionError, BadMessage, KeyError):
            pass  # they are gone, or talk nonsense
        finally:
            self.lost = True
            self._writer.close()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(EngineLost(f"{self._name}: the process of the engines is gone"))


def _about(path: str) -> dict[str, Any]:
    """Return what the engines say of themselves first."""

    async def ask() -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            told, _ = await messages.received(reader)
        finally:
            writer.close()
        about: dict[str, Any] = told["about"]
        return about

    try:
        return asyncio.run(asyncio.wait_for(ask(), _CONNECT_S))
    except (OSError, TimeoutError, asyncio.IncompleteReadError, BadMessage, KeyError) as error:
        raise EngineLost(f"the process of the engines is not at {path}: {error}") from error
