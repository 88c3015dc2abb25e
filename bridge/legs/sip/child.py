"""The SIP process as a child of ours: its start with a socket between us, and its end."""

import asyncio
import socket
import subprocess
from collections.abc import Sequence
from typing import Final

_END_S: Final = 8.0


async def begin(
    command: Sequence[str],
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, "subprocess.Popen[bytes]"]:
    """Start `command` with the number of its socket behind it; return the streams to it, and the process.

    Raises:
        OSError: it cannot be started.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = await asyncio.to_thread(
                subprocess.Popen,
                [*command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
    except OSError:
        ours.close()
        raise
    reader, writer = await asyncio.open_connection(sock=ours)
    return reader, writer, process


async def end(process: "subprocess.Popen[bytes]") -> None:
    """Wait until `process` is gone. It ends by itself once its socket is closed."""
    try:
        await asyncio.to_thread(process.wait, _END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        await asyncio.to_thread(process.wait)
