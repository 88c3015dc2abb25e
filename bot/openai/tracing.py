"""The span of a model's answer, by OpenTelemetry's conventions for generative AI. What was said is not in it."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from bot.openai.chunks import Usage
from bot.openai.configuration import Endpoint
from bot.tracing import Span, server_of, span


class Asked:
    """A model that was asked."""

    def __init__(self, noted: Span) -> None:
        self._noted, self._began_s = noted, time.monotonic()
        self._first = True

    @property
    def headers(self) -> dict[str, str]:
        """What the request carries: a server that traces, as vLLM does, goes on with this trace."""
        return dict(self._noted.headers)

    def came(self) -> None:
        """A part of the answer is there."""
        if self._first:
            self._noted.set("gen_ai.response.time_to_first_chunk", round(time.monotonic() - self._began_s, 4))
        self._first = False

    def ended(self, reason: str, usage: Usage | None) -> None:
        """The answer is whole; `reason` says why it ended, "" where the server did not, and `usage` what it took."""
        if reason:
            self._noted.set("gen_ai.response.finish_reasons", (reason,))
        if usage:
            self._noted.set("gen_ai.usage.input_tokens", usage.read)
            self._noted.set("gen_ai.usage.output_tokens", usage.written)


@contextmanager
def asking(endpoint: Endpoint) -> Iterator[Asked]:
    """Note what is enclosed as a request to the model of `endpoint`."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",  # the protocol: who is behind it, only the address tells
        "gen_ai.request.model": endpoint.model,
        "gen_ai.request.stream": True,
        **server_of(endpoint.url),
    }
    with span(f"chat {endpoint.model}", attributes) as noted:
        yield Asked(noted)


def running(tool: str) -> AbstractContextManager[Span]:
    """Note what is enclosed as a run of `tool`."""
    return span(f"execute_tool {tool}", {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool})
