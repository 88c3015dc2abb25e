"""The real server as a process, as a user would start it."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from process_signals import send_signal


class Server:
    """A running `bridge serve`."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self.address = address
        """host:port"""
        self.output: list[str] = []
        self.more = asyncio.Event()

    @property
    def ws(self) -> str:
        return f"ws://{self.address}/ws"

    @property
    def twilio(self) -> str:
        return f"ws://{self.address}/twilio/stream"

    @property
    def http(self) -> str:
        return f"http://{self.address}"

    def stop(self, signum: int = signal.SIGTERM) -> None:
        send_signal(self.process, signum)

    async def logged(self, *parts: str, timeout_s: float = 10.0) -> None:
        """Wait until the server has logged a line with all `parts` in it."""
        try:
            async with asyncio.timeout(timeout_s):
                while not any(all(part in line for part in parts) for line in self.output):
                    self.more.clear()
                    await self.more.wait()
        except TimeoutError:
            said = "".join(self.output[-20:])
            raise AssertionError(f"the server did not log {' and '.join(parts)!r}; it ended with:\n{said}") from None

    @property
    def log(self) -> str:
        return "".join(self.output)


@asynccontextmanager
async def serve(
    *flags: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    code: int | None = 0,
    start_s: float = 60,
) -> AsyncIterator[Server]:
    """Start the server on a free port and stop it at once at the end; it must exit with `code` (None: any).

    `start_s`: seconds until it must have loaded its models.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge",
        "serve",
        "--port",
        "0",
        *flags,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    )
    server = Server(process, "")
    ready = asyncio.Event()
    reader = asyncio.create_task(_read(server, ready))
    try:
        async with asyncio.timeout(start_s):
            await ready.wait()
        assert server.address, f"the server did not start:\n{server.log}"
        yield server
    finally:
        server.stop(signal.SIGINT)
        try:
            async with asyncio.timeout(30):
                await process.wait()
        except TimeoutError:
            process.kill()
            raise
        await reader
    assert code is None or process.returncode == code, f"exit code {process.returncode}:\n{server.log}"


async def _read(server: Server, ready: asyncio.Event) -> None:
    assert server.process.stdout
    async for line in server.process.stdout:
        server.output.append(line.decode())
        server.more.set()
        if match := re.search(r"transcripts\s+wss?://([\w.-]+:\d+)/ws", server.output[-1]):
            server.address = match[1]
        if "voice, bot" in server.output[-1]:
            ready.set()
    ready.set()
