"""One of the workers of `bridge serve --workers N`: `python -m bridge.cli.serving.worker DESCRIPTOR`."""

import asyncio
import os
import pickle
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from bridge import settings
from bridge.cli.serve import FAILURES
from bridge.logs import masked
from bridge.server.lifecycle.run import serve_as_worker
from bridge.server.lifecycle.signals import keep_exit_code
from bridge.server.resources import Resources
from bridge.server.siblings.supervision import open_line
from bridge.server.siblings.worker import ServingWorker


def main(descriptor: int) -> int:
    """Serve with what the supervisor says on the socket `descriptor`. Return the exit code."""
    birth = birth_of(descriptor)
    worker = ServingWorker(
        **birth["worker"], sockets=_bound(birth["sockets"]), audiosocket=_bound(birth["audiosocket"])
    )
    return run(lambda: _serve(worker, descriptor, birth))


def run(serve: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Do what `serve` returns. Return the exit code; what keeps it from its work goes to standard error."""
    told: tuple[type[Exception], ...] = (OSError, ValueError, *FAILURES)
    try:
        asyncio.run(serve())
    except told as error:
        print(f"bridge: {masked(str(error))}", file=sys.stderr)
        codes: Mapping[type[Exception], int] = FAILURES
        return next((code for kind, code in codes.items() if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        return 130
    finally:
        keep_exit_code()
    return 0


async def _serve(worker: ServingWorker, descriptor: int, birth: Mapping[str, Any]) -> None:
    line = await open_line(descriptor)
    flags = worker.flags
    await serve_as_worker(worker, line, Resources.load, lambda now: settings.reread(now, flags), made=birth["made"])


def _bound(descriptors: Sequence[int]) -> Sequence[socket.socket]:
    sockets = [socket.socket(fileno=number) for number in descriptors]
    for one in sockets:
        one.setblocking(False)
        one.set_inheritable(False)  # what this worker starts must not keep the port open
    return sockets


def birth_of(descriptor: int) -> dict[str, Any]:
    """Return what the supervisor, our parent, says first: pickled, as it comes from nobody else; we import from where
    it does."""
    size = int.from_bytes(_exactly(descriptor, 4), "big")
    birth: dict[str, Any] = pickle.loads(_exactly(descriptor, size))
    sys.path[:] = birth["path"]
    return birth


def _exactly(descriptor: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (more := os.read(descriptor, size - len(data))):
            raise SystemExit("the supervisor is gone")
        data += more
    return data


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
