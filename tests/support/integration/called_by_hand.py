"""A call to the bridge's SIP side that is made by hand, and what arrives of the audio in it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from integration.by_hand import answer, headers, request
from integration.rtp_source import port_of
from integration.sip_peers import Desk, Taken

from telephony.codec import decode
from telephony.events import Encoding


@dataclass
class Call:
    """A call made by hand."""

    taken: Taken
    tag: str
    rtp: int
    told: bytes


@asynccontextmanager
async def called(
    wire: socket.socket, desk: Desk, port: int, *, call: str = "c1", **given: object
) -> AsyncIterator[Call]:
    """Call the bridge; `given` goes into the INVITE."""
    number = len(desk.calls)
    bridge = ("::1" if wire.family == socket.AF_INET6 else "127.0.0.1", port)
    wire.sendto(request("INVITE", wire, port, call=call, **given), bridge)  # type: ignore[arg-type]
    told = await answer(wire, 200, cseq="INVITE")
    tag = headers(told)["to"]
    wire.sendto(request("ACK", wire, port, call=call, to=tag), bridge)
    taken = await desk.call(number)
    yield Call(taken, tag, port_of(told), told)
    wire.sendto(request("BYE", wire, port, call=call, cseq=90, to=tag), bridge)
    await taken.over.wait()


def arrived(speech: bytes, heard: bytes | bytearray) -> float:
    """Return which part of the packets of mu-law `speech` that are loud is in what was heard, each whole, in order."""
    found, at, loud, audio = 0, 0, 0, _flattened(np.frombuffer(heard, "<i2")).tobytes()
    for begin in range(0, len(speech) - 160, 160):
        samples = _flattened(np.round(decode(speech[begin : begin + 160], Encoding.MULAW) * 32768))
        if np.abs(samples.astype(int)).mean() < 100:
            continue  # silence is everywhere
        loud += 1
        if (place := audio.find(samples.tobytes(), at)) >= 0:
            found, at = found + 1, place + 320
    return found / loud


def _flattened(samples: npt.NDArray[np.generic]) -> npt.NDArray[np.int16]:
    """Return `samples` without what decoders make of nothing, which differs."""
    audio = samples.astype("<i2")
    return np.where(np.abs(audio) <= 2, np.int16(0), audio)
