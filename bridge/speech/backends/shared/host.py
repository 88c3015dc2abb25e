"""The process of the engines: answers all workers that ask at a Unix socket, each decode when its turn has come."""

import asyncio
import logging
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from bridge.speech.api import EngineFailed, Recogniser, Samples, SpeechError
from bridge.speech.backends.shared import messages
from bridge.speech.backends.shared.messages import BadMessage

log = logging.getLogger(__name__)


class EngineHost:
    """Answers with one recogniser, while its `async with` lasts."""

    def __init__(self, recogniser: Recogniser, path: Path) -> None:
        """`path`: in a folder that is nobody else's."""
        self._recogniser, self._path = recogniser, path
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Raises:
        OSError: the path cannot be had.
        """
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one worker. What it gives up, and what it leaves behind at its end, is cancelled."""
        work: dict[int, asyncio.Task[None]] = {}
        device, recogniser = str(getattr(self._recogniser, "device", "")), self._recogniser
        writer.write(messages.packed({"about": messages.about(recogniser.name, device, recogniser.capabilities)}))
        try:
            while True:
                told, audio = await messages.received(reader)
                if "give_up" in told and (task := work.get(told["give_up"])):
                    task.cancel()
                elif "healthy" in told:
                    answer = {"answer": told["healthy"], "healthy": await recogniser.healthy()}
                    writer.write(messages.packed(answer))
                elif "ask" in told:
                    number = told["ask"]
                    work[number] = task = asyncio.create_task(self._answer(writer, told, audio))
                    task.add_done_callback(partial(_forget, work, number))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it has ended, or died
        except BadMessage as error:
            log.error("a worker is hung up on: %s", error)
        finally:
            for task in list(work.values()):
                task.cancel()
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, told: dict[str, Any], audio: Samples) -> None:
        answer: dict[str, object] = {"answer": told["ask"]}
        try:
            hypothesis = await self._recogniser.decode(messages.request_of(told["request"], audio))
            answer["heard"] = messages.heard(hypothesis)
        except SpeechError as error:
            answer["refused"] = messages.refused(error)
        except Exception as error:  # of a plug-in, whatever it is: the other decodes go on
            log.exception("a decode failed in a way it should not")
            answer["refused"] = messages.refused(EngineFailed(repr(error)))
        with suppress(ConnectionError):
            writer.write(messages.packed(answer))


def _forget(work: dict[int, asyncio.Task[None]], number: int, _: asyncio.Task[None]) -> None:
    work.pop(number, None)
