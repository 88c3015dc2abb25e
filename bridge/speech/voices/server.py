"""One voice server: a sentence goes out as its profile says, samples come back as they are made."""

import asyncio
import json
import re
import unicodedata
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

import aiohttp

from bridge.speech.api import BadRequest, DeadlineExceeded, EngineFailed, EngineLost, Samples
from bridge.speech.remote.connections import CONNECT_S, KeptConnections, bounded
from bridge.speech.remote.refusals import complaint, one_line, refusal
from bridge.speech.voices.audio_stream import Announced, AudioStream, announced
from bridge.speech.voices.base64_answer import Base64Answer
from bridge.speech.voices.profile import SpokenFormat, VoiceProfile
from bridge.speech.voices.template import Value, fill, written

_IDLE_S: Final = 4.0
"""Seconds an idle connection is kept: uvicorn, under most of these servers, closes it after 5."""
_READ_AHEAD_BYTES: Final = 2 << 20
"""40 s of 24 kHz: a caller who is told something slowly keeps no server waiting."""
_LARGEST_ERROR: Final = 1 << 16
_LOCALE: Final = re.compile(r"[a-z]{2,3}-[A-Z]{2}(?=-)")
"""The languages that Azure and Google put in front of the names of their voices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakingLimits:
    """How long is waited, in seconds; what whoever listens takes his time for counts for nothing."""

    first_audio_s: float
    """For the first audio, and between two pieces of it."""
    sentence_s: float
    """For a whole sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How it is to be said."""

    voice: str
    model: str
    language: str = ""
    """Tag, e.g. "hi-IN"; "" is not known."""
    speed: float = 1.0


@dataclass(slots=True)
class VoiceServer:
    """A client of one server. What it refuses of `profile.extras` is left out for good."""

    url: str
    profile: VoiceProfile
    format: SpokenFormat
    key: str | None
    limits: SpeakingLimits
    rate: int | None = None
    """Hertz, where neither the head of an answer nor a WAV head tells."""
    now_s: Callable[[], float] = lambda: asyncio.get_running_loop().time()
    _connections: KeptConnections = field(init=False)
    _extras: Mapping[str, object] = field(init=False)

    def __post_init__(self) -> None:
        base = self.url.rstrip("/")
        plain = self.profile.path.partition("?")[0]
        self.url = base.removesuffix(plain) if base.endswith(plain) else base
        if plain.startswith("/v1/"):
            self.url = self.url.removesuffix("/v1")
        self._connections = KeptConnections(self.url, headers={}, idle_s=_IDLE_S, read_ahead_bytes=_READ_AHEAD_BYTES)
        self._extras = self.profile.extras

    @property
    def address(self) -> str:
        return urlsplit(self.url).netloc

    async def speak(
        self, text: str, manner: Manner, *, form: SpokenFormat | None = None
    ) -> AsyncGenerator[tuple[Samples, int, bool], None]:
        """Yield samples, their rate in hertz, and whether the server told the rate, as they come.

        `form`: what to ask for instead of `format`.

        Raises:
            BadRequest, Overloaded, EngineLost, EngineFailed: as `refusal` says. DeadlineExceeded. All name the URL.
        """
        left_s = self.limits.sentence_s
        async with aclosing(self._pieces(text, manner, form or self.format)) as pieces:
            while True:
                begun_s = self.now_s()
                limit_s = min(self.limits.first_audio_s, left_s)
                try:
                    async with asyncio.timeout(limit_s):
                        piece = await anext(pieces, None)
                except TimeoutError as error:
                    raise DeadlineExceeded(f"{self.url}: no audio within {limit_s:.1f} s") from error
                if piece is None:
                    return
                left_s = max(0.001, left_s - (self.now_s() - begun_s))
                yield piece

    def close(self) -> None:
        """Close the connections, which fails what is being said; from any thread."""
        self._connections.close()

    async def _pieces(
        self, text: str, manner: Manner, form: SpokenFormat
    ) -> AsyncGenerator[tuple[Samples, int, bool], None]:
        """Yield the samples, and every fault as one of our errors."""
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._answered(text, manner, form)
            async with aclosing(self._decoded(response, form)) as pieces:
                async for piece in pieces:
                    yield piece
        except aiohttp.ConnectionTimeoutError as error:
            raise EngineLost(f"{self.url}: cannot be reached within {CONNECT_S:g} s") from error
        except aiohttp.InvalidURL as error:
            raise EngineFailed(f"{self.url} is no URL") from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            raise EngineLost(f"{self.url}: {one_line(error)}") from error
        except (aiohttp.ClientError, ValueError) as error:  # no HTTP; a key or a voice that no header can hold
            raise EngineFailed(f"{self.url}: {one_line(error)}") from error
        finally:
            if response is not None:
                response.close()  # what was not read is not wanted; at its end the connection is kept already

    async def _answered(self, text: str, manner: Manner, form: SpokenFormat) -> aiohttp.ClientResponse:
        """Return the answer once its head is there and says 200. Extras that are refused are left out from then on."""
        try:
            return await self._asked(text, manner, form, self._extras)
        except BadRequest:
            if not self._extras:
                raise
        response = await self._asked(text, manner, form, {})
        self._extras = {}
        return response

    async def _asked(
        self, text: str, manner: Manner, form: SpokenFormat, extras: Mapping[str, object]
    ) -> aiohttp.ClientResponse:
        path, headers, body = self._request(text, manner, form, extras)
        session = await self._connections.session()
        try:
            response = await session.post(self.url + path, data=body, headers=headers, allow_redirects=False)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # It closed an idle connection at the moment we used it.
            response = await session.post(self.url + path, data=body, headers=headers, allow_redirects=False)
        if response.status == HTTPStatus.OK:
            return response
        async with response:
            content = await bounded(response, _LARGEST_ERROR) or b""
        where = f"{self.url}{path.partition('?')[0]}"
        raise refusal(where, response.status, response.headers, content, key=self.key, option="tts_api_key")

    def _request(
        self, text: str, manner: Manner, form: SpokenFormat, extras: Mapping[str, object]
    ) -> tuple[str, Mapping[str, str], bytes]:
        """Return path, headers and body."""
        profile, text = self.profile, text.encode(errors="replace").decode()
        values = {**form.words, "text": text, "key": self.key, **self._values(manner)}
        path = written(profile.path, values, lambda value: quote(value, safe=""))
        headers = {name: said for name, part in profile.headers.items() if isinstance(said := fill(part, values), str)}
        if isinstance(profile.body, str):
            plain = {**values, "speed": values["speed"] or 1, "text": _printable(text)}
            ssml = written(profile.body, plain, lambda value: escape(value, quote=True))
            return path, {"Content-Type": "application/ssml+xml", **headers}, ssml.encode()
        fields = fill({**profile.body, **extras}, values)
        return path, {"Content-Type": "application/json", **headers}, json.dumps(fields).encode()

    def _values(self, manner: Manner) -> Mapping[str, Value]:
        profile = self.profile
        tag = manner.language or profile.language
        named = _LOCALE.match(manner.voice)
        speed: float | None = None
        if profile.speed and manner.speed != 1:
            speed = min(max(manner.speed, profile.speed[0]), profile.speed[1])
        return {
            "voice": manner.voice,
            "model": manner.model,
            "language": tag.partition("-")[0],
            "locale": named[0] if named else tag or "en-US",
            "speed": speed,
            "slowness": speed and round(1 / speed, 3),
        }

    async def _decoded(
        self, response: aiohttp.ClientResponse, form: SpokenFormat
    ) -> AsyncGenerator[tuple[Samples, int, bool], None]:
        profile, said = self.profile, announced(response.headers)
        if profile.answer == "audio" and said.text:
            content = await bounded(response, _LARGEST_ERROR) or b""
            raise EngineFailed(f"{self.url}: answers {complaint(content) or 'nothing'!r} instead of audio")
        told = said if profile.answer == "audio" else Announced()
        rate = told.sample_rate or self.rate or form.rate
        stream = AudioStream(told.encoding or form.wire, rate, compressed=told.compressed)
        parts = Base64Answer(profile.audio_field, lines=profile.answer == "lines")
        try:
            async for data in response.content.iter_any():
                if profile.answer == "audio":
                    yield stream.feed(data), stream.sample_rate, self._told(stream, told, rate)
                    continue
                for part in parts.feed(data):
                    stream.begin_piece()
                    yield stream.feed(part), stream.sample_rate, True
            if profile.answer != "audio":
                for part in parts.flush():
                    stream.begin_piece()
                    yield stream.feed(part), stream.sample_rate, True
            yield stream.flush(), stream.sample_rate, self._told(stream, told, rate)
        except EngineFailed as error:
            raise EngineFailed(f"{self.url}: {error}") from error

    def _told(self, stream: AudioStream, told: Announced, rate: int) -> bool:
        """Return whether the rate is known and not just what the profile expects."""
        return bool(told.sample_rate or self.rate or stream.sample_rate != rate)


def _printable(text: str) -> str:
    """Return `text` without what XML may not hold."""
    return "".join(sign for sign in text if sign in "\t\n" or unicodedata.category(sign) not in {"Cc", "Cs", "Cn"})
