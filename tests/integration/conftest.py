"""One server with the real models for all tests that do not need their own."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from integration.recordings import available
from integration.server import Server, serve
from schedule import turn

from bridge.speech.backends.whisper import WhisperAsr


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "integration" in item.path.parts:
            item.add_marker(pytest.mark.integration)
            if not available():
                item.add_marker(pytest.mark.skip(reason="asterisk-core-sounds-en-wav is not installed: apt install it"))
    items.sort(key=lambda item: turn(item.path) if "integration" in item.path.parts else -1)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_reaches_programs() -> None:
    """A shell without job control has what it runs in the background ignore SIGINT, and so all that this starts."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _of_tests() -> Iterator[None]:
    """Tests share the machine: a server that has too much to do refused callers of whichever test came next."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRIDGE_LOAD_FINAL_WAIT", "0")
        environment.setenv("BRIDGE_LOAD_LOOP_LAG", "0")
        environment.setenv("BRIDGE_RECORDS", "none")  # tests of records name a place of their own
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[Server]:
    async with serve("--log-level", "DEBUG") as server:
        yield server


@pytest.fixture(scope="session")
def ears() -> Iterator[WhisperAsr]:
    """A recogniser to check what the bot said."""
    asr = WhisperAsr.load()
    yield asr
    asr.close()


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of pages go; BRIDGE_TEST_SHOTS names a folder to keep them in."""
    folder = Path(os.environ.get("BRIDGE_TEST_SHOTS") or tmp_path_factory.mktemp("shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
