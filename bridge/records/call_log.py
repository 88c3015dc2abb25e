"""The call log of a server: where it is, what writes it, and what is thrown away when."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from bridge.containment import beside
from bridge.metrics import RecordMetrics
from bridge.recording.recordings import roots
from bridge.records.entries import Entry
from bridge.records.events.live import LiveCalls
from bridge.records.journal import Journal
from bridge.records.keeper import Keeper
from bridge.records.shelf import DatabaseFailed
from bridge.redaction.redactor import Redactor
from bridge.settings import Settings
from bridge.settings.state import state_dir
from bridge.settings.types import seconds
from telephony.events import CallStarted

if TYPE_CHECKING:
    from bridge.records.database import Database

log = logging.getLogger(__name__)

NONE: Final = "none"
_MEGABYTE: Final = 1_000_000
_EXPIRE_EVERY_S: Final = 3600.0


class NoCallLog(Exception):
    """The call log cannot be kept where the settings say. The text names the option and the fix."""


class CallLog:
    """What keeps the calls of one server."""

    def __init__(
        self,
        keep: Callable[[Entry], None],
        database: "Database | None" = None,
        *,
        redactor: Redactor | None = None,
        prices: Mapping[str, float] | None = None,
    ) -> None:
        """`keep` takes each entry of each call, of which `redactor` takes out what is not to be kept. `database`: where
        they end up, None where nowhere. `prices`: of what the engines do (bridge/records/engine_use.py)."""
        self._keep, self.database = keep, database
        self._redactor, self._prices = redactor, prices
        self.live = LiveCalls()
        """Those on the line."""

    def open(self, on_answer: Callable[[Mapping[str, int]], None] = lambda times: None) -> Journal:
        """Return the journal of a call that begins; `on_answer` gets the parts of each answer in it, kept or not."""
        return self.live.open(self._keep, on_answer=on_answer, redactor=self._redactor, prices=self._prices)


def no_call_log() -> CallLog:
    """Return one that keeps nothing but who is on the line."""
    return CallLog(lambda entry: None)


def database_url(settings: Settings) -> str:
    """Return where the call log is: the URL of a database."""
    return settings.records or f"sqlite:///{state_dir(settings) / 'calls.db'}"


def describe(settings: Settings) -> str:
    """Return where calls are kept and for how long, in words, for start-up. No password is in it."""
    if settings.records == NONE:
        return "none"
    place, at, host = database_url(settings).rpartition("@")
    where = f"{place.partition('://')[0]}://{host}" if at else host
    texts, calls = (
        f"{age} for {what}" if age != "0" else f"for ever for {what}"
        for age, what in ((settings.keep_text, "what was said"), (settings.keep_calls, "calls"))
    )
    return f"{where} ({texts}, {calls}; --records none keeps nothing)"


def facts(started: CallStarted, settings: Settings, *, wire: str, route: str, peer: str) -> Mapping[str, object]:
    """Return what is kept of the begin of a call."""
    return {
        "call_id": started.call_id,
        "wire": wire,
        "direction": started.direction,
        "caller": started.caller,
        "callee": started.callee,
        "caller_name": started.caller_name,
        "forwarded_from": started.forwarded_from,
        "stir_verstat": started.stir_verstat,
        "parameters": started.parameters,
        "peer": peer,
        "route": route,
        "bot": settings.bot,
        "voice": settings.tts,
        "recogniser": settings.asr,
        "node": socket.gethostname(),
        "version": _version(),
    }


@cache
def _version() -> str:
    return version("voice-bridge")


@asynccontextmanager
async def call_log(
    settings: Settings, metrics: RecordMetrics, *, secret: Callable[[], str] = lambda: "", expires: bool = True
) -> AsyncIterator[CallLog]:
    """Keep calls as `settings` say, inside the `async with`. `secret` returns what events are signed with now.
    `expires`: what is too old is deleted by this process.

    Raises:
        NoCallLog: they cannot be kept where the settings say. A place that nobody chose is done without.
    """
    if settings.records == NONE:
        if settings.events_url:
            raise NoCallLog("--events-url tells of what is in the call log: drop --records none")
        yield no_call_log()
        return
    async with AsyncExitStack() as stack:
        try:
            log_of_calls = await _open(settings, metrics, stack, secret, expires=expires)
        except NoCallLog as error:
            if settings.records or settings.state_dir or settings.events_url:
                raise
            log.warning("calls are not kept: %s", error)
            log_of_calls = no_call_log()
        yield log_of_calls


async def _open(
    settings: Settings, metrics: RecordMetrics, stack: AsyncExitStack, secret: Callable[[], str], *, expires: bool
) -> CallLog:
    from bridge.records.database import Database  # half a second of imports, for who keeps calls

    root = state_dir(settings)
    try:
        await asyncio.to_thread(root.mkdir, parents=True, exist_ok=True, mode=0o700)
        database = Database.at(database_url(settings))
        stack.push_async_callback(database.close)
        wake = await stack.enter_async_context(_events(database, settings, metrics, secret))
        keeper = await stack.enter_async_context(
            Keeper(
                database,
                root / "backlog",
                most_bytes=settings.records_backlog_mb * _MEGABYTE,
                on_backlog=metrics.backlog.set,
                on_lost=metrics.lost.inc,
                on_written=wake,
            )
        )
        metrics.waiting.measured_by(lambda: keeper.waiting)
    except OSError as error:
        fix = "name a folder that may be written to, or --records none"
        raise NoCallLog(f"--state-dir {root}: {error.strerror}: {fix}") from error
    except DatabaseFailed as error:
        raise NoCallLog(f"--records: {error}") from error
    if expires:
        await stack.enter_async_context(beside(_expire(database, settings), "the deletion of old calls"))
    redactor = Redactor(settings.redact, settings.redact_pattern)
    return CallLog(
        keeper.put, database, redactor=redactor, prices={str(name): price for name, price in settings.prices.items()}
    )


@asynccontextmanager
async def _events(
    database: "Database", settings: Settings, metrics: RecordMetrics, secret: Callable[[], str]
) -> AsyncIterator[Callable[[], None]]:
    """Tell the webhook of events what is written, inside the `async with`; yield what is called after each writing."""
    if not settings.events_url:
        yield lambda: None
        return
    from bridge.records.events.sender import EventsSender
    from bridge.records.events.webhook import EventsWebhook

    database.tells_events = True
    webhook = EventsWebhook(settings.events_url, secret)
    sender = EventsSender(database, webhook.post, on_told=metrics.events.inc, on_given_up=metrics.events_given_up.inc)
    async with beside(sender.run(), "the webhook of events"):
        yield sender.wake


async def _expire(database: "Database", settings: Settings) -> None:
    """Delete what is too old, now and every hour."""
    from bridge.records.deletion import expire

    while True:
        try:
            await database.migrate()
            ages = {"keep_text_s": seconds(settings.keep_text), "keep_calls_s": seconds(settings.keep_calls)}
            await expire(database, now=time.time(), recordings=roots(settings), **ages)
        except (DatabaseFailed, OSError) as error:
            log.warning("what is too old was not deleted from the call log: %s", error)
        await asyncio.sleep(_EXPIRE_EVERY_S)
