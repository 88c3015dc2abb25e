"""All servers of --asr-url: those of the start, and those that come and go behind the names.

A name is asked for its addresses again and again. A new address is an engine once it has shown that it hears; one that
the name has no more gets no more decodes. Where nobody answers for a name, its servers stay as they are.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bridge.settings import Settings
from bridge.speech.api import Asr, EngineFailed, EngineLost, SpeechError
from bridge.speech.backends.openai.asr import OpenAiAsr
from bridge.speech.backends.openai.http import Server
from bridge.speech.backends.openai.profile import ServerProfile, introduce, is_absence
from bridge.speech.remote.addresses import Resolve, is_v4, name_in, resolve

log = logging.getLogger(__name__)

EVERY_S: Final = 5.0
"""Between two questions for the addresses of a name: cluster DNS lets an answer be kept so long, or longer."""
_MISSES: Final = 2
"""Answers without an address, one after the other, until it is gone: one may be short by accident."""


@dataclass(frozen=True, slots=True)
class Met:
    """A server of the start, and what it turned out to be."""

    url: str
    server: Server
    profile: ServerProfile | None
    """None: it is not there."""


class OpenAiServers(list[OpenAiAsr]):
    """The engines of the start, as a list; `follow` tells of later ones."""

    def __init__(
        self,
        settings: Settings,
        met: Sequence[Met],
        *,
        ask: Resolve = resolve,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """One of `met` at least is there: what it is, the others must turn out to be. `pause` waits some seconds."""
        self._expected = next(each.profile for each in met if each.profile)
        self._settings, self._ask, self._pause = settings, ask, pause
        self._there: dict[str, dict[str, OpenAiAsr]] = {url: {} for url in settings.asr_url if name_in(url)}
        super().__init__(OpenAiAsr(each.server, settings, each.profile, expected=self._expected) for each in met)
        for each, engine in zip(met, self, strict=True):
            if each.server.ip:
                self._there[each.url][each.server.ip] = engine

    @classmethod
    def found(cls, settings: Settings, *, ask: Resolve = resolve) -> "OpenAiServers":
        """Return those that are there; blocks until each has answered or is known not to. Not on a loop.

        Raises:
            EngineFailed: none is there, or one is not what the settings say.
        """
        if not settings.asr_url:
            raise EngineFailed("asr_url is empty; name the servers, e.g. --asr-url http://gpu1:8001,http://gpu2:8001")
        servers = cls(settings, asyncio.run(_meet(settings, ask)), ask=ask)
        asyncio.run(_warm_up(servers))
        return servers

    async def follow(self, join: Callable[[Asr], None], leave: Callable[[Asr], None]) -> None:
        """See `Following`."""
        async with asyncio.TaskGroup() as tasks:
            for url in self._there:
                tasks.create_task(self._follow(url, join, leave))

    async def _follow(self, url: str, join: Callable[[Asr], None], leave: Callable[[Asr], None]) -> None:
        there, missed = self._there[url], Counter[str]()
        while True:
            await self._pause(EVERY_S)
            try:
                ips = await self._ask(name_in(url))
            except OSError as error:
                log.debug("%s: its name is not resolved now: %s", url, error)
                continue
            ips = _one_family(ips, v4=any(map(is_v4, there or ips)))
            for ip in ips:
                missed.pop(ip, None)
                if ip not in there:
                    server = _server(url, self._settings, ip)
                    there[ip] = OpenAiAsr(server, self._settings, None, expected=self._expected)
                    log.info("%s has a server more, at %s", url, ip)
                    join(there[ip])
            for ip in [ip for ip in there if ips and ip not in ips]:
                missed[ip] += 1
                if missed[ip] >= _MISSES:
                    log.info("%s has a server less: %s is gone", url, ip)
                    leave(there.pop(ip))


async def _meet(settings: Settings, ask: Resolve) -> Sequence[Met]:
    """Return the servers of all URLs.

    Raises:
        EngineFailed: none is there, or one is not what the settings say.
    """
    absent: list[SpeechError] = []
    urls = [url for n, url in enumerate(settings.asr_url) if not name_in(url) or url not in settings.asr_url[:n]]
    found = await asyncio.gather(*(_meet_at(url, settings, ask, absent) for url in urls))
    met = [each for those in found for each in those]
    if not any(each.profile for each in met):
        raise EngineFailed(
            f"no recogniser answers at asr_url: {'; '.join(map(str, absent))}; docs/vllm.md says how to serve one"
        )
    for error in absent:
        log.warning("%s; it is asked again once a call needs it", error)
    return met


async def _meet_at(url: str, settings: Settings, ask: Resolve, absent: list[SpeechError]) -> Sequence[Met]:
    """Return the servers of one URL; those that are not there are told in `absent`, too."""
    try:
        ips = await ask(name_in(url)) if name_in(url) else [""]
    except OSError as error:
        absent.append(EngineLost(f"{url}: {urlsplit(url).hostname} has no address: {error}"))
        return []
    servers = [_server(url, settings, ip) for ip in ips]
    asked = (introduce(server, model=settings.asr_model_path, api=settings.asr_api) for server in servers)
    found = await asyncio.gather(*asked, return_exceptions=True)
    if fault := next((e for e in found if isinstance(e, BaseException) and not _is_absent(e)), None):
        raise fault
    here = [server.ip for server, each in zip(servers, found, strict=True) if isinstance(each, ServerProfile)]
    # A server has an address of each family, and is one engine all the same.
    kept = _one_family(ips, v4=any(map(is_v4, here or ips)))
    met = []
    for server, each in zip(servers, found, strict=True):
        if server.ip not in kept:
            server.close()
            continue
        if isinstance(each, SpeechError):
            absent.append(each)
        met.append(Met(url, server, each if isinstance(each, ServerProfile) else None))
    return met


def _is_absent(error: BaseException) -> bool:
    return isinstance(error, SpeechError) and is_absence(error)


def _one_family(ips: Sequence[str], *, v4: bool) -> Sequence[str]:
    """Return those of IPv4, or those of IPv6; all where there is none of that family."""
    return [ip for ip in ips if is_v4(ip) == v4] or ips


def _server(url: str, settings: Settings, ip: str) -> Server:
    return Server(url, settings.asr_api_key.get_secret_value() if settings.asr_api_key else None, ip=ip)


async def _warm_up(engines: Sequence[OpenAiAsr]) -> None:
    await asyncio.gather(*(engine.warm_up() for engine in engines))
