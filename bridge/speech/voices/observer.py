"""What hears of the work of voice servers. The metrics are such a thing; this package does not know them."""

from typing import Protocol


class VoiceObserver(Protocol):
    """Its methods run on the event loop. They must be quick and raise nothing."""

    def failed(self, voice: str, reason: str, /) -> None:
        """Note that `voice`, a server, failed at a sentence or at the rest of one. `reason`: the class of the error."""


class Unheard:
    """A `VoiceObserver` that ignores everything."""

    def failed(self, voice: str, reason: str, /) -> None: ...
