"""The connections of the HTTP port: how many there may be, and how long each may take to say what it wants."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Final

from bridge.admission.quotas import OwnQuotas, Quotas
from bridge.admission.refusals import Refusals, Why
from bridge.server.access.hosts import network_of

HEAD_S: Final = 10.0
"""So long a TLS handshake, and the head of a request from its first byte on, may take; a new connection in all."""
_LAST_S: Final = 1.0
_DOOR: Final = "port"
_TIMED_OUT: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Connections:
    """All that are open, by the address they came from."""

    def __init__(
        self,
        refusals: Refusals,
        *,
        limit: int,
        per_address: int,
        head_s: float = HEAD_S,
        quotas: Quotas | None = None,
    ) -> None:
        """`quotas`: where they are counted; other servers on the port may count theirs there too."""
        self._refusals, self._limit, self._per_address, self.head_s = refusals, limit, per_address, head_s
        self._quotas = quotas or OwnQuotas()
        self.unasked = 0
        """Those that have not said yet what they want."""
        self.changed: Callable[[], None] = lambda: None
        """Called after each change of `unasked`."""
        self.keeps = True
        """Whether connections stay open for a next request."""
        self._guards: dict[asyncio.BaseTransport, Guard] = {}  # oldest first

    def admit(self, address: str) -> Callable[[], None] | None:
        """Count a connection from `address`; return what takes it off again, or None where it is one too many.

        Where there are too many in all, the oldest that waits for its peer's next request gives way.
        """
        network = network_of(address)
        held = ExitStack()
        if not self._hold(held, f"connections from {network}", self._per_address, network):
            self._refuse(address, f"it has {self._per_address} connections open already")
            return None
        if not self._hold(held, "connections", self._limit):
            held.close()
            self._refuse(address, f"there are {self._limit} connections open already")
            return None
        return held.close

    def _hold(self, held: ExitStack, name: str, limit: int, network: str = "") -> bool:
        """Count a connection until `held` is closed; return False where it is one too many."""
        if give_back := self._quotas.take(name, limit):
            held.callback(give_back)
        return give_back is not None or self._make_room(network)

    def note_unasked(self, change: int) -> None:
        """Count `change` more that have not said yet what they want."""
        self.unasked += change
        self.changed()

    def guarded(
        self,
        protocol: asyncio.Protocol,
        address: str,
        release: Callable[[], None],
        *,
        seen_as: Mapping[str, object] = MappingProxyType({}),
    ) -> "Guard":
        """Return what stands before `protocol` on an admitted connection, and calls `release` at its end.

        `seen_as`: what its transport is to say of itself, where another process stands between the peer and us.
        """
        return Guard(protocol, address, release, connections=self, open_ones=self._guards, seen_as=seen_as)

    def leave_to(self, transport: asyncio.Transport, other: asyncio.Protocol) -> None:
        """Have `other` speak on a connection from now on, instead of what spoke HTTP there."""
        self._guards[transport].leave_to(other)

    def keep_none(self) -> None:
        """Close those that wait for their peer's next request, and from now on each after its answer.

        The next requests are for another server. Sockets stay open.
        """
        self.keeps = False
        for guard in [guard for guard in self._guards.values() if guard.idle]:
            guard.hang_up()

    def too_slow(self, address: str) -> None:
        """Tell of a peer that took more than `head_s` to say what it wants."""
        self._refusals.note(_DOOR, Why.SLOW, peer=address, detail=f"no whole request within {self.head_s:g} s")

    @contextmanager
    def request(self, transport: asyncio.BaseTransport | None) -> Iterator[None]:
        """Note that a request of that connection is being answered: its head is here."""
        guard = self._guards.get(transport) if transport else None
        if guard is None:
            yield
            return
        guard.answering()
        try:
            yield
        finally:
            guard.answered()

    def _make_room(self, network: str = "") -> bool:
        """Drop the oldest that waits for its peer's next request, of those from `network` where it is named."""
        for guard in self._guards.values():
            if guard.idle and network in {"", network_of(guard.address)}:
                guard.give_way()
                return True
        return False

    def _refuse(self, address: str, detail: str) -> None:
        self._refusals.note(_DOOR, Why.CONNECTIONS, peer=address, detail=detail)


class Guard(asyncio.Protocol):
    """Stands before the HTTP protocol of one connection, and drops a peer that does not get to the point."""

    def __init__(
        self,
        inner: asyncio.Protocol,
        address: str,
        release: Callable[[], None],
        *,
        connections: Connections,
        open_ones: "dict[asyncio.BaseTransport, Guard]",
        seen_as: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.address = address
        self._seen_as = seen_as
        self._left = False
        self._inner, self._release = inner, release
        self._connections, self._open_ones = connections, open_ones
        self._transport: asyncio.Transport
        self._deadline: asyncio.TimerHandle | None = None
        self._answering = False
        self._begun = False  # some of a head has come
        self._served = False
        self._unasked = False

    @property
    def idle(self) -> bool:
        """True where a request was answered and nothing has come since."""
        return self._served and not self._answering and not self._begun and not self._left

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._seen_as:  # of a plain socket, whose transport reads this in get_extra_info
            transport._extra.update(self._seen_as)  # type: ignore[attr-defined]  # noqa: SLF001
        self._open_ones[transport] = self
        self._unasked = True
        self._connections.note_unasked(1)
        self._await_head()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self._answering:
            self._begun = True
            if self._deadline is None:
                self._await_head()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.pop(self._transport, None)
        self._disarm()
        self._release()
        self._asked()
        self._inner.connection_lost(exc)

    def answering(self) -> None:
        """The head of a request is here."""
        self._asked()
        self._answering, self._begun, self._served = True, False, True
        self._disarm()

    def _asked(self) -> None:
        if self._unasked:
            self._unasked = False
            self._connections.note_unasked(-1)

    def answered(self) -> None:
        """Its answer is made."""
        self._answering = False

    def leave_to(self, other: asyncio.Protocol) -> None:
        """Have `other` speak from now on. What spoke before hears that the connection is lost."""
        before, self._inner, self._left = self._inner, other, True
        before.transport = None  # type: ignore[attr-defined]  # aiohttp's: it would close what goes on
        before.connection_lost(None)
        other.connection_made(self._transport)

    def give_way(self) -> None:
        """Close at once, in favour of another."""
        self._open_ones.pop(self._transport, None)
        self._transport.abort()

    def hang_up(self) -> None:
        """Close once all is sent."""
        self._open_ones.pop(self._transport, None)
        self._transport.close()

    def _await_head(self) -> None:
        self._deadline = asyncio.get_running_loop().call_later(self._connections.head_s, self._too_slow)

    def _disarm(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if self._begun:  # browsers open connections on suspicion, and leave them unused: no attack
            self._connections.too_slow(self.address)
            self._transport.write(_TIMED_OUT)
        self._open_ones.pop(self._transport, None)
        self._transport.close()
        self._deadline = asyncio.get_running_loop().call_later(_LAST_S, self._transport.abort)  # it may read nothing
