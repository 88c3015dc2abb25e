"""Sentences that recur: made once, kept as they sound, bounded in bytes."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

import numpy as np

from bot.api import Samples
from bridge.speaking.voices.making import Making
from bridge.speaking.voices.sentence_files import Kept, Key, SentenceFiles

_FULL_SCALE: Final = 32_767
_ONCE_SHARE: Final = 0.25
"""Share of the bytes that holds what was asked for once: sentences that never recur displace none that do."""


class SentenceCache:
    """The sentences that voices made lately. Only those that were made whole are in it.

    What was asked for twice stays longer than what was asked for once, and goes to `files` where there are such: what
    one caller alone was told is on no disk.
    """

    def __init__(self, most_bytes: int, files: SentenceFiles | None = None) -> None:
        """`most_bytes`: of audio in memory, two a sample."""
        self._once = _Recent(int(most_bytes * _ONCE_SHARE))
        self._again = _Recent(most_bytes - int(most_bytes * _ONCE_SHARE))
        self._files = files
        self._making: dict[Key, Making] = {}

    @property
    def size_bytes(self) -> int:
        """Bytes of all that is kept in memory."""
        return self._once.size_bytes + self._again.size_bytes

    async def speak(
        self,
        key: Key,
        *,
        make: Callable[[], AsyncGenerator[Samples, None]],
        recurs: bool = False,
        on_asked: Callable[[bool], None] = lambda _: None,
    ) -> AsyncGenerator[Samples, None]:
        """Yield the audio of `key`: as it is kept, or as it is made now, once for all who ask meanwhile.

        `recurs`: it is known to be asked for again. `on_asked` is told whether nothing had to be made for it.

        Raises:
            whatever `make` raises; for who asks next it is made again.
        """
        kept = self._find(key)
        if kept is None and self._files and key not in self._making:
            kept = await asyncio.to_thread(self._files.read, key)
            if kept is not None:
                self._again.put(key, kept)
        making = self._making.get(key)
        on_asked(kept is not None or making is not None)
        if kept is not None:
            yield kept.astype(np.float32) / np.float32(_FULL_SCALE)
            return
        if making:
            making.shared = True
        else:
            making = self._making[key] = Making(make(), on_end=lambda ended, sound: self._end(key, ended, sound))
            making.shared = recurs
        async with aclosing(making.follow()) as chunks:
            async for samples in chunks:
                yield samples

    def close(self) -> None:
        """Write no more."""
        if self._files:
            self._files.close()

    def _find(self, key: Key) -> Kept | None:
        if (kept := self._once.take(key)) is not None:
            self._recurs(key, kept)
            return kept
        return self._again.get(key)

    def _end(self, key: Key, ended: Making, sound: Samples | None) -> None:
        """Keep `sound`; it is None where it was not made whole."""
        if self._making.get(key) is ended:
            del self._making[key]
        if sound is None or not sound.size:
            return
        kept = np.round(np.clip(sound, -1, 1) * _FULL_SCALE).astype(np.int16)
        if ended.shared:
            self._recurs(key, kept)
        else:
            self._once.put(key, kept)

    def _recurs(self, key: Key, kept: Kept) -> None:
        self._again.put(key, kept)
        if self._files:
            self._files.write_later(key, kept)


class _Recent:
    """What was used lately, up to so many bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.size_bytes, self._most_bytes = 0, most_bytes
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def get(self, key: Key) -> Kept | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def take(self, key: Key) -> Kept | None:
        """Return it, and have it no more."""
        kept = self._kept.pop(key, None)
        self.size_bytes -= 0 if kept is None else kept.nbytes
        return kept

    def put(self, key: Key, kept: Kept) -> None:
        """Keep it, unless it is larger than all that may be kept."""
        self.take(key)
        if kept.nbytes > self._most_bytes:
            return
        self._kept[key] = kept
        self.size_bytes += kept.nbytes
        while self.size_bytes > self._most_bytes:
            self.take(next(iter(self._kept)))
