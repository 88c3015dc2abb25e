"""What hears of the work of engines. The metrics are such a thing; this package does not know them."""

from typing import Protocol

from bridge.speech.api import Hypothesis, Request


class Observer(Protocol):
    """Its methods run on the event loop. They must be quick and raise nothing."""

    def began(self, engine: str, /) -> None:
        """Note that `engine` got a decode."""

    def ended(self, engine: str, request: Request, outcome: Hypothesis | BaseException, /, *, took_s: float) -> None:
        """Note that a decode is over: answered, failed or cancelled (CancelledError)."""

    def retried(self, engine: str, /) -> None:
        """Note that a decode which `engine` failed at is tried again, on any engine."""

    def up(self, engine: str, up: bool, /) -> None:
        """Note that `engine` is up again, or that it is down."""

    def left(self, engine: str, /) -> None:
        """Note that `engine` is none any more."""


class Nobody:
    """An `Observer` that ignores everything."""

    def began(self, engine: str, /) -> None: ...
    def ended(
        self, engine: str, request: Request, outcome: Hypothesis | BaseException, /, *, took_s: float
    ) -> None: ...
    def retried(self, engine: str, /) -> None: ...
    def up(self, engine: str, up: bool, /) -> None: ...
    def left(self, engine: str, /) -> None: ...
