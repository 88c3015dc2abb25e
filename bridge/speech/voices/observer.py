"""What hears of the work of voice servers. The metrics are such a thing; this package does not know them."""

from typing import Protocol


class ServerObserver(Protocol):
    """Its methods run on the event loop. They must be quick and raise nothing."""

    def server_failed(self, server: str, reason: str, /) -> None:
        """Note that `server`, an address, failed at a sentence or its rest. `reason`: the class of the error."""


class Unheard:
    """A `ServerObserver` that ignores everything."""

    def server_failed(self, server: str, reason: str, /) -> None: ...
