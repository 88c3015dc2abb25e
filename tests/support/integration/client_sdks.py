"""SDKs of hosted services as processes: what they call the bridge with, and what they say that it told them."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from integration.sip_peers import free_port

ROOT: Final = Path(__file__).parents[3]
PYTHON: Final = ROOT / ".venv-client-sdks" / "bin" / "python"
TWILIO_PYTHON: Final = ROOT / ".venv-twilio-realtime" / "bin" / "python"
NODE_SDKS: Final = ROOT / "build" / "node-sdks"
APPLICATIONS: Final = ROOT / "tests" / "data" / "client-sdks"
_LONGEST_S: Final = 60.0

needs_python_sdks = pytest.mark.skipif(
    not (PYTHON.parents[1] / ".client-sdks").exists(),
    reason="no SDKs for Python here: scripts/install-alone client-sdks python3 .venv-client-sdks",
)
needs_node_sdks = pytest.mark.skipif(
    not (NODE_SDKS / ".installed").exists() or shutil.which("node") is None,
    reason="no SDKs for JavaScript here: scripts/install-node-sdks build/node-sdks",
)
needs_wyoming = pytest.mark.skipif(
    not list(PYTHON.parents[1].glob("lib/python3*/site-packages/wyoming/__init__.py")),
    reason="no package wyoming here: scripts/install-alone client-sdks python3 .venv-client-sdks",
)
needs_twilio_application = pytest.mark.skipif(
    not (TWILIO_PYTHON.parents[1] / ".twilio-realtime").exists(),
    reason="no application here: scripts/install-alone twilio-realtime python3 .venv-twilio-realtime",
)


async def run(application: str, *arguments: str) -> list[dict[str, Any]]:
    """Run a file of tests/data/client-sdks; return the lines of JSON that it prints, in order."""
    interpreter = "node" if application.endswith(".mjs") else str(PYTHON)
    process = await asyncio.create_subprocess_exec(
        interpreter,
        str(APPLICATIONS / application),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_SDKS": str(NODE_SDKS), "NODE_TLS_REJECT_UNAUTHORIZED": "0", "NODE_NO_WARNINGS": "1"},
    )
    try:
        async with asyncio.timeout(_LONGEST_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, f"{out.decode()}\n{err.decode()}"
    return [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")]


@asynccontextmanager
async def application(file: str, bridge: str, key: str) -> AsyncIterator[str]:
    """Run a server of tests/data/client-sdks until the end; yield where it is."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(str(TWILIO_PYTHON), str(APPLICATIONS / file), str(port), bridge, key)
    try:
        async with asyncio.timeout(_LONGEST_S):
            while not await _answers(port):
                assert process.returncode is None, "it did not start"
                await asyncio.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def of_type(messages: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the messages of one type."""
    return [message for message in messages if message["type"] == kind]
