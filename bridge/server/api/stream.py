"""What happens on calls, as it happens: server-sent events (the WHATWG's HTML standard, section 9.2).

    id: RECORD:NUMBER
    event: caller
    data: {"record": "...", "number": 4, "at": "...", "kind": "caller", "text": "Hello.", "data": {...}}

Who comes back with the Last-Event-ID goes on behind it, from the database. Who reads too slowly is told and dropped.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final

from aiohttp import web

from bridge.records.entries import Entry, EntryKind
from bridge.records.events.live import Followed, TooManyFollow
from bridge.records.rendering import entry_object
from bridge.server.api.answers import LATER, NoSuchCall, answering, named, only, problem
from bridge.server.api.archive import CallArchive
from bridge.server.app_keys import CALL_LOG, SETTINGS, SIBLINGS

log = logging.getLogger(__name__)

_KEEP_ALIVE_S: Final = 15.0
"""Proxies close what is silent for a minute, and only a write shows that a reader is gone."""
_MOST_AGAIN: Final = 5000
"""Entries that are sent again to who comes back to the events of all calls."""
_OVERLAP_S: Final = 1.0
"""Calls have no order among each other: who comes back gets so much again, and knows it by its ids."""
_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
_BEGIN: Final = b"retry: 3000\n\n"
_STILL_HERE: Final = b": still here\n\n"


def routes() -> list[web.RouteDef]:
    """Return the routes of the events of one call and of all."""
    return [
        web.get("/calls/{id}/events", answering(_of_call), allow_head=False),
        web.get("/events", answering(_of_all), allow_head=False),
    ]


async def _of_call(request: web.Request) -> web.StreamResponse:
    only(request, ())
    calls = request.app[CALL_LOG]
    archive = CallArchive(calls)
    found = await archive.call(named(request))
    if not found:
        raise NoSuchCall("no such call, or its record was deleted")
    record, number = _last(request)
    after = number if record == found.record else 0
    try:
        with calls.live.follow(found.record) as follower:
            past = await archive.entries(found.record, after=after)
            if not past and found.row["ended_at"] is not None:
                return web.Response(status=204)  # all was told: by this a browser knows not to come back
            live = follower if found.live else None
            return await _send(request, _one(past, live, after))
    except TooManyFollow as error:
        return problem(503, str(error), LATER)


async def _of_all(request: web.Request) -> web.StreamResponse:
    only(request, ())
    calls = request.app[CALL_LOG]
    try:
        with calls.live.follow() as follower:
            async with request.app[SIBLINGS].entries(follower.put):
                past = await _missed(CallArchive(calls), *_last(request))
                return await _send(request, _every(past, follower))
    except TooManyFollow as error:
        return problem(503, str(error), LATER)


def _last(request: web.Request) -> tuple[str, int]:
    """Return record and number of the entry that the reader had last; "" and 0 where it had none."""
    record, _, number = request.headers.get("Last-Event-ID", "").partition(":")
    known = record.isalnum() and number.isascii() and number.isdigit() and len(number) < 10
    return (record, int(number)) if known else ("", 0)


async def _missed(archive: CallArchive, record: str, number: int) -> list[bytes | Entry]:
    """Return what a reader missed who had that entry last; where that cannot be told it begins with a gap."""
    if not record:
        return []
    had = await archive.entries(record, after=number - 1)
    if not had or had[0].number != number:
        return [_notice("gap", "the entry that you had last is not kept: see GET /calls")]
    missed = await archive.since(had[0].at - _OVERLAP_S, most=_MOST_AGAIN + 1)
    new = [entry for entry in missed if entry.record != record or entry.number > number]
    if len(missed) > _MOST_AGAIN:
        return [_notice("gap", f"more than {_MOST_AGAIN} entries were missed: see GET /calls")]
    return list(new)


async def _one(past: Sequence[Entry], follower: Followed | None, after: int) -> AsyncIterator[bytes]:
    """Yield the events of one call up to its end, or up to now where it is on the line of another server."""
    for entry in past:
        after = entry.number
        yield _event(entry)
        if entry.kind is EntryKind.ENDED:
            return
    if follower is None:
        return
    async with aclosing(_following(follower)) as more:
        async for item in more:
            if isinstance(item, bytes):
                yield item
            elif item.number > after:
                yield _event(item)
                if item.kind is EntryKind.ENDED:
                    return


async def _every(past: list[bytes | Entry], follower: Followed) -> AsyncIterator[bytes]:
    sent = {item.key for item in past if isinstance(item, Entry)}
    for item in past:
        yield item if isinstance(item, bytes) else _event(item)
    async with aclosing(_following(follower)) as more:
        async for item in more:
            if isinstance(item, bytes):
                yield item
            elif item.key not in sent:
                yield _event(item)


async def _following(follower: Followed) -> AsyncGenerator[bytes | Entry, None]:
    """Yield entries as they come, and comments while none does."""
    while True:
        try:
            async with asyncio.timeout(_KEEP_ALIVE_S):
                entry = await follower.next()
        except TimeoutError:
            yield _STILL_HERE
            continue
        if entry is None:
            break
        yield entry
    if follower.behind:
        yield _notice("behind", "you read too slowly, and are dropped: come back with the Last-Event-ID")


async def _send(request: web.Request, events: AsyncIterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    limit_s = request.app[SETTINGS].send_timeout
    try:
        await response.write(_BEGIN)
        async for event in events:
            async with asyncio.timeout(limit_s):
                await response.write(event)
    except TimeoutError:
        log.warning("a reader of events took nothing for %g s and is dropped", limit_s)
        if request.transport:
            request.transport.abort()
    except ConnectionError:
        pass  # it left
    return response


def _event(entry: Entry) -> bytes:
    told = {"record": entry.record, **entry_object(entry)}
    return f"id: {entry.key}\nevent: {entry.kind}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n".encode()


def _notice(event: str, why: str) -> bytes:
    return f"event: {event}\ndata: {json.dumps({'why': why})}\n\n".encode()
