"""Calls, live and past: found, shown, heard, spoken into, transferred, ended, deleted."""

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from aiohttp import web

from bridge.admission.refusals import Why
from bridge.outbound.call_request import is_allowed
from bridge.outbound.leg import PlacedCall, Status
from bridge.recording.recordings import roots
from bridge.records.entries import EntryKind
from bridge.records.events.live import LiveCall, NotOnTheLine
from bridge.server.access.refused import Forbidden
from bridge.server.api.answers import (
    BadQuestion,
    NoSuchCall,
    NotNow,
    answering,
    flag,
    moment,
    named,
    only,
    shown,
    text_field,
    whole,
)
from bridge.server.api.archive import CallArchive, CallFound, Page
from bridge.server.api.calls import DIALLER, told
from bridge.server.app_keys import CALL_LOG, SETTINGS
from bridge.settings.route import normal
from bridge.settings.tokens import Scope

_TEXTS: Final = ("text", "phone", "wire", "route", "ended_by", "fault", "before")
_MOST: Final = 500
_USUAL: Final = 50
_TEXT_CHARS: Final = 2000
_TARGET_CHARS: Final = 200
_SOUND: Final = {".wav": "audio/wav", ".ogg": "audio/ogg", ".opus": "audio/ogg"}
_NONE: Final = "no such call, or its record was deleted"


def routes() -> list[web.RouteDef]:
    """Return the routes of who supervises."""
    return [
        web.get("/calls", answering(_list)),
        web.get("/calls/{id}", answering(_show)),
        web.delete("/calls/{id}", answering(_end)),
        web.post("/calls/{id}/say", answering(_say)),
        web.post("/calls/{id}/transfer", answering(_transfer)),
        web.get("/calls/{id}/recording", answering(_recording)),
    ]


async def _list(request: web.Request) -> web.Response:
    only(request, (*_TEXTS, "since", "until", "live", "limit"))
    archive = CallArchive(request.app[CALL_LOG])
    limit = whole(request, "limit", usual=_USUAL, most=_MOST)
    wanted = {name: request.query[name] for name in _TEXTS if request.query.get(name)}
    since, until = moment(request, "since"), moment(request, "until")
    if flag(request, "live"):
        if wanted or since is not None or until is not None:
            raise BadQuestion("parameter live: goes with no other filter; live calls are few, and all of them come")
        page = archive.on_the_line()
    else:
        page = await archive.calls(wanted, since=since, until=until, limit=limit)
    return web.json_response(_page(page))


def _page(page: Page) -> dict[str, object]:
    return {"calls": [call.told() for call in page.calls], "before": page.before or None}


async def _show(request: web.Request) -> web.Response:
    """Tell the state of a call that was ordered, and the record of any that has one."""
    only(request, ())
    name = named(request)
    archive, placed = CallArchive(request.app[CALL_LOG]), request.app[DIALLER].get(name)
    found = await archive.call(name)
    record = found and found.told(await archive.entries(found.record))
    if placed:
        return web.json_response({**told(placed), "record": record})
    if not found:
        raise NoSuchCall(_NONE)
    return web.json_response({**_state(found), "record": record})


def _state(found: CallFound) -> dict[str, object]:
    """Return of a call that was not ordered here what is told of those that were."""
    over = found.row["ended_at"] is not None
    status: str = Status.ANSWERED if found.live else Status.ENDED if over else "unknown"
    names = {"call_id": "call_id", "to": "callee", "wire": "wire", "reason": "reason"}
    return {**{name: found.row[column] for name, column in names.items()}, "status": status}


async def _end(request: web.Request) -> web.Response:
    """End a call that is on or rings; with `record=true` delete the record of one that is over."""
    only(request, ("record",))
    name, log = named(request), request.app[CALL_LOG]
    live, placed = log.live.get(name), request.app[DIALLER].get(name)
    if flag(request, "record"):
        return await _delete(request, live)
    if live and not live.over:
        _operate(lambda: live.end(by=shown(request).name))
        return web.json_response({"record": live.record, "status": "ending"}, status=202)
    if placed and placed.status in {Status.QUEUED, Status.RINGING}:
        return _give_up(request, placed)
    if live or placed or await CallArchive(log).call(name):
        raise NotNow("the call is not on a line of this server; ?record=true deletes the record of one that is over")
    raise NoSuchCall(_NONE)


def _give_up(request: web.Request, placed: PlacedCall) -> web.Response:
    request.app[DIALLER].hang_up(placed.call_id, "an operator took the call back")
    return web.json_response({"call_id": placed.call_id, "status": "ending"}, status=202)


async def _delete(request: web.Request, live: LiveCall | None) -> web.Response:
    shown(request).check(Scope.ADMIN)
    if live and not live.over:
        raise NotNow("the call is on: end it first")
    archive = CallArchive(request.app[CALL_LOG])
    found = await archive.call(named(request))
    if not found:
        raise NoSuchCall(_NONE)
    return web.json_response({"deleted": list(await archive.erase(found.record))})


async def _say(request: web.Request) -> web.Response:
    text = await text_field(request, "text", most=_TEXT_CHARS)
    live = _live(request)
    _operate(lambda: live.say(text, by=shown(request).name))
    return web.json_response({"record": live.record, "status": "saying"}, status=202)


async def _transfer(request: web.Request) -> web.Response:
    target = await text_field(request, "target", most=_TARGET_CHARS)
    live = _live(request)
    if not target.isprintable():
        raise BadQuestion(f"field target: got {target!r}; must be a number or an address on one line")
    if not is_allowed(normal(target), request.app[SETTINGS].dial_allow):  # it costs what a call would
        why = f"field target: {target} may not be called; --dial-allow says who may"
        raise Forbidden(Why.NUMBER, why, json=True)
    _operate(lambda: live.transfer(target, by=shown(request).name))
    return web.json_response({"record": live.record, "status": "transferring"}, status=202)


def _live(request: web.Request) -> LiveCall:
    live = request.app[CALL_LOG].live.get(named(request))
    if live is None:
        raise NoSuchCall("no such call on a line of this server")
    return live


def _operate(what: Callable[[], None]) -> None:
    try:
        what()
    except NotOnTheLine as error:
        raise NotNow(str(error)) from None


async def _recording(request: web.Request) -> web.StreamResponse:
    """Serve the sound of a call, where it is a file of this machine below a folder of recordings."""
    only(request, ())
    archive = CallArchive(request.app[CALL_LOG])
    found = await archive.call(named(request))
    if not found:
        raise NoSuchCall(_NONE)
    noted = [entry for entry in await archive.entries(found.record) if entry.kind is EntryKind.RECORDING]
    if not noted:
        raise NoSuchCall("there is no recording of this call")
    name = str(noted[-1].data.get("path") or _local(str(noted[-1].data.get("url") or "")))
    folders = roots(request.app[SETTINGS])
    path = next((file for folder in folders if (file := _below(folder, name))), None)
    if path is None:
        raise NoSuchCall("the recording of this call is not on this machine, or was deleted")
    kind = _SOUND.get(path.suffix.lower(), "application/octet-stream")
    return web.FileResponse(path, headers={"Content-Type": kind, "X-Content-Type-Options": "nosniff"})


def _local(url: str) -> str:
    parts = urlsplit(url)
    return unquote(parts.path) if parts.scheme == "file" else ""


def _below(folder: Path, name: str) -> Path | None:
    """Return the file `name`, where it is one and lies below `folder`, links and dots followed."""
    if not name or "\0" in name:
        return None
    path = (folder / name).resolve()
    return path if path.is_file() and path.is_relative_to(folder.resolve()) else None
