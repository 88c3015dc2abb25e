"""What a plug-in may raise in a task without taking the server along; how work beside the server begins and ends."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

log = logging.getLogger(__name__)


class PluginEnded(RuntimeError):
    """A plug-in raised what would end more than its call, e.g. SystemExit; the cause says what."""


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Make an ordinary error of what `what` raises beside: SystemExit, KeyboardInterrupt, CancelledError of its own.

    asyncio lets the first two through to whoever runs the loop. A cancellation that somebody asked for passes.
    """
    try:
        yield
    except Exception:  # an ordinary error passes as it is; what follows is for the others
        raise
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        raise PluginEnded(f"{what} raised {error!r}") from error
    except BaseException as error:  # SystemExit, KeyboardInterrupt, or a class of the plug-in's own
        raise PluginEnded(f"{what} raised {error!r}") from error


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None], what: str) -> AsyncIterator[None]:
    """Have `work` done inside the `async with`, and end it there; `what` and the rest as for `begun`."""
    task = begun(work, what)
    try:
        yield
    finally:
        await cancelled(task)


def begun(work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
    """Return the task that does `work`, which nobody waits for. A fault of it is logged when it happens, once.

    `what`: a name for the log, e.g. "the deletion of old calls".
    """
    task = asyncio.create_task(work, name=what)
    task.add_done_callback(_tell)
    return task


async def cancelled(*tasks: asyncio.Future[Any] | None) -> None:
    """Cancel those of `tasks` that there are, and wait for their ends, whatever these are."""
    known = [task for task in tasks if task]
    for task in known:
        task.cancel()
    await asyncio.gather(*known, return_exceptions=True)


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()):
        log.error("%s has ended by a fault of ours", task.get_name(), exc_info=fault)
