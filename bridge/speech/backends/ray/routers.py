"""The routers of this process, by application. Ray makes them and gives them to nobody, and the client has to know how
many replicas there are.
"""

from collections.abc import Mapping
from typing import Final, Protocol
from weakref import WeakValueDictionary


class Router(Protocol):
    """What of a router counts here."""

    @property
    def curr_replicas(self) -> Mapping[object, object]: ...
    def told(self, replica: str, in_hand: int) -> None: ...


KNOWN: Final[WeakValueDictionary[str, Router]] = WeakValueDictionary()


def told(app: str, replica: str, in_hand: int) -> None:
    """Pass on what `replica` said that it has in hand."""
    if router := KNOWN.get(app):
        router.told(replica, in_hand)


def replicas(app: str) -> int:
    """Return how many replicas of `app` this process may ask now."""
    router = KNOWN.get(app)
    return len(router.curr_replicas) if router else 0
