"""The TCP port to which an Asterisk connects its calls."""

import asyncio
import logging
import socket
from collections.abc import Sequence
from typing import Final

from bridge.admission.lines import Busy, Carrier
from bridge.admission.refusals import Refusals
from bridge.legs import tcp_port
from bridge.legs.silence_filled import SilenceFilledLeg
from bridge.legs.tcp_stream import StreamLeg
from telephony.audiosocket import AudioSocketProtocol

log = logging.getLogger(__name__)

_SEND_BUFFER_BYTES: Final = 16 * 1024
"""What the kernel may hold of our audio: so a peer that stops reading is noticed in seconds, not minutes."""


async def listen(
    carrier: Carrier,
    *,
    host: str,
    port: int,
    allow: Sequence[str],
    refusals: Refusals,
    shared: Sequence[socket.socket] = (),
) -> Sequence[asyncio.Server]:
    """Open the port and return what listens there; for the rest see `tcp_port.listen`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        try:
            with carrier.lines.take():
                await _carry(carrier, reader, writer, peer=peer)
        except Busy as busy:
            log.warning("AudioSocket call refused: %s", busy)
            carrier.metrics.refused.labels(busy.reason).inc()
            writer.close()

    return await tcp_port.listen(
        carrier, serve, name="audiosocket", host=host, port=port, allow=allow, refusals=refusals, shared=shared
    )


async def _carry(carrier: Carrier, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, peer: str) -> None:
    settings = carrier.settings
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    protocol = AudioSocketProtocol(quiet_rate=settings.audiosocket_rate)
    leg = StreamLeg(reader, writer, protocol, send_s=settings.send_timeout)
    await carrier.carry(SilenceFilledLeg(leg), wire="audiosocket", peer=peer)
