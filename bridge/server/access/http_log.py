"""What aiohttp has to say of requests: faults of ours as they are, faults of strangers as refusals."""

import logging
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bridge.admission.refusals import Refusals, Why

_DOOR: Final = "port"


class HttpLog(logging.LoggerAdapter[logging.Logger]):
    """The logger of the HTTP server. Each stranger that speaks no HTTP would be a traceback in the log otherwise."""

    def __init__(self, logger: logging.Logger, refusals: Refusals) -> None:
        super().__init__(logger)
        self._refusals = refusals

    def exception(self, msg: object, *args: object, exc_info: object = True, **more: object) -> None:
        """Log an exception; one that the peer is to blame for is noted in a line, one that it left not at all."""
        match exc_info:
            case HttpProcessingError() | web.RequestPayloadError():
                detail = " ".join(f"no sound HTTP: {exc_info}".split())
                self._refusals.note(_DOOR, Why.MALFORMED, peer=str(args[0]) if args else "", detail=detail)
            case ConnectionError():
                self.logger.debug("%s: %s", msg, exc_info)
            case BaseException():
                self.logger.error(msg, *args, exc_info=exc_info)
            case _:
                self.logger.exception(msg, *args)
