"""vLLM's own server as a process that can be killed, and is started again as a service manager would."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import aiohttp

from bridge.settings import Settings

TEMPLATE: Final = Path(__file__).resolve().parent.parent / "config" / "qwen3_asr_chat_template.jinja"
START_S: Final = 300


class Server:
    """One server on a port of its own."""

    def __init__(self, settings: Settings) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = _command(settings, self.port)
        self._process: asyncio.subprocess.Process | None = None

    async def keep_up(self) -> None:
        """Run the server, and run it again when it ends; cancelled, take it down."""
        try:
            while True:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
                await self._process.wait()
                self.kill()  # what it started may still hold its memory
                await asyncio.sleep(0.5)
        finally:
            self.kill()
            if self._process:
                await self._process.wait()

    async def ready(self) -> None:
        """Return when it answers.

        Raises:
            TimeoutError: it does not.
        """
        async with asyncio.timeout(START_S), aiohttp.ClientSession() as client:
            while True:
                with suppress(aiohttp.ClientError):
                    async with client.get(f"{self.url}/health") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.5)

    def kill(self) -> None:
        """SIGKILL the server and all it started, as when a machine is gone."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


@asynccontextmanager
async def servers(settings: Settings, count: int) -> AsyncIterator[Sequence[Server]]:
    """`count` servers of the model that `settings` name, all of them answering."""
    running = [Server(settings) for _ in range(count)]
    async with asyncio.TaskGroup() as tasks:
        keepers = [tasks.create_task(server.keep_up()) for server in running]
        try:
            await asyncio.gather(*(server.ready() for server in running))
            yield running
        finally:
            for keeper in keepers:
                keeper.cancel()


def _command(settings: Settings, port: int) -> list[str]:
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", settings.asr_model_path]
    command += ["--host", "127.0.0.1", "--port", str(port), "--chat-template", str(TEMPLATE)]
    command += ["--max-model-len", str(settings.vllm_max_model_len), "--dtype", settings.vllm_dtype]
    command += ["--max-num-batched-tokens", str(settings.vllm_max_num_batched_tokens)]
    command += ["--scheduling-policy", "priority", "--limit-mm-per-prompt", json.dumps({"audio": 4})]
    if settings.vllm_kv_cache_mb:
        command += ["--kv-cache-memory-bytes", str(settings.vllm_kv_cache_mb << 20)]
    if settings.vllm_block_size:
        command += ["--block-size", str(settings.vllm_block_size)]
    return command if settings.vllm_cuda_graphs else [*command, "--enforce-eager"]
