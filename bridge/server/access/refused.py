"""Answers to whom is kept out: an HTTP status, what the peer is told, and what the log and the metrics are told."""

from json import dumps

from aiohttp import web

from bridge.call.refusals import Why


class Refused(web.HTTPException):
    """Base of the refusals; never raised itself."""

    def __init__(self, why: Why, text: str, *, detail: str = "", json: bool = False) -> None:
        """`text` is for the peer, in a JSON object where it expects one; `detail` for the log, where it differs."""
        if json:
            super().__init__(text=dumps({"error": text}), content_type="application/json")
        else:
            super().__init__(text=f"{text}\n")
        self.why, self.detail = why, detail or text


class Malformed(Refused, web.HTTPBadRequest):
    """What it sent is not what it says it is."""


class InParts(Malformed):
    """A form in parts, with files perhaps: more than we read of a stranger."""


class Unauthorized(Refused, web.HTTPUnauthorized):
    """It did not show the token."""


class Forbidden(Refused, web.HTTPForbidden):
    """It may not come in, whatever it shows."""


class TooSlow(Refused, web.HTTPRequestTimeout):
    """Its request did not come in time."""


class WrongHost(Refused, web.HTTPMisdirectedRequest):
    """It asked for a server of another name."""
