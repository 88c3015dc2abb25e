"""Plays bot audio over a wire that has no buffer: it waits on our side, and leaves frame by frame on our clock."""

import asyncio
from collections.abc import Callable, Sequence

from bridge.legs.pacer import Pacer
from telephony.events import AudioFormat, Clear, Mark, Play, Played


class PacedPlayback:
    """The bot's side of one call."""

    def __init__(
        self,
        audio: AudioFormat,
        *,
        send: Callable[[Sequence[bytes]], None],
        tell: Callable[[Played], None],
    ) -> None:
        """`send` takes the frames of 20 ms that leave now, and is called once a frame's time. `tell` takes marks."""
        self._clock = asyncio.get_running_loop().time
        self._pacer = Pacer(audio, self._clock() * 1000)
        self._send, self._tell = send, tell

    def take(self, command: Play | Mark | Clear) -> None:
        """Carry out `command`."""
        match command:
            case Play(payload):
                self._pacer.play(payload)
            case Mark(name):
                self._pacer.mark(name)
            case Clear():
                self._tell_all(self._pacer.clear())

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while True:
            frames, marks = self._pacer.due(self._clock() * 1000)
            self._send(frames)
            self._tell_all(marks)
            await asyncio.sleep(self._pacer.next_ms / 1000 - self._clock())  # below 0: at once

    def _tell_all(self, marks: Sequence[str]) -> None:
        for mark in marks:
            self._tell(Played(mark))
