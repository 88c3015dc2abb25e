"""The bridge's side of the SIP process, with a process that has no stack but says what one would."""

import asyncio
import sys
from typing import Final

from bridge.call.lines import Lines
from bridge.leg import OpeningLeg
from bridge.legs.sip.from_settings import stack_options
from bridge.legs.sip.link import SipLink
from bridge.metrics import Metrics
from bridge.settings import Settings
from telephony.errors import RemoteProtocolError

SAYS: Final = """
import socket, sys
from telephony.sip import Kind, json_frame, on_the_wire
bridge = socket.socket(fileno=int(sys.argv[1]))
bridge.recv(1 << 16)
bridge.sendall(on_the_wire([json_frame(Kind.READY), {frames}]))
while bridge.recv(1 << 16):
    pass
"""


class Desk:
    """Starts each call and keeps why it did not."""

    def __init__(self) -> None:
        self.settings, self.lines, self.metrics = Settings(), Lines(10), Metrics()
        self.failed: asyncio.Queue[str] = asyncio.Queue()

    async def carry(self, leg: OpeningLeg, *, wire: str, peer: str = "") -> None:
        try:
            await leg.start(5)
        except RemoteProtocolError as error:
            self.failed.put_nowait(str(error))
            await leg.close(str(error))


async def test_a_caller_who_gave_up_before_we_looked_is_told_as_that_at_once() -> None:
    frames = 'json_frame(Kind.INCOMING, 3, caller="a"), json_frame(Kind.ENDED, 3, reason="the other side hung up")'
    desk = Desk()
    command = (sys.executable, "-c", SAYS.replace("{frames}", frames))
    link = SipLink(stack_options(Settings()), desk, idle_s=5, send_s=5, command=command)
    await link.start()
    try:
        async with asyncio.timeout(4):
            assert await desk.failed.get() == "the other side hung up before the call started"
            await desk.lines.empty.wait()
    finally:
        await link.close()
