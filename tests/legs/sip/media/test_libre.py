"""The stack's own functions, called as the SIP process calls them, on a socket and a message of their own."""

import ctypes
from collections.abc import Iterator
from ctypes import c_int, c_void_p
from importlib.util import find_spec

import pytest

from bridge.legs.sip.media.libre import RECEIVED, Libre, OtherStack, pointer

pytestmark = pytest.mark.skipif(find_spec("baresip") is None, reason="the extra sip is not installed")

_SEND = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)


@pytest.fixture(scope="module")
def libre() -> Libre:
    from baresip import _native

    return Libre(_native.__file__)


@pytest.fixture
def udp(libre: Libre) -> Iterator[int]:
    """A UDP socket of the stack that is none of the system's."""
    made, send = c_void_p(), _SEND(lambda *_: 0)
    libre.udp_alloc_sockless.argtypes = [c_void_p] * 4
    assert libre.udp_alloc_sockless(ctypes.byref(made), pointer(send), None, None) == 0
    yield int(made.value or 0)
    libre.mem_deref(made)


@pytest.mark.parametrize("address", [("203.0.113.9", 4711), ("2001:db8::1", 1)])
def test_an_address_is_read_as_it_was_written(libre: Libre, address: tuple[str, int]) -> None:
    assert libre.address(ctypes.addressof(libre.new_address(address))) == address


@pytest.mark.parametrize("address", [("0.0.0.0", 5), ("192.0.2.1", 0), ("::", 5)])
def test_what_nobody_can_send_to_is_no_address(libre: Libre, address: tuple[str, int]) -> None:
    assert libre.address(ctypes.addressof(libre.new_address(address))) is None


def test_a_name_is_no_address(libre: Libre) -> None:
    with pytest.raises(ValueError, match="pbx"):
        libre.new_address(("pbx", 5))


def test_packets_are_seen_until_the_watch_is_taken_back_and_again_after(libre: Libre, udp: int) -> None:
    seen: list[object] = []

    def see(source: int, _: int, argument: int) -> bool:
        seen.append((libre.address(source), argument))
        return False

    received, source = RECEIVED(see), libre.new_address(("1.2.3.4", 5))
    libre.udp_recv_packet.argtypes, libre.udp_recv_packet.restype = [c_void_p] * 3, None

    def come() -> None:
        packet = libre.mbuf_alloc(20)
        libre.udp_recv_packet(udp, ctypes.addressof(source), packet)
        libre.mem_deref(packet)

    watch = libre.watch(udp, pointer(received), 77)
    come()
    libre.set_watch(watch, None)
    come()
    libre.set_watch(watch, pointer(received))
    come()
    assert seen == [(("1.2.3.4", 5), 77)] * 2


def test_the_body_of_a_message_is_found(libre: Libre) -> None:
    text = b"INVITE sip:a@b SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"
    buffer, message = libre.mbuf_alloc(len(text)), c_void_p()
    libre.mbuf_write_mem(buffer, text, len(text))
    ctypes.c_size_t.from_address(buffer + 16).value = 0  # to its begin
    assert libre.sip_msg_decode(ctypes.byref(message), buffer) == 0
    body = libre.body(int(message.value or 0))
    assert ctypes.string_at(int(body.buf or 0) + body.pos, body.end - body.pos) == b"body"
    libre.mem_deref(message)
    libre.mem_deref(buffer)


def test_a_library_without_these_functions_is_refused() -> None:
    import _ctypes

    with pytest.raises(OtherStack, match="has no"):
        Libre(_ctypes.__file__)
