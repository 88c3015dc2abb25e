"""What all tests share: a blocking call on the event loop fails the test that caused it."""

import asyncio
import sys
from types import FrameType
from typing import Final

import pytest

OURS: Final = {"bridge", "telephony", "bot"}
NEVER: Final = {"time.sleep", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen", "os.system"}
"""Audit events of calls that block whoever makes them. Waiting for locks raises none, so it is not caught here."""


class BlockingError(BaseException):
    """Code on the event loop blocked. No `except Exception` on its way may hide that."""


def _forbid_blocking(event: str, arguments: tuple[object, ...]) -> None:
    if event != "open" and event not in NEVER:
        return
    if asyncio._get_running_loop() is None:  # it never raises, unlike the public one: this runs on every open()
        return
    if event in NEVER or _opened_by_us(sys._getframe(1)):
        raise BlockingError(f"{event}{arguments!r} on the event loop; use asyncio, or a thread")


def _opened_by_us(frame: FrameType | None) -> bool:
    """Return whether the nearest caller outside the standard library is ours, and is not merely importing."""
    nearest = ""
    while frame:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in {"importlib", "_frozen_importlib", "_frozen_importlib_external", "linecache"}:
            return False
        if not nearest and package not in sys.stdlib_module_names:
            nearest = package
        frame = frame.f_back
    return nearest in OURS


@pytest.fixture(scope="session", autouse=True)
def _blocking_calls_fail() -> None:
    sys.addaudithook(_forbid_blocking)  # for good: hooks cannot be taken back
