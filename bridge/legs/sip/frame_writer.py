"""Sends frames over the socket between the bridge and the SIP process, on both sides of it."""

import asyncio

from telephony.sip_frames import on_the_wire


class FrameWriter:
    """Gathers the frames of one turn of the event loop into one write."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: list[bytes] = []

    def post(self, frame: bytes) -> None:
        """Send `frame`, together with the others of this turn of the event loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(frame)

    def flush(self) -> None:
        """Send what waits; drop it where the socket is closed."""
        if self._waiting and not self._writer.is_closing():
            self._writer.write(on_the_wire(self._waiting))
        self._waiting.clear()

    async def drain(self) -> None:
        """Wait until the other side takes more.

        Raises:
            ConnectionError: it is gone.
        """
        await self._writer.drain()
