"""Who is told what engines do: the metrics, without this package knowing them."""

from typing import Protocol

from bridge.speech.api import Hypothesis, Request


class Observer(Protocol):
    """Is called on the event loop; be quick and raise nothing."""

    def began(self, engine: str, /) -> None:
        """`engine` was given a decode."""

    def ended(self, engine: str, request: Request, outcome: Hypothesis | BaseException, /, *, took_s: float) -> None:
        """A decode that began is over: answered, failed or cancelled (CancelledError)."""

    def retried(self, engine: str, /) -> None:
        """What `engine` failed at is tried again, elsewhere or there."""

    def up(self, engine: str, up: bool, /) -> None:
        """`engine` went down or is back."""


class Nobody:
    """An `Observer` that does not care."""

    def began(self, engine: str, /) -> None: ...
    def ended(
        self, engine: str, request: Request, outcome: Hypothesis | BaseException, /, *, took_s: float
    ) -> None: ...
    def retried(self, engine: str, /) -> None: ...
    def up(self, engine: str, up: bool, /) -> None: ...
