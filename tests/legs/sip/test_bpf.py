"""Who the kernel lets through: the program read by an interpreter of ours, and by the kernel itself."""

import ipaddress
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.legs.sip import bpf

V4 = ["10.0.0.0/8", "192.0.2.7", "0.0.0.0/32"]
V6 = ["2001:db8::/32", "::1", "fe80::/10"]


def accepts(steps: Sequence[bpf.Instruction], packet: bytes) -> bool:
    """Run a program as the kernel would on a packet that begins with its IP header."""
    at = accumulator = 0
    while True:
        code, yes, no, k = steps[at]
        at += 1
        match code:
            case 0x30:
                accumulator = packet[k - 0xFFF00000]
            case 0x20:
                accumulator = int.from_bytes(packet[k - 0xFFF00000 : k - 0xFFF00000 + 4])
            case 0x54:
                accumulator &= k
            case 0x05:
                at += k
            case 0x15:
                at += yes if accumulator == k else no
            case 0x06:
                return k > 0


def packet(source: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    if source.version == 4:
        return b"\x45" + bytes(11) + source.packed + bytes(4)
    return b"\x60" + bytes(7) + source.packed + bytes(16)


@given(st.ip_addresses() | st.sampled_from(["10.1.2.3", "192.0.2.7", "::1", "2001:db8::5", "0.0.0.0"]), st.booleans())
def test_a_packet_gets_through_exactly_when_its_source_is_in_a_network(source: object, some: bool) -> None:
    address = ipaddress.ip_address(str(source))
    allowed = bpf.networks([*V4, *V6] if some else [V4[1], V6[1]])
    inside = any(address in network for network in allowed if network.version == address.version)
    assert accepts(bpf.program(allowed), packet(address)) is inside


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_no_networks_let_nobody_through_and_all_networks_everybody(address: str) -> None:
    source = packet(ipaddress.ip_address(address))
    assert not accepts(bpf.program([]), source)
    assert accepts(bpf.program(bpf.networks(["0.0.0.0/0", "::/0"])), source)


def test_more_networks_than_the_kernel_holds_are_refused() -> None:
    with pytest.raises(ValueError, match="2000 networks"):
        bpf.program(bpf.networks(f"10.0.{i >> 8}.{i & 255}" for i in range(2000)))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is not Linux")
def test_the_kernel_lets_one_source_through_by_address_and_port_until_it_is_told_otherwise() -> None:
    with ExitStack() as stack:
        ours, caller, same_host, same_port = (
            stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(4)
        )
        ours.bind(("127.0.0.1", 0))
        ours.settimeout(5)
        caller.bind(("127.0.0.2", 0))
        same_host.bind(("127.0.0.2", 0))
        same_port.bind(("127.0.0.3", caller.getsockname()[1]))
        everybody = (same_host, same_port, caller)
        bpf.attach(ours, bpf.one_source(*caller.getsockname()))
        for source in everybody:
            source.sendto(b"1", ours.getsockname())
        assert ours.recvfrom(10)[1] == caller.getsockname()
        bpf.detach(ours)
        for source in everybody:
            source.sendto(b"2", ours.getsockname())
        assert [ours.recvfrom(10) for _ in everybody] == [(b"2", source.getsockname()) for source in everybody]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is not Linux")
def test_the_kernel_drops_what_is_not_allowed() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as ours,
        socket.socket(type=socket.SOCK_DGRAM) as stranger,
        socket.socket(type=socket.SOCK_DGRAM) as friend,
    ):
        ours.bind(("127.0.0.1", 0))
        bpf.attach(ours, bpf.program(bpf.networks(["127.0.0.2"])))
        stranger.bind(("127.0.0.3", 0))
        friend.bind(("127.0.0.2", 0))
        stranger.sendto(b"stranger", ours.getsockname())
        friend.sendto(b"friend", ours.getsockname())
        assert ours.recv(100) == b"friend"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is not Linux")
def test_a_connection_that_is_not_allowed_is_not_accepted() -> None:
    with socket.socket() as ours, socket.socket() as stranger, socket.socket() as friend:
        ours.bind(("127.0.0.1", 0))
        ours.listen()
        bpf.attach(ours, bpf.program(bpf.networks(["127.0.0.2"])))
        stranger.bind(("127.0.0.3", 0))
        stranger.setblocking(False)
        assert stranger.connect_ex(ours.getsockname())
        friend.bind(("127.0.0.2", 0))
        friend.connect(ours.getsockname())
        connection, source = ours.accept()
        connection.close()
        assert source[0] == "127.0.0.2"
