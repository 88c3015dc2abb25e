"""The functions of the SIP stack's C library that its Python package does not wrap: the only home of ctypes on it.

They are the library's own interface for extensions (re_udp.h, re_sdp.h, re_sip.h, baresip.h), which the package's
shared object exports. What they do not say, where a structure keeps a field, is found out when needed, and checked.
"""

import ctypes
import ipaddress
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import c_bool, c_char_p, c_int, c_size_t, c_void_p
from typing import Any, Final

from bridge.legs.sip.media.functions import FUNCTIONS
from bridge.legs.sip.media.latch import Address

SESSION: Final = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_bool, c_void_p, c_void_p, c_void_p)
"""menc_sess_h: where the session goes, the SDP session, whether we offer, three that are not used."""
MEDIA: Final = ctypes.CFUNCTYPE(c_int, *[c_void_p] * 9)
"""menc_media_h: where its state goes, session, RTP, its two sockets, two addresses of the peer, SDP media, stream."""
FREED: Final = ctypes.CFUNCTYPE(None, c_void_p)
"""mem_destroy_h: what the library is about to free."""
RECEIVED: Final = ctypes.CFUNCTYPE(c_bool, c_void_p, c_void_p, c_void_p)
"""udp_helper_recv_h: source, packet, argument. True keeps the packet from the stack."""
MESSAGE: Final = ctypes.CFUNCTYPE(c_bool, c_void_p, c_void_p)
"""sip_msg_h: message, argument. True keeps it from those behind."""

INTERFACE: Final = ctypes.CFUNCTYPE(c_bool, c_char_p, c_void_p, c_void_p)
"""net_ifaddr_h: name, address, argument. True ends the list."""

AF_INET, AF_INET6 = int(socket.AF_INET), int(socket.AF_INET6)
_LAYER: Final = 60  # above that of SRTP, which is 10
_WORD: Final = ctypes.sizeof(c_void_p)
_HELPER_WORDS: Final = 12
_MESSAGE_WORDS: Final = 200


class OtherStack(Exception):
    """The stack is not the one that this was written for; the text says what is missing."""


class Le(ctypes.Structure):
    """struct le: an element of a list."""

    _fields_ = (("prev", c_void_p), ("next", c_void_p), ("list", c_void_p), ("data", c_void_p))


class Ends(ctypes.Structure):
    """struct list."""

    _fields_ = (("head", c_void_p), ("tail", c_void_p))


class Text(ctypes.Structure):
    """struct pl: a text and its length."""

    _fields_ = (("at", c_void_p), ("length", c_size_t))


class Buffer(ctypes.Structure):
    """struct mbuf."""

    _fields_ = (("buf", c_void_p), ("size", c_size_t), ("pos", c_size_t), ("end", c_size_t))


class MediaEncryption(ctypes.Structure):
    """struct menc: what the stack asks about the media of each call."""

    _fields_ = (
        ("le", Le),
        ("id", c_char_p),
        ("protocol", c_char_p),
        ("waits", c_bool),
        ("session", c_void_p),
        ("media", c_void_p),
        ("rekey", c_void_p),
    )


