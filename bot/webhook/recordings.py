"""Recordings that a hook wants played: fetched into a file, within limits."""

import asyncio
import tempfile
from pathlib import Path
from typing import Final

import aiohttp

from bot.actions import PlayFile
from bot.webhook.client import session
from bot.webhook.configuration import Configuration
from bot.webhook.fault import HookFailed
from bot.webhook.replies import Fetch

_MOST_BYTES: Final = 16 << 20
"""Three minutes of CD quality."""


class Recordings:
    """Those of one call; closed with it."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._paths: dict[str, str] = {}

    async def fetch(self, wanted: Fetch) -> PlayFile:
        """Return `wanted` as a file; one that was fetched before is there already.

        Raises:
            HookFailed: it may not come from there, did not come in time, is too large or no WAV.
        """
        url = self._configuration.recording(wanted.url)
        if url is None:
            raise HookFailed("the hook wants a recording from elsewhere: --webhook-media-origins allows it")
        if url not in self._paths:
            self._paths[url] = await self._save(await self._load(url))
        return PlayFile(self._paths[url], wanted.interruptible, wanted.keys_interrupt)

    async def close(self) -> None:
        """Remove the files."""
        folder, self._folder, self._paths = self._folder, None, {}
        if folder:
            await asyncio.to_thread(folder.cleanup)

    async def _load(self, url: str) -> bytes:
        http = await session()
        data = bytearray()
        try:
            async with (
                asyncio.timeout(self._configuration.wait_s),
                http.get(url, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise HookFailed(f"a recording answers with status {response.status}")
                async for chunk in response.content.iter_chunked(65_536):
                    data += chunk
                    if len(data) > _MOST_BYTES:
                        raise HookFailed("a recording is too large")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise HookFailed(f"a recording did not come: {error!r}") from None
        if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
            raise HookFailed("a recording is no WAV file")
        return bytes(data)

    async def _save(self, data: bytes) -> str:
        folder = self._folder
        if folder is None:
            folder = self._folder = await asyncio.to_thread(_make_folder)
        path = Path(folder.name) / f"{len(self._paths)}.wav"
        await asyncio.to_thread(path.write_bytes, data)
        return str(path)


def _make_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="voice-bridge-")
