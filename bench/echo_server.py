"""The server with its sockets and legs, and an echo in place of the call behind them: what a wire alone costs.

families.py runs it: python bench/echo_server.py PORT AUDIOSOCKET_PORT
"""

import sys
from pathlib import Path

from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from fakes import RESOURCES

from bridge.leg import OpeningLeg
from bridge.server import app as server
from bridge.server.switchboard import Switchboard
from bridge.settings import Settings
from telephony.events import Media, Play


class Echo(Switchboard):
    """Says back what it hears, packet by packet."""

    async def _run(self, leg: OpeningLeg, *_: object, **__: object) -> str:
        async for event in leg:
            if isinstance(event, Media):
                await leg.send(Play(event.payload))
        return "the wire ended"


if __name__ == "__main__":
    port, audiosocket_port = int(sys.argv[1]), int(sys.argv[2])
    setattr(server, "Switchboard", Echo)  # noqa: B010 - the server makes its own
    settings = Settings(audiosocket_port=audiosocket_port, max_calls=1000)
    web.run_app(server.make_app(settings, RESOURCES), host="127.0.0.1", port=port, print=None, access_log=None)
