"""Sends a call's audio where its packets come from, once they have proved to be a stream (symmetric RTP).

The stack asks its media encryption about each stream, with socket and addresses: ours is asked, and where SRTP is
wanted asks the stack's own first. All of it runs on the stack's thread. The packets of a stream are looked at until its
source is known; then the kernel drops those of others, and nothing of ours is called any more.
"""

import ctypes
import ipaddress
import logging
import os
import socket
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.legs.sip import bpf
from bridge.legs.sip.media.intake import Intake
from bridge.legs.sip.media.latch import Address, Latch, rtp_head
from bridge.legs.sip.media.libre import (
    AF_INET,
    AF_INET6,
    MEDIA,
    RECEIVED,
    SESSION,
    Buffer,
    Libre,
    MediaEncryption,
    pointer,
)

log = logging.getLogger(__name__)

PLAIN: Final = "bridge"
"""The media encryption of an account that has none."""
Profiles = tuple[bytes, ...]
_CLEAR: Final[Profiles] = (b"RTP/AVP", b"RTP/AVPF")  # RFC 3551, RFC 4585: answered as they are offered
_SECURE: Final[Profiles] = (b"RTP/SAVP", b"RTP/SAVPF")  # RFC 3711, RFC 5124
_STACKS_OWN: Final = {"srtp": _CLEAR + _SECURE, "srtp-mand": _SECURE}
_MOST: Final = 4096
"""Streams that are remembered; those whose calls are over are not told apart."""
_HEADER: Final = 12
_LAST_PORT: Final = 65535

OnLatched = Callable[[Address, Address | None], None]
"""Told where a stream comes from and what its SDP says, where the two differ. On the stack's thread."""


@dataclass(slots=True)
class _Stream:
    """One RTP stream. What is an int is an address in the stack's memory, good for as long as the stream is."""

    udp: int
    target: int  # where the stack keeps what it sends to
    media: int
    watch: int
    reports: int  # where the stack keeps what it sends reports (RTCP) to
    latch: Latch
    only: Address | None = None  # the kernel drops what comes from elsewhere
    told: Address | None = None  # the last source that was no news any more


