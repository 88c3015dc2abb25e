"""A bot that says nothing, and writes a line for each final that it gets: which call, how late, and what was heard."""

import sys
import time
from collections.abc import AsyncIterator

from bot.api import Bot, CallInfo, Final


class Tally(Bot):
    """Writes FINAL, a number of its own, the milliseconds since the caller's last word, and the text."""

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        self._began_s = time.monotonic()
        nothing: tuple[str, ...] = ()
        for text in nothing:
            yield text

    async def on_final(self, final: Final) -> None:
        late_ms = 1000 * (time.monotonic() - self._began_s) - final.ended_ms
        sys.stdout.write(f"FINAL {id(self)} {late_ms:.0f} {final.text}\n")
        sys.stdout.flush()
