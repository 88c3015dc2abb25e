"""Phones that talk without end, in a process to kill: python -m soaking.phone URL AUDIOSOCKET_PORT WIRE=NAME ..."""

import asyncio
import sys
from contextlib import AsyncExitStack

from integration.recordings import recordings, without_pauses

from bridge.commands.phone.simulated_phone import on_line
from soaking.bots import sentences
from soaking.lines import WRITTEN_DOWN, Place, open_line


async def main(url: str, audiosocket_port: int, calls: dict[str, str]) -> None:
    """Make one call on each wire, say so once all have begun, and talk until the end of this process."""
    async with AsyncExitStack() as stack:
        for wire, name in calls.items():
            line = await stack.enter_async_context(open_line(wire, Place(url, audiosocket_port), name))
            phone = await stack.enter_async_context(on_line(line))
            if wire not in WRITTEN_DOWN:
                await phone.until_heard(after_ms=0)
            phone.babble(without_pauses(recordings(sentences())))
        sys.stdout.write("on the line\n")
        sys.stdout.flush()
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), dict(pair.split("=") for pair in sys.argv[3:])))
