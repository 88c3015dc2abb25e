"""The process that holds the SIP stack: `python -m bridge.legs.sip.process SOCKET`, started by `link`."""

import asyncio
import logging
import signal
import socket
import sys
from contextlib import suppress
from typing import Final

from bridge.legs.sip.frame_writer import FrameWriter
from bridge.legs.sip.media.advice import explained
from bridge.legs.sip.options import StackOptions
from bridge.legs.sip.stack import Stack, StackError
from telephony.sip_frames import FrameError, Frames, Kind, frame, json_frame, split

log = logging.getLogger(__name__)

_TICK_S: Final = 0.020
_LATE_S: Final = 0.2
"""A clock that is further behind goes on from now: the audio of that time is lost anyway."""
_READ: Final = 1 << 16
_CLOSE_S: Final = 8.0


class Process:
    """Serves the bridge with one stack, until one of them is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._frames = reader, FrameWriter(writer), Frames()
        self._dead = asyncio.Event()

    async def run(self) -> int:
        """Return the exit status: 0 when the bridge ended it."""
        try:
            options = await self._options()
        except (FrameError, ValueError, TypeError) as error:
            log.error("no options: %s", error)
            return 2
        handler = _ToBridge(self)
        logging.getLogger().addHandler(handler)
        stack = Stack(options, self.post, self._dead.set)
        try:
            about = await stack.start()
        except StackError as error:
            self.post(json_frame(Kind.FAILED, reason=str(error)))
            self._writer.flush()
            await self._writer.drain()
            return 1
        self.post(json_frame(Kind.READY, 0, **about))
        self._writer.flush()
        works = [asyncio.create_task(work) for work in (self._clock(stack), self._listen(stack), self._dead.wait())]
        await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        for work in works:
            work.cancel()
        results = await asyncio.gather(*works, return_exceptions=True)
        if self._dead.is_set():
            return 3  # the stack's thread is gone, and nothing in this process can be trusted with it
        faults = [r for r in results if isinstance(r, Exception)]
        async with asyncio.timeout(_CLOSE_S):
            await stack.close()
        if faults:
            raise faults[0]
        return 0

    def post(self, message: bytes) -> None:
        """Send a frame to the bridge."""
        self._writer.post(message)

    async def _options(self) -> StackOptions:
        while data := await self._reader.read(_READ):
            if frames := self._frames.feed(data):
                kind, _, body = split(frames[0])
                if kind is not Kind.OPTIONS:
                    raise FrameError(f"the bridge began with {kind.name}")
                return StackOptions.from_json(body)
        raise FrameError("the bridge said nothing")

    async def _listen(self, stack: Stack) -> None:
        with suppress(ConnectionError):  # so ends a bridge that goes with something of ours unread
            while data := await self._reader.read(_READ):
                for data_frame in self._frames.feed(data):
                    kind, number, body = split(data_frame)
                    if kind is Kind.PING:
                        self.post(frame(Kind.PONG))
                    else:
                        stack.obey(kind, number, body)

    async def _clock(self, stack: Stack) -> None:
        """Tick on absolute deadlines: what one tick is late, the next is early."""
        loop = asyncio.get_running_loop()
        deadline = loop.time()
        while True:
            deadline += _TICK_S
            late_s = loop.time() - deadline
            if late_s > _LATE_S:
                deadline += late_s
            await asyncio.sleep(max(0.0, -late_s))  # the clock is time itself: nothing else tells of it
            stack.tick(loop.time() * 1000)


class _ToBridge(logging.Handler):
    """Warnings of the stack go into the bridge's log."""

    def __init__(self, process: Process) -> None:
        super().__init__(logging.WARNING)
        self._loop, self._process = asyncio.get_running_loop(), process

    def emit(self, record: logging.LogRecord) -> None:
        text = explained(f"{record.name}: {record.getMessage()}"[:2000])
        line = json_frame(Kind.LOG, level=record.levelno, text=text)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._process.post, line)  # the stack logs from threads of its own


async def _main(number: int) -> int:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=number))
    try:
        return await Process(reader, writer).run()
    finally:
        writer.close()


if __name__ == "__main__":
    for ours_not in (signal.SIGINT, signal.SIGTERM):  # they are the bridge's: it ends us when its calls are over
        signal.signal(ours_not, signal.SIG_IGN)
    sys.exit(asyncio.run(_main(int(sys.argv[1]))))
