"""`bridge serve` as a process, with fakes for its models: it starts in two seconds."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from process_signals import send_signal

import bridge

_FAKES = ["--asr", "fakes:FakeAsr", "--tts", "fakes:FakeTts", "--bot", "fakes:ScriptBot"]
_BARE = ["--vad", "fakes:LoudnessVads", "--ending", "none", "--records", "none"]
_PATH = os.pathsep.join((str(Path(bridge.__file__).parents[1]), str(Path(__file__).parent)))


class FakeServer:
    """A running one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""
        """All that it has printed and logged."""
        self.port = 0
        self.more = asyncio.Event()

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def signal(self, number: int) -> None:
        send_signal(self.process, number)

    async def says(self, text: str, *, times: int = 1, timeout_s: float = 10.0) -> None:
        """Wait until it has printed or logged `text` so many times."""
        async with asyncio.timeout(timeout_s):
            while self.count(text) < times:
                self.more.clear()
                await self.more.wait()

    def count(self, text: str) -> int:
        return self.said.count(text)


@asynccontextmanager
async def serving(
    *flags: str, files: int = 1024, env: Mapping[str, str] | None = None, code: int = 0
) -> AsyncIterator[FakeServer]:
    """Start it on a free port, with at most `files` descriptors; stop it at the end, with exit code `code`."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'ulimit -n {files}; exec "$0" "$@"'),
        *(sys.executable, "-m", "bridge", "serve", "--port", "0", *_FAKES, *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**plain, "PYTHONPATH": _PATH, **(env or {})},
    )
    server, ready = FakeServer(process), asyncio.Event()
    reader = asyncio.create_task(_read(process, server, ready))
    try:
        async with asyncio.timeout(30):
            await ready.wait()
        assert server.port, server.said
        yield server
    finally:
        server.signal(signal.SIGINT)
        async with asyncio.timeout(30):
            await process.wait()
        await reader
    assert process.returncode == code, server.said


def bare(
    *flags: str, files: int = 1024, env: Mapping[str, str] | None = None, code: int = 0
) -> AbstractAsyncContextManager[FakeServer]:
    """See `serving`; it has no model at all and no call log, and starts in two thirds of the time."""
    return serving(*_BARE, *flags, files=files, env=env, code=code)


async def _read(process: asyncio.subprocess.Process, server: FakeServer, ready: asyncio.Event) -> None:
    assert process.stdout
    async for line in process.stdout:
        server.said += line.decode()
        server.more.set()
        if match := re.search(r"transcripts\s+wss?://[^/]+:(\d+)/ws", server.said):
            server.port = int(match[1])
        if "voice, bot" in server.said:
            ready.set()
    ready.set()
