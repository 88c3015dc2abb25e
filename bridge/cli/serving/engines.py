"""The engines that all workers of a server share: `python -m bridge.cli.serving.engines DESCRIPTOR`."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from bridge import logs
from bridge.cli.serving.worker import birth_of, run
from bridge.server.plugin_loading import load_recogniser
from bridge.server.siblings.supervision import open_line
from bridge.settings import Settings
from bridge.speech.backends.shared.host import EngineHost


def main(descriptor: int) -> int:
    """Answer workers until SIGTERM, or until the supervisor at `descriptor` is gone. Return the exit code."""
    birth = birth_of(descriptor)
    return run(lambda: _serve(descriptor, birth))


async def _serve(descriptor: int, birth: dict[str, Any]) -> None:
    options: Settings = birth["settings"]
    path: Path = birth["path_of_engines"]
    logs.setup(options.log_level, json=options.log_json)
    line, over = await open_line(descriptor), asyncio.Event()
    recogniser = await asyncio.to_thread(load_recogniser, options)
    try:
        async with EngineHost(recogniser, path):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, over.set)
            living = asyncio.create_task(line.live())
            obeying = asyncio.create_task(line.obey(siblings=lambda _: None, give_way=lambda: None))
            obeying.add_done_callback(lambda _: over.set())
            line.ready(recogniser.name)
            await over.wait()
            living.cancel()
            obeying.cancel()
    finally:
        await asyncio.to_thread(recogniser.close)


if __name__ == "__main__":
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # vLLM counts by prometheus_client, too, and not for us
    raise SystemExit(main(int(sys.argv[1])))
