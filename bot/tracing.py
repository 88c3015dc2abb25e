"""Spans of what a bot waits for. They go where the bridge traces calls to; without that they cost nothing."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Final, Protocol
from urllib.parse import urlsplit

Value = str | int | float | bool | tuple[str, ...]
"""What an attribute may be."""


class Span:
    """One wait, under way. This one is noted by nobody."""

    traceparent: str = ""
    """Names this span to whoever is asked, as the HTTP header of that name (W3C Trace Context); "" without tracing."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What a request carries to be seen as a part of this span."""
        return {"traceparent": self.traceparent} if self.traceparent else {}

    def set(self, name: str, value: Value) -> None:
        """Note an attribute; the last value counts."""


class Tracer(Protocol):
    """Notes the spans of one call."""

    def span(self, name: str, attributes: Mapping[str, Value], /) -> AbstractContextManager[Span]:
        """Return a span; one with a `server.address` is a request to it. An exception that leaves it is noted."""


tracer: Final[ContextVar[Tracer | None]] = ContextVar("tracer", default=None)
"""Notes the spans of the call for which the current task works."""

_UNTRACED: Final = Span()


@contextmanager
def span(name: str, attributes: Mapping[str, Value]) -> Iterator[Span]:
    """Note what is enclosed as a span of the call for which the current task works.

    `name` is that of few: no numbers, no ids. `attributes` hold nothing that a caller said.
    """
    noting = tracer.get()
    if noting is None:
        yield _UNTRACED
        return
    with noting.span(name, attributes) as noted:
        yield noted


def server_of(url: str) -> Mapping[str, Value]:
    """Return the attributes that name the server of `url`: nothing of its path, which may hold a secret.

    Of what is no URL there are none: whoever asks there says what is wrong with it.
    """
    try:
        parts = urlsplit(url)
        return {"server.address": parts.hostname or "", **({"server.port": parts.port} if parts.port else {})}
    except ValueError:
        return {}
