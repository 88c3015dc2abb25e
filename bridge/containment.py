"""What a plug-in may raise in a task without taking the server along, and how a task of ours is ended."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class PluginEnded(RuntimeError):
    """A plug-in raised what would end more than its call, e.g. SystemExit; the cause says what."""


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Make an ordinary error of what `what` raises beside: SystemExit, KeyboardInterrupt, CancelledError of its own.

    asyncio lets the first two through to whoever runs the loop. A cancellation that somebody asked for passes.
    """
    try:
        yield
    except Exception:
        raise
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        raise PluginEnded(f"{what} raised {error!r}") from error
    except BaseException as error:
        raise PluginEnded(f"{what} raised {error!r}") from error


async def cancelled(task: asyncio.Task[None] | None) -> None:
    """Cancel `task`, where there is one, and wait for its end.

    Raises:
        whatever it has raised.
    """
    if task:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
