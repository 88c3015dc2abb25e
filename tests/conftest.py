"""What all tests share: a blocking call on the event loop fails its test, and every report reaches the main process."""

import asyncio
import gc
import inspect
import logging
import os
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from types import FrameType
from typing import Final

import pytest
from hypothesis import settings

settings.register_profile("ours", deadline=None)  # other work on the machine is no failure
settings.load_profile("ours")

OURS: Final = {"bridge", "telephony", "bot"}
BLOCKING: Final = {"open", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen", "os.system", "time.sleep"}
"""Audit events of calls that block (the last from Python 3.13 on). Waiting for a lock raises none: it is not caught."""
THEIR_OWN: Final = {"mcp"}
"""Threads with an event loop that no audio passes."""
IMPORTING: Final = {"importlib", "_frozen_importlib", "_frozen_importlib_external", "linecache"}
AWAITS: Final = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class BlockingError(BaseException):
    """Code on the event loop blocked. No `except Exception` on its way may hide that."""


def _forbid_blocking(event: str, arguments: tuple[object, ...]) -> None:
    if event not in BLOCKING or asyncio._get_running_loop() is None:  # the public one raises, slowly, on every open()
        return
    if threading.current_thread().name in THEIR_OWN:
        return
    if _awaited_by_ours(sys._getframe(1)):
        raise BlockingError(f"{event}{arguments!r} on the event loop; use asyncio, or a thread")


def _awaited_by_ours(frame: FrameType | None) -> bool:
    """Return whether a coroutine of ours led here, other than by an import; what a test calls itself is its affair."""
    ours = False
    while frame:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in IMPORTING:
            return False
        ours = ours or (package in OURS and bool(frame.f_code.co_flags & AWAITS))
        frame = frame.f_back
    return ours


@pytest.fixture(scope="session", autouse=True)
def _blocking_calls_fail() -> None:
    sys.addaudithook(_forbid_blocking)  # for good: hooks cannot be taken back


@pytest.fixture(scope="session", autouse=True)
def _state_of_tests() -> Iterator[None]:
    """Servers of tests keep nothing, and do without, unless they are told where."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_STATE_HOME", os.devnull)
        yield


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A test that starts a part of the server in its own process sets the logs up: the next test has its own again."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def pytest_collection_finish() -> None:
    """Have what is loaded searched for garbage no more, and the rest less often: that took a tenth of all the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10 * gc.get_threshold()[0], *gc.get_threshold()[1:])


@pytest.hookimpl(optionalhook=True)  # pytest-asyncio's
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests that are marked `virtual_time` in a time that passes at once."""
    if item.get_closest_marker("virtual_time") is None:
        return {"real": asyncio.new_event_loop}
    from virtual import VirtualLoop

    return {"virtual": VirtualLoop}


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Choose ours for `--dist loadfile`."""
    from schedule import ByWhatIsShared

    return ByWhatIsShared(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, object], object]:
    """Escape lone surrogates, which tests log: pytest-xdist cannot send them, and ends the whole run, passed or not."""
    return _encodable((yield))


def _encodable(part: object) -> object:
    match part:
        case str():
            return part.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {name: _encodable(value) for name, value in part.items()}
        case list() | tuple():
            return type(part)(map(_encodable, part))
    return part
