"""Recordings that a hook wants played: fetched into a file, within limits."""

import asyncio
import ipaddress
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from bot.actions import PlayFile
from bot.webhook.addresses import is_public
from bot.webhook.audio_files import as_wav
from bot.webhook.client import public_session, session
from bot.webhook.configuration import Configuration, RecordingPlace
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
            HookFailed: it may not come from there, did not come in time, is too large or no audio that is read here.
        """
        place = self._configuration.recording(wanted.url)
        if place is None:
            raise HookFailed("the hook wants a recording from elsewhere: --webhook-media-origins allows it")
        if place.url not in self._paths:
            self._paths[place.url] = await self._save(await self._load(place))
        return PlayFile(self._paths[place.url], wanted.interruptible, wanted.keys_interrupt)

    async def close(self) -> None:
        """Remove the files."""
        folder, self._folder, self._paths = self._folder, None, {}
        if folder:
            await asyncio.to_thread(folder.cleanup)

    async def _load(self, place: RecordingPlace) -> bytes:
        url, http = place.url, await (session() if place.named else public_session())
        host = urlsplit(url).hostname or ""
        if not place.named and _in_figures(host) and not is_public(host):
            raise HookFailed(f"a recording is to come from {host}, which is no host of the open internet")
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
        return bytes(data)

    async def _save(self, data: bytes) -> str:
        try:
            wav = await asyncio.to_thread(as_wav, data)
        except ValueError as error:
            raise HookFailed(f"a recording cannot be played: {error}") from None
        folder = self._folder
        if folder is None:
            folder = self._folder = await asyncio.to_thread(_make_folder)
        path = Path(folder.name) / f"{len(self._paths)}.wav"
        await asyncio.to_thread(path.write_bytes, wav)
        return str(path)


def _in_figures(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _make_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="voice-bridge-")