class Libre:
    """The library, with the types of what is called."""

    def __init__(self, path: str) -> None:
        """`path`: the package's shared object, which is loaded already.

        Raises:
            OtherStack: a function is missing.
        """
        self._library = ctypes.CDLL(path)
        for name, result, arguments in FUNCTIONS:
            try:
                function = getattr(self._library, name)
            except AttributeError:
                raise OtherStack(f"the SIP stack has no {name}: install the release that pyproject.toml pins") from None
            function.restype, function.argtypes = result, list(arguments)
        self.address_size = int(self._library.sa_struct_get_size())
        self._silent: tuple[int, int] | None = None
        self._buffer_at: int | None = None
        self._listeners: list[c_void_p] = []  # the stack clears each when it goes

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # C knows no more
        return getattr(self._library, name)

    @contextmanager
    def on_thread(self) -> Iterator[None]:
        """Hold the stack's thread, so that another one may call it. Not to be used in what the stack calls."""
        self._library.re_thread_enter()
        try:
            yield
        finally:
            self._library.re_thread_leave()

    # ------------------------------------------------------------ addresses

    def address(self, at: int) -> Address | None:
        """Return what a struct sa holds: it begins as the system's own does. None where it holds nothing to send to."""
        raw = ctypes.string_at(at, 24)
        family, port = struct.unpack_from("=H", raw)[0], int.from_bytes(raw[2:4], "big")
        if family == AF_INET:
            host: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.IPv4Address(raw[4:8])
        elif family == AF_INET6:
            host = ipaddress.IPv6Address(raw[8:24])
        else:
            return None
        return (str(host), port) if port and not host.is_unspecified else None

    def set_address(self, at: int, address: Address) -> None:
        """Write `address` where other threads may be reading a struct sa: one of IPv4 in one piece."""
        made = self.new_address(address)
        if ":" in address[0]:
            self._library.sa_cpy(at, ctypes.addressof(made))
        else:
            ctypes.c_uint64.from_address(at).value = int.from_bytes(made.raw[:8], sys.byteorder)

    def new_address(self, address: Address) -> Any:  # noqa: ANN401  # an array of ctypes
        """Return a struct sa of `address`, to be handed over with `ctypes.addressof`."""
        made = ctypes.create_string_buffer(max(64, self.address_size))
        if self._library.sa_set_str(ctypes.addressof(made), address[0].encode(), address[1]):
            raise ValueError(f"{address[0]} is no IP address")
        return made

    def report_target(self, rtp: int) -> int:
        """Return where an RTP session keeps the address that its reports (RTCP) go to: right behind its own."""
        return int(self._library.rtp_local(rtp) or 0) + self.address_size

    # ------------------------------------------------------------ who sees the packets of a socket

    def watch(self, udp: int, received: int, argument: int) -> int:
        """Have `received`, a function pointer, called with each packet of the socket, once it is decrypted.

        Return where that pointer is kept.

        Writing there is the way to end it: a helper cannot be taken away while other threads send over the socket.

        Raises:
            OtherStack: it cannot be found.
        """
        helper = c_void_p()
        if self._library.udp_register_helper(ctypes.byref(helper), udp, _LAYER, None, received, argument):
            raise OtherStack("the SIP stack does not show its packets")
        words = (c_void_p * _HELPER_WORDS).from_address(int(helper.value or 0))
        for index in range(_HELPER_WORDS):
            if words[index] == received:
                self._know_silence(udp, index)
                return ctypes.addressof(words) + index * _WORD
        raise OtherStack("the SIP stack keeps its helpers in another way")

    def _know_silence(self, udp: int, index: int) -> None:
        if self._silent is None:  # what the library itself puts there for a helper that only sends
            helper = c_void_p()
            self._library.udp_register_helper(ctypes.byref(helper), udp, _LAYER, None, None, None)
            words = (c_void_p * _HELPER_WORDS).from_address(int(helper.value or 0))
            self._silent = (index, int(words[index] or 0))
            self._library.mem_deref(helper)
        if not self._silent[1] or self._silent[0] != index:
            raise OtherStack("the SIP stack has no helper that does nothing")

    def set_watch(self, at: int, received: int | None) -> None:
        """Put another function where `watch` said; None is one that does nothing."""
        c_void_p.from_address(at).value = received if received is not None else (self._silent or (0, 0))[1]

    # ------------------------------------------------------------ messages

    def body(self, message: int) -> Buffer:
        """Return the buffer of a SIP message, which stands at the begin of its body.

        Raises:
            OtherStack: it cannot be found.
        """
        if self._buffer_at is None:
            self._buffer_at = self._find_buffer()
        return Buffer.from_address(int(c_void_p.from_address(message + self._buffer_at).value or 0))

    def _find_buffer(self) -> int:
        """Have the library read a message, and look where the result keeps what it was read from."""
        text = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n"
        buffer, message = self._library.mbuf_alloc(len(text)), c_void_p()
        try:
            self._library.mbuf_write_mem(buffer, text, len(text))
            Buffer.from_address(buffer).pos = 0
            if self._library.sip_msg_decode(ctypes.byref(message), buffer):
                raise OtherStack("the SIP stack does not read a message")
            words = (c_void_p * _MESSAGE_WORDS).from_address(int(message.value or 0))
            for index in range(_MESSAGE_WORDS):
                if words[index] == buffer:
                    return index * _WORD
            raise OtherStack("the SIP stack keeps its messages in another way")
        finally:
            self._library.mem_deref(message)
            self._library.mem_deref(buffer)

    def listen(self, handler: int) -> None:
        """Have `handler`, a function pointer, see each request after what comes twice is known, before all who act.

        Raises:
            OtherStack: the library keeps its listeners in another way.
        """
        listener = c_void_p()
        self._listeners.append(listener)
        if self._library.sip_listen(ctypes.byref(listener), self._library.uag_sip(), True, handler, None):
            raise OtherStack("the SIP stack lets nobody listen")
        entry = Le.from_address(int(listener.value or 0))
        if entry.data != listener.value or not entry.list:
            raise OtherStack("the SIP stack keeps its listeners in another way")
        where, data = entry.list, entry.data
        first = Ends.from_address(where).head
        second, holder = Le.from_address(first).next, ctypes.addressof(entry)
        if second and second != holder:
            self._library.list_unlink(holder)
            self._library.list_insert_after(where, second, holder, data)


def pointer(function: Callable[..., Any]) -> int:
    """Return the address of a function made by one of the types above."""
    return int(ctypes.cast(function, c_void_p).value or 0)  # type: ignore[arg-type]  # typeshed knows of no functions
