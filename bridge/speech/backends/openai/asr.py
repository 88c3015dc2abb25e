"""A recogniser on another machine: `vllm serve`, or whatever speaks the same API, over HTTP.

docs/vllm.md says how to serve. Each server is one `Asr`; the pool above chooses among them.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from bridge.settings import Settings
from bridge.speech.api import (
    SAMPLE_RATE,
    BadRequest,
    DeadlineExceeded,
    Ended,
    EngineFailed,
    EngineLost,
    Hypothesis,
    Request,
    SpeechError,
)
from bridge.speech.backends import marks, qwen3
from bridge.speech.backends.openai import messages
from bridge.speech.backends.openai.dialect import Dialect
from bridge.speech.backends.openai.http import Server
from bridge.speech.backends.openai.messages import RawTranscript
from bridge.speech.backends.openai.profile import (
    CHAT,
    TEMPLATE,
    TRANSCRIPTIONS,
    ServerProfile,
    introduce,
    is_absence,
)

log = logging.getLogger(__name__)

_MARK: Final = "<asr_text>"
_HEALTH_S, _FIRST_S = 2.0, 60.0
_UNTOLD: Final = "English"
"""The language of what was heard, where neither the settings nor the server say it: a text must have one."""


class OpenAiAsr:
    """An `Asr` on one server. It learns what the server takes while it uses it; see `Dialect`."""

    def __init__(
        self,
        server: Server,
        settings: Settings,
        profile: ServerProfile | None,
        *,
        expected: ServerProfile | None = None,
    ) -> None:
        """Take what `introduce` found.

        Where the server is not there yet, `profile` is None, `expected` is what it must turn out to be, and
        `healthy` finds that out.
        """
        self.name = f"openai-{server.address}"
        self._server, self._settings = server, settings
        self._profile, self._dialect = profile, Dialect(profile) if profile else None
        self._warned = False
        self.capabilities = (profile or expected or ServerProfile("", "chat")).capabilities
        self.device = f"{server.url}, {f'{profile.model} by {profile.api}' if profile else 'not there yet'}"

    @classmethod
    def from_settings(cls, settings: Settings) -> "Sequence[OpenAiAsr]":
        """Return one engine for each address; blocks until each has answered or is known not to. Not on a loop.

        Raises:
            EngineFailed: none is there, or one is not what the settings say.
        """
        from bridge.speech.backends.openai.servers import OpenAiServers  # it makes these

        return OpenAiServers.found(settings)

    async def decode(self, request: Request, /) -> Hypothesis:
        begun_s = time.monotonic()
        if self._dialect is None:
            raise EngineLost(f"{self._server.url}: has not been there yet")
        if request.prefix and not request.language:
            raise BadRequest("prefix is given without language; Qwen3-ASR continues a text of a known language only")
        try:
            async with asyncio.timeout(request.timeout_s):
                answer = await self._converse(request, self._dialect)
        except TimeoutError as error:
            path, _ = _WAYS[self._profile.api if self._profile else "chat"]
            late = f"{self._server.url}{path}: no answer within {request.timeout_s:.1f} s"
            raise DeadlineExceeded(late) from error
        pieces, language = self._heard(answer, request)
        return Hypothesis(
            pieces,
            language,
            answer.ended,
            run_ms=round(1000 * (time.monotonic() - begun_s)),
            cached_tokens=answer.cached_tokens,
            engine=self.name,
            language_probability=float(bool(answer.language or request.language) or self._tells_language),
            marks=answer.marks if pieces and marks.wanted_for(request) and marks.told_of(language) else None,
        )

    @property
    def _tells_language(self) -> bool:
        """Return whether a language that nobody named is what was heard, and no guess of ours."""
        return bool(self._settings.language) or not (self._profile and self._profile.api == "transcriptions")

    async def healthy(self) -> bool:
        """Return whether the server decodes, and is still what it was when the bridge started."""
        try:
            if not await self._is_up():
                return False
            profile = await introduce(self._server, model=self._settings.asr_model_path, api=self._settings.asr_api)
            if profile.capabilities.prefix < self.capabilities.prefix:
                raise EngineFailed(
                    f"{self._server.url}: cannot continue a text, which calls count on; restart the bridge"
                )
            if profile != self._profile:
                self._profile, self._dialect = profile, Dialect(profile)
            await self._decode_silence()
        except SpeechError as error:
            log.log(logging.DEBUG if is_absence(error) else logging.ERROR, "%s", error)
            return False
        return True

    async def warm_up(self) -> None:
        """Have the server do now what it does only once: compile, and refuse what it does not know."""
        try:
            await self._decode_silence()
        except SpeechError as error:  # calls will find out; it is no reason not to start
            log.warning("%s", error)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    async def _is_up(self) -> bool:
        """Ask for /health; servers that do not know it are asked for their models by `introduce`."""
        try:
            await self._server.get("/health", timeout_s=_HEALTH_S)
        except SpeechError as error:
            return not is_absence(error)
        return True

    async def _decode_silence(self) -> None:
        """Ask for a partial and a final: a server that has just started compiles for the first of each."""
        if self._dialect:
            silence = np.zeros(SAMPLE_RATE, np.float32)
            for final in False, True:
                await self._converse(Request(silence, final=final, timeout_s=_FIRST_S), self._dialect)

    async def _converse(self, request: Request, dialect: Dialect) -> RawTranscript:
        """Ask until the server understands, plainer each time."""
        path, read = _WAYS[self._profile.api if self._profile else "chat"]
        without: frozenset[str] = frozenset()
        refused: SpeechError | None = None
        while True:
            saying = dialect.say(request, without=without, whole=refused is not None)
            try:
                content = await self._server.post(path, saying.body, saying.content_type, timeout_s=request.timeout_s)
            except (BadRequest, EngineLost) as error:
                if saying.omitted:
                    dialect.forget(saying)
                    refused = error
                    continue
                missing = dialect.doubtful(saying, error) if isinstance(error, BadRequest) else frozenset[str]()
                if not missing:
                    raise
                without |= missing
            else:
                if without:
                    log.info("%s: goes without %s", self._server.url, ", ".join(sorted(without)))
                dialect.accepted(saying, without=without, refused=refused)
                return self._server.read(path, content, read)

    def _heard(self, answer: RawTranscript, request: Request) -> tuple[tuple[str, ...], str]:
        """Return (pieces, language) of `answer`."""
        text = "".join(answer.pieces)
        if self._profile and self._profile.api == "transcriptions":
            said = any(map(str.isalnum, text))
            return (answer.pieces, self._language(answer, request)) if said else ((), "")
        if not _fits(text, request, answer.ended):
            raise EngineFailed(f"{self._server.url}: answers {text[:80]!r}, not as Qwen3-ASR does; {TEMPLATE}")
        pieces, language = qwen3.parse(answer.pieces, request.language)
        return pieces, language or (request.language or "" if request.prefix else "")

    def _language(self, answer: RawTranscript, request: Request) -> str:
        """Return the language of what a transcription heard: a text must have one."""
        if told := answer.language or request.language or self._settings.language:
            return told
        if request.languages:
            return request.languages[0]
        if not self._warned:
            self._warned = True
            log.warning("%s does not tell languages: all is taken for %s; set language", self._server.url, _UNTOLD)
        return _UNTOLD


_WAYS: Final = {"chat": (CHAT, messages.read_chat), "transcriptions": (TRANSCRIPTIONS, messages.read_transcription)}


def _fits(text: str, request: Request, ended: Ended) -> bool:
    """Return whether `text` continues what was opened, and begins with its language where nothing was."""
    marked = _MARK in text
    return not marked if request.language else marked or not text.strip() or ended is not Ended.STOP
