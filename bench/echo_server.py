"""The server with its sockets and legs, and an echo in place of the call behind them: what a wire alone costs.

families.py runs it: python bench/echo_server.py PORT AUDIOSOCKET_PORT
"""

import sys
from pathlib import Path

import numpy as np
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from fakes import RESOURCES

from bridge.leg import OpeningLeg
from bridge.server import app as server
from bridge.server.switchboard import Switchboard
from bridge.settings import Settings
from telephony.codec import decode
from telephony.events import CallStarted, Media, Play, Transcript

_LOUD = 0.2


class Echo(Switchboard):
    """Says back what it hears, packet by packet, or tells of each tone where the wire has no voice."""

    async def _run(self, leg: OpeningLeg, started: CallStarted, *_: object, **__: object) -> str:
        async for event in leg:
            if not isinstance(event, Media):
                continue
            if leg.capabilities.audio_out:
                await leg.send(Play(event.payload))
            elif np.abs(decode(event.payload, started.format.encoding)).max() > _LOUD:
                await leg.send(Transcript("tone", "", final=True, timestamp=0.0))
        return "the wire ended"


if __name__ == "__main__":
    port, audiosocket_port = int(sys.argv[1]), int(sys.argv[2])
    setattr(server, "Switchboard", Echo)  # noqa: B010 - the server makes its own
    unloaded = {"load_final_wait": 0, "load_loop_lag": 0}  # a busy machine refuses nobody
    lines = {"max_calls": 1000, "max_clients": 1000}
    settings = Settings.model_validate({"audiosocket_port": audiosocket_port, **lines, **unloaded})
    web.run_app(server.make_app(settings, RESOURCES), host="127.0.0.1", port=port, print=None, access_log=None)
