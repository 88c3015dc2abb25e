"""Signals to a process of asyncio's."""

import asyncio
import os
from contextlib import suppress


def send_signal(process: asyncio.subprocess.Process, number: int) -> None:
    """Send it, unless it has ended. asyncio's own may take the exit code of one that is ending, and lose it."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
