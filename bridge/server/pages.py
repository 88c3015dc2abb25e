"""The browser pages: a few files, read once and served by name, so that no request reaches the disk."""

import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Final

from aiohttp import ETag, hdrs, web

_TYPES: Final[Mapping[str, str]] = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; media-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final[Mapping[str, str]] = {
    hdrs.CACHE_CONTROL: "no-cache",  # keep it, but ask: a page and scripts of two versions do not fit together
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Pages:
    """The files of `bridge/server/web`."""

    def __init__(self) -> None:
        folder = resources.files("bridge.server") / "web"
        self._files = {file.name: file.read_bytes() for file in folder.iterdir() if _type(file.name)}
        self._tags = {name: hashlib.sha256(body).hexdigest()[:32] for name, body in self._files.items()}

    async def front(self, request: web.Request) -> web.Response:
        """Serve the page for callers."""
        return self._serve(request, "index.html")

    async def dashboard(self, request: web.Request) -> web.Response:
        """Serve the page for operators. It holds nothing of any call: that it asks for, with the token."""
        return self._serve(request, "dashboard.html")

    async def file(self, request: web.Request) -> web.Response:
        """Serve the file that the route calls `name`.

        Raises:
            web.HTTPNotFound: there is no such file.
        """
        return self._serve(request, request.match_info["name"])

    def _serve(self, request: web.Request, name: str) -> web.Response:
        if name not in self._files:
            raise web.HTTPNotFound(headers=_HEADERS)
        tag = self._tags[name]
        if any(known.value in {tag, "*"} for known in request.if_none_match or ()):
            response = web.Response(status=304, headers=_HEADERS)
        else:
            body, kind = self._files[name], _type(name)
            response = web.Response(body=body, content_type=kind, charset="utf-8", headers=_HEADERS)
        response.etag = ETag(tag)
        return response


def _type(name: str) -> str:
    """Return the media type of the file `name`; "" if a page has no such files."""
    return next((kind for suffix, kind in _TYPES.items() if name.endswith(suffix)), "")
