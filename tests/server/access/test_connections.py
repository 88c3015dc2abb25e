"""How many connections there may be, and how long each may take; in virtual time, with no socket."""

import asyncio
from collections.abc import Awaitable, Callable

import virtual
from fakes import FakeClock

from bridge.admission.refusals import Refusals
from bridge.metrics import Metrics
from bridge.server.access.connections import HEAD_S, Connections, Guard


class Pipe(asyncio.Transport):
    """What a connection writes to, and whether it is still there."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self._state = {"closed": False, "aborted": False}

    def closed(self) -> bool:
        return self._state["closed"]

    def aborted(self) -> bool:
        return self._state["aborted"]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self._state["closed"] = True

    def abort(self) -> None:
        self._state["aborted"] = True


class Http(asyncio.Protocol):
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.received, self.lost = b"", False

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


class Port:
    """The connections of one port, limited."""

    def __init__(self, *, limit: int = 3, per_address: int = 3) -> None:
        self.metrics = Metrics()
        refusals = Refusals(self.metrics.kept_out, clock=FakeClock())
        self.connections = Connections(refusals, limit=limit, per_address=per_address)
        self.https: list[Http] = []

    def connect(self, address: str = "192.0.2.1") -> tuple[Guard, Pipe] | None:
        release = self.connections.admit(address)
        if release is None:
            return None
        self.https.append(Http())
        guard, pipe = self.connections.guarded(self.https[-1], address, release), Pipe()
        guard.connection_made(pipe)
        return guard, pipe

    def open(self, address: str = "192.0.2.1") -> tuple[Guard, Pipe]:
        connection = self.connect(address)
        assert connection, "refused"
        return connection

    def refused(self, reason: str) -> int:
        name = f'bridge_refused_total{{door="port",reason="{reason}"}} '
        lines = self.metrics.text().decode().splitlines()
        return next((int(float(line.removeprefix(name))) for line in lines if line.startswith(name)), 0)


def play(story: Callable[[Port], Awaitable[None]], **limits: int) -> Port:
    port = Port(**limits)

    async def told() -> None:
        await story(port)

    virtual.run(told())
    return port


def test_there_are_no_more_than_the_limit_and_a_place_that_is_left_is_free_again() -> None:
    async def story(port: Port) -> None:
        first, *_ = [port.open(f"192.0.2.{number}") for number in range(3)]
        assert port.connect("192.0.2.9") is None
        first[0].connection_lost(None)
        assert port.connect("192.0.2.9")
        assert port.connect("192.0.2.9") is None

    assert play(story).refused("connections") == 2


def test_one_address_has_its_own_limit_and_of_ipv6_a_network_counts_as_one() -> None:
    async def story(port: Port) -> None:
        assert port.connect("192.0.2.1") and port.connect("192.0.2.1")
        assert port.connect("192.0.2.1") is None
        assert port.connect("::ffff:192.0.2.1") is None, "the same, written otherwise"
        assert port.connect("2001:db8::1") and port.connect("2001:db8::2")
        assert port.connect("2001:db8:0:0:ffff::3") is None
        assert port.connect("2001:db8:0:1::1") and port.connect("fe80::1%eth0") and port.connect("no address")

    assert play(story, limit=100, per_address=2).refused("connections") == 3


def test_a_place_is_given_back_once() -> None:
    async def story(port: Port) -> None:
        release = port.connections.admit("a")
        assert release
        release()
        release()
        assert port.connect() and port.connect() is None

    play(story, limit=1)


def test_a_peer_that_sends_no_whole_head_is_cut_off_and_counted() -> None:
    async def story(port: Port) -> None:
        guard, pipe = port.open()
        for _ in range(9):
            guard.data_received(b"X-a: b\r\n")
            await asyncio.sleep(HEAD_S / 10)
        assert not pipe.closed()
        await asyncio.sleep(HEAD_S / 10 + 0.5)
        assert pipe.closed() and pipe.written.startswith(b"HTTP/1.1 408 ")
        assert not pipe.aborted()
        await asyncio.sleep(2)
        assert pipe.aborted(), "it does not read either"

    assert play(story).refused("slow") == 1


def test_a_connection_that_is_opened_on_suspicion_is_closed_without_a_word() -> None:
    async def story(port: Port) -> None:
        guard, pipe = port.open()
        await asyncio.sleep(HEAD_S + 0.1)
        assert pipe.closed() and not pipe.written
        guard.connection_lost(None)
        await asyncio.sleep(5)
        assert not pipe.aborted(), "nothing is left to do"

    assert play(story).refused("slow") == 0


def test_a_call_lasts_as_long_as_it_lasts_and_its_bytes_go_through() -> None:
    async def story(port: Port) -> None:
        guard, pipe = port.open()
        guard.data_received(b"GET /ws")
        with port.connections.request(pipe):
            for _ in range(100):
                guard.data_received(b"audio")
                await asyncio.sleep(HEAD_S)
            assert not pipe.closed()
        guard.connection_lost(None)

    port = play(story)
    assert port.https[0].received == b"GET /ws" + b"audio" * 100 and port.https[0].lost


def test_between_two_requests_a_peer_may_wait_and_has_the_same_time_for_the_next() -> None:
    async def story(port: Port) -> None:
        guard, pipe = port.open()
        guard.data_received(b"GET / HTTP/1.1\r\n\r\n")
        with port.connections.request(pipe):
            pass
        await asyncio.sleep(100 * HEAD_S)
        assert not pipe.closed()
        guard.data_received(b"GE")
        await asyncio.sleep(HEAD_S + 0.1)
        assert pipe.closed()

    assert play(story).refused("slow") == 1


def test_where_all_places_are_taken_the_oldest_that_waits_for_its_peer_gives_way() -> None:
    async def story(port: Port) -> None:
        places = [port.open(f"192.0.2.{number}") for number in range(3)]
        for guard, pipe in places[1:]:
            guard.data_received(b"GET / HTTP/1.1\r\n\r\n")
            with port.connections.request(pipe):
                assert port.connect("192.0.2.9") is None, "nobody is idle"
                break
        assert port.connect("192.0.2.9")
        assert [pipe.aborted() for _, pipe in places] == [False, True, False]

    play(story)


def test_an_idle_connection_of_another_address_does_not_give_way_to_one_that_has_too_many() -> None:
    async def story(port: Port) -> None:
        guard, pipe = port.open("192.0.2.1")
        guard.data_received(b"x")
        with port.connections.request(pipe):
            pass
        port.open("192.0.2.2")
        assert port.connect("192.0.2.2") is None
        assert not pipe.aborted()
        assert port.connect("192.0.2.1") and pipe.aborted()

    play(story, limit=10, per_address=1)


def test_a_request_of_a_connection_that_nobody_guards_is_let_be() -> None:
    port = Port()
    with port.connections.request(None), port.connections.request(Pipe()):
        pass
