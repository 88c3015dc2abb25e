"""Answers to whom is kept out: an HTTP status, what the peer is told, and what the log and the metrics are told."""

from json import dumps

from aiohttp import web

from bridge.admission.refusals import Why


class Refusal(web.HTTPException):
    """Base of the refusals; never raised itself."""

    def __init__(self, why: Why, text: str, *, detail: str = "", json: bool = False) -> None:
        """`text` is for the peer, in a JSON object where it expects one; `detail` for the log, where it differs."""
        if json:
            super().__init__(text=dumps({"error": text}), content_type="application/json")
        else:
            super().__init__(text=f"{text}\n")
        self.why, self.detail = why, detail or text


class Malformed(Refusal, web.HTTPBadRequest):
    """What it sent is not what it says it is."""


class InParts(Malformed):
    """A form in parts, with files perhaps: more than we read of a stranger."""


class Unauthorized(Refusal, web.HTTPUnauthorized):
    """It did not show the token."""


class Forbidden(Refusal, web.HTTPForbidden):
    """It may not come in, whatever it shows."""


class TooSlow(Refusal, web.HTTPRequestTimeout):
    """Its request did not come in time."""


class WrongHost(Refusal, web.HTTPMisdirectedRequest):
    """It asked for a server of another name."""
