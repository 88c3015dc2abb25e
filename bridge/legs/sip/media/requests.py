"""Takes the SDP out of requests whose body is made of several parts, before the stack reads it."""

import ctypes
import logging

from bridge.legs.sip.media.libre import MESSAGE, Libre, pointer
from bridge.legs.sip.media.multipart import sdp_of

log = logging.getLogger(__name__)


class Unwrapper:
    """Sees each request on the stack's thread."""

    def __init__(self, libre: Libre) -> None:
        self._libre = libre
        self._handler = MESSAGE(self._see)  # the stack keeps a pointer to it

    def install(self) -> None:
        """Begin. To be called on the stack's thread.

        Raises:
            OtherStack: this stack is not known.
        """
        self._libre.listen(pointer(self._handler))

    def _see(self, message: int, _: int) -> bool:
        try:
            buffer = self._libre.body(message)
            size = buffer.end - buffer.pos
            if size > 0 and (sdp := sdp_of(ctypes.string_at(int(buffer.buf or 0) + buffer.pos, size))):
                # It is put at the end of the body, never longer than that: what follows a body in a TCP connection is
                # the next message, so the end must stay where it is.
                buffer.pos = buffer.end - len(sdp)
                ctypes.memmove(int(buffer.buf or 0) + buffer.pos, sdp, len(sdp))
        except Exception:
            log.exception("a request's body is left as it is")  # an exception must not reach C
        return False