class Streams:
    """All RTP streams of the stack."""

    def __init__(self, libre: Libre, intake: Intake, *, public: str, on_latched: OnLatched) -> None:
        """`intake` is told of each stream. `public`: the IP address that peers are told; "" is the one that packets to
        them leave from."""
        self._libre, self._intake, self._on_latched = libre, intake, on_latched
        self._public = libre.new_address((public, 0)) if public else None
        self._public_loops = bool(public) and ipaddress.ip_address(public).is_loopback
        self._streams: OrderedDict[int, _Stream] = OrderedDict()
        self._sessions: OrderedDict[int, int] = OrderedDict()  # the SDP of calls that have no stream yet
        # The stack keeps pointers to these: they live as long as it does.
        self._session, self._received = SESSION(lambda *given: self._begin(None, given)), RECEIVED(self._receive)
        self._media = MEDIA(lambda *given: self._describe(None, _CLEAR, given))
        self._plain = MediaEncryption(id=PLAIN.encode(), session=pointer(self._session), media=pointer(self._media))
        self._kept: list[object] = []

    def install(self) -> None:
        """Have the stack ask us. To be called before there are accounts, on the stack's thread."""
        known = self._libre.baresip_mencl()
        self._libre.menc_register(known, ctypes.addressof(self._plain))
        for name, profiles in _STACKS_OWN.items():
            if at := self._libre.menc_find(known, name.encode()):
                self._stand_before(MediaEncryption.from_address(at), profiles)

    def _stand_before(self, own: MediaEncryption, profiles: Profiles) -> None:
        begin, media = SESSION(int(own.session or 0)), MEDIA(int(own.media or 0))
        has_session = bool(own.session)

        def session(*given: int) -> int:
            return self._begin(begin if has_session else None, given)

        ours = SESSION(session), MEDIA(lambda *given: self._describe(media, profiles, given))
        self._kept += [begin, media, *ours]
        own.session, own.media = (pointer(function) for function in ours)

    # ------------------------------------------------------------ what the stack asks

    def _begin(self, original: Callable[..., int] | None, given: tuple[int, ...]) -> int:
        """Take a call: its SDP session gets our address, and a state of its own, so that changes are asked about."""
        if original is not None:
            if error := original(*given):
                return error
        else:
            ctypes.c_void_p.from_address(given[0]).value = self._libre.mem_zalloc(8, None)
        try:
            self._sessions[int(ctypes.c_void_p.from_address(given[0]).value or 0)] = given[1]
            _forget_oldest(self._sessions)
            self._publish(given[1])
        except Exception:
            log.exception("a call's address is left as it is")  # an exception must not reach C
        return 0

    def _publish(self, sdp: int) -> None:
        """Name the public address, unless the peer is on this machine: it could not reach that."""
        if self._public is None:
            return
        local = ctypes.string_at(self._libre.sdp_session_laddr(sdp), 8)
        here = int.from_bytes(local[:2], "little") == AF_INET and local[4] == 127
        if not here or self._public_loops:
            self._libre.sdp_session_set_laddr(sdp, ctypes.addressof(self._public))

    def _describe(self, original: Callable[..., int] | None, profiles: Profiles, given: tuple[int, ...]) -> int:
        """Take a stream that begins, or that was negotiated anew."""
        state = ctypes.c_void_p.from_address(given[0])
        begins = not state.value
        if original is not None:
            if error := original(*given):
                return error
        elif begins:
            state.value = self._libre.mem_zalloc(8, None)
        _, session, rtp, udp, _, _, _, media, stream = given
        try:
            if begins:
                self._libre.sdp_media_set_alt_protos(media, len(profiles), *profiles)
                self._intake.begin(stream, rtp)
                self._follow(stream, udp, media, rtp)
                if sdp := self._sessions.pop(session or 0, None):
                    self._publish(sdp)  # of a call out the stack learns only now which address is its own
            elif known := self._streams.get(stream):
                self._reopen(known)
        except Exception:
            log.exception("a stream goes where its SDP says")  # an exception must not reach C
        return 0

    def _follow(self, stream: int, udp: int, media: int, rtp: int) -> None:
        watch = self._libre.watch(udp, pointer(self._received), stream)
        target = self._libre.stream_raddr(stream)
        self._streams[stream] = _Stream(udp, target, media, watch, self._libre.report_target(rtp), Latch())
        self._streams.move_to_end(stream)
        _forget_oldest(self._streams)

    def _reopen(self, stream: _Stream) -> None:
        named = self._libre.address(stream.target)
        stream.latch.open(named)
        if stream.latch.expected:
            self._libre.set_address(stream.target, stream.latch.expected)
        if stream.only:
            self._guard(stream, None)
        self._libre.set_watch(stream.watch, pointer(self._received))

    # ------------------------------------------------------------ packets

    def _receive(self, source: int, packet: int, stream: int) -> bool:
        try:
            known = self._streams.get(stream)
            if known is not None and known.latch.source is None:
                self._hear(known, source, packet)
        except Exception:
            log.exception("a packet's source is not looked at")  # an exception must not reach C
        return False

    def _hear(self, stream: _Stream, source: int, packet: int) -> None:
        buffer = Buffer.from_address(packet)
        head = rtp_head(ctypes.string_at(int(buffer.buf or 0) + buffer.pos, min(_HEADER, buffer.end - buffer.pos)))
        address = self._libre.address(source)
        if head is None or address is None or not self._libre.sdp_media_lformat(stream.media, head[0]):
            return
        if not stream.latch.hear(address, head[1]):
            return
        named = stream.latch.named
        if address != self._libre.address(stream.target):
            self._libre.set_address(stream.target, address)
        if named and address != named:
            self._redirect_reports(stream, address, named)
        if address not in {named, stream.told}:
            stream.told = address
            self._on_latched(address, named)
        self._guard(stream, address)
        self._libre.set_watch(stream.watch, None)

    def _redirect_reports(self, stream: _Stream, address: Address, named: Address) -> None:
        """Send reports beside the stream: to the next port, or to the same where both share one (RFC 5761).

        They stay where they go if the SDP names a place of their own for them (RFC 3605).
        """
        (host, port), (named_host, named_port) = address, named
        for step in (0, 1):
            if self._libre.address(stream.reports) == (named_host, named_port + step) and port + step <= _LAST_PORT:
                self._libre.set_address(stream.reports, (host, port + step))
                return

    def _guard(self, stream: _Stream, only: Address | None) -> None:
        """Have the kernel drop what comes from elsewhere; None lets everybody in again."""
        address = only or stream.only
        family = AF_INET6 if address and ":" in address[0] else AF_INET
        number = self._libre.udp_sock_fd(stream.udp, family)
        with socket.socket(fileno=os.dup(number)) as ours:
            if only is None:
                bpf.detach(ours)
            else:
                bpf.attach(ours, bpf.one_source(*only))
        stream.only = only


def _forget_oldest(known: "OrderedDict[int, _Stream] | OrderedDict[int, int]") -> None:
    while len(known) > _MOST:
        known.popitem(last=False)
