"""Finds out what a server is: which model it has, by which of the two interfaces it is asked, what it makes of them."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from bridge.speech.api import (
    SAMPLE_RATE,
    AsrCapabilities,
    BadRequest,
    DeadlineExceeded,
    EngineFailed,
    EngineLost,
    Overloaded,
    Request,
    SpeechError,
)
from bridge.speech.backends import qwen3
from bridge.speech.backends.openai import messages
from bridge.speech.backends.openai.http import Server
from bridge.speech.backends.openai.messages import RawTranscript, Sound
from bridge.speech.backends.openai.shapes import ListedModel, Models, read
from bridge.speech.remote.refusals import NoSuchPath

log = logging.getLogger(__name__)

Api = Literal["chat", "transcriptions"]
CHAT: Final = "/v1/chat/completions"
TRANSCRIPTIONS: Final = "/v1/audio/transcriptions"
MODELS: Final = "/v1/models"
TEMPLATE: Final = "serve it with --chat-template config/qwen3_asr_chat_template.jinja"

_MODELS_S: Final = 5.0
_FIRST_S: Final = 60.0
"""Seconds for the first decodes of a server: what it compiles, it compiles then."""
_QWEN3_ASR: Final = re.compile(r"qwen3[-_. ]?asr", re.IGNORECASE)
_LONGEST_S: Final = 30.0
_ROOM: Final = 256
"""Tokens of a prompt and its answer beside the audio."""
_TOKENS_A_SECOND: Final = 13
_BUSY: Final = 64
"""Decodes from which on an H200 gains little: 103, 196, 238 a second at 8, 32, 64 in hand (sglang-omni issue 1887)."""


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """What is known of a server."""

    model: str
    """Name of the model in requests."""
    api: Api
    windows: bool = False
    """Whether it hears several pieces of audio as one."""
    room: int | None = None
    """Tokens of prompt and answer together, where it tells."""
    qwen3_asr: bool = True

    @property
    def capabilities(self) -> AsrCapabilities:
        if self.api == "transcriptions":
            return AsrCapabilities(prefix=False, longest_s=_LONGEST_S)
        longest_s = (self.room - _ROOM) / _TOKENS_A_SECOND if self.room else _LONGEST_S
        return AsrCapabilities(
            languages=qwen3.LANGUAGES if self.qwen3_asr else None,
            shortest_s=0.5,  # what the model was given at least when it was trained
            longest_s=max(1.0, min(_LONGEST_S, longest_s)),
            backlog=_BUSY,
        )


async def introduce(server: Server, *, model: str, api: str) -> ServerProfile:
    """Return what `server` is. `model`, `api`: what the settings say, "" and "auto" where it is to be found out.

    Raises:
        EngineLost, DeadlineExceeded, Overloaded: it is not there yet.
        EngineFailed: it is not what the settings say; the text says what to change.
    """
    found = _chosen(await _models(server, model=model, api=api), model, server.url)
    looks_like = bool(_QWEN3_ASR.search(f"{found.id} {found.root or ''}"))
    if api == "transcriptions" or (api == "auto" and not looks_like):
        return ServerProfile(found.id, "transcriptions", qwen3_asr=looks_like)
    profile = ServerProfile(found.id, "chat", room=found.max_model_len, qwen3_asr=looks_like)
    try:
        return replace(profile, windows=await _hears_windows(server, found.id))
    except BadRequest as error:
        raise EngineFailed(
            f"{server.url} does not continue a text; {TEMPLATE}, or set asr_api to transcriptions"
            f" and do without partials that build on each other ({error})"
        ) from error


def is_absence(error: SpeechError) -> bool:
    """Return whether `error` says that a server is not there yet, or not now."""
    return isinstance(error, EngineLost | DeadlineExceeded | Overloaded)


async def _models(server: Server, *, model: str, api: str) -> list[ListedModel]:
    """Return what the server lists; of one that lists nothing, what the settings say."""
    try:
        content = await server.get(MODELS, timeout_s=_MODELS_S)
    except BadRequest as error:
        raise EngineFailed(str(error)) from error
    except NoSuchPath as error:
        if model and api != "auto":
            return [ListedModel(id=model)]
        raise EngineFailed(f"{error}; a server that lists no models needs asr_model_path and asr_api") from error
    return server.read(MODELS, content, lambda body: read(Models, body)).data


def _chosen(models: Sequence[ListedModel], wanted: str, url: str) -> ListedModel:
    names = ", ".join(model.id for model in models[:20]) or "none"
    if not wanted and len(models) != 1:
        raise EngineFailed(f"asr_model_path is empty and {url} has several models or none: {names}; set it to one")
    found = next((model for model in models if wanted in {"", model.id}), None)
    if found is None:
        raise EngineFailed(f"asr_model_path is {wanted!r}; {url} has {names}")
    return found


async def _hears_windows(server: Server, model: str) -> bool:
    """Return whether two seconds given apart are the same prompt as when given together.

    Raises:
        BadRequest: the server cannot be made to continue a text.
    """
    together = await _probe(server, model, seconds=(2,))
    try:
        apart = await _probe(server, model, seconds=(1, 1))
    except BadRequest:  # it takes one piece only
        return False
    return 0 < together.prompt_tokens == apart.prompt_tokens


async def _probe(server: Server, model: str, *, seconds: Sequence[int]) -> RawTranscript:
    """Have silence decoded; also what warms the server up."""
    request = Request(np.zeros(0, np.float32), language="English", prefix="Yes", max_new_tokens=1)
    sounds = [Sound(np.zeros(n * SAMPLE_RATE, np.float32)) for n in seconds]
    body = messages.encoded(messages.chat(request, sounds, model=model))
    content = await server.post(CHAT, body, "application/json", timeout_s=_FIRST_S)
    return server.read(CHAT, content, messages.read_chat)
