"""Something that sends RTP, and hears what comes back: a caller behind NAT, or a stranger."""

import asyncio
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Self

_STEP_S: Final = 0.02
_TONE: Final = bytes([0x10, 0x90] * 80)  # loud, mu-law


def port_of(told: bytes) -> int:
    """Return the port of the audio in an SDP."""
    found = re.search(rb"m=audio (\d+)", told)
    assert found, told
    return int(found[1])


class RtpSource:
    """A UDP socket with a stream of its own."""

    def __init__(self, wire: socket.socket, ssrc: int) -> None:
        self._wire, self._ssrc, self._sequence = wire, ssrc, 100
        self.heard = 0
        """Packets that came back so far."""

    @classmethod
    @contextmanager
    def at(cls, host: str, ssrc: int = 7) -> Iterator[Self]:
        """Yield one on a free port of `host`."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as wire:
            wire.bind((host, 0))
            wire.setblocking(False)
            yield cls(wire, ssrc)

    @property
    def port(self) -> int:
        return int(self._wire.getsockname()[1])

    def packet(self, *, kind: int = 0, payload: bytes = _TONE, advance: int = 1, timestamp: int | None = None) -> bytes:
        """Return the next packet."""
        self._sequence += advance
        at = self._sequence * 160 if timestamp is None else timestamp
        return struct.pack("!BBHII", 0x80, kind, self._sequence & 0xFFFF, at, self._ssrc) + payload

    def put(self, port: int, packet: bytes) -> None:
        """Send a packet to the bridge."""
        self._wire.sendto(packet, ("::1" if self._wire.family == socket.AF_INET6 else "127.0.0.1", port))

    async def talk(self, port: int, packets: int, *, kind: int = 0) -> int:
        """Send so many packets, one each 20 ms; return how many came back meanwhile."""
        before = self.count()
        for _ in range(packets):
            self.put(port, self.packet(kind=kind))
            await asyncio.sleep(_STEP_S)  # the pace of RTP
        return self.count() - before

    async def say(self, port: int, speech: bytes, *, burst: int = 1, calm: int = 0) -> None:
        """Send mu-law `speech` over a network that holds back so many packets, then delivers them at once.

        `burst`: packets; a gap of 20 ms for each is before them. `calm`: packets between two bursts that come as they
        are sent.
        """
        clock_s = asyncio.get_running_loop().time
        began_s, held = clock_s(), list[bytes]()
        for number, at in enumerate(range(0, len(speech), 160)):
            held.append(self.packet(payload=speech[at : at + 160].ljust(160, b"\xff")))
            await asyncio.sleep(max(0.0, began_s + (number + 1) * _STEP_S - clock_s()))
            if number % (burst + calm) < burst - 1:
                continue
            for packet in held:
                self.put(port, packet)
            held.clear()
        for packet in held:
            self.put(port, packet)

    @contextmanager
    def reports(self) -> Iterator[socket.socket]:
        """Yield a socket on the next port, to which reports (RTCP) go."""
        host, port = self._wire.getsockname()[:2]
        with socket.socket(self._wire.family, socket.SOCK_DGRAM) as wire:
            wire.bind((host, port + 1))
            wire.setblocking(False)
            yield wire

    def count(self) -> int:
        """Return how many packets have come back so far."""
        with suppress(BlockingIOError):
            while self._wire.recv(2048):
                self.heard += 1
        return self.heard
