"""Which models answer, and where: from the environment, or as the bot's class says."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

OPENAI_URL: Final = "https://api.openai.com/v1"

_NO_KEY: Final = "none"
"""What servers without keys are sent: the client library insists on one."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model on one server. Its text names it in logs and holds no secret."""

    url: str
    """Up to what stands before /chat/completions, e.g. "http://gpu1:8000/v1"."""
    model: str
    key: str = field(default=_NO_KEY, repr=False)
    counts: bool = False
    """It is asked to count tokens at the end of an answer. Some servers refuse such a request."""

    def __str__(self) -> str:
        return f"{self.model} at {urlsplit(self.url).hostname}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a variable says goes before what the class says: who runs a bot is not always who wrote it."""

    endpoints: tuple[Endpoint, ...]
    """In the order in which they are asked: one, or two."""
    prompt: str
    speculates: bool = False
    """Replies may be begun before the caller's turn is over."""
    mcp_urls: tuple[str, ...] = ()
    """Servers whose tools the model may call, beside those of the class."""

    @classmethod
    def read(
        cls,
        *,
        model: str = "",
        prompt: str = "",
        base_url: str = "",
        fallback_url: str = "",
        fallback_model: str = "",
        speculates: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Return what is in force. Reads a file where the prompt is in one.

        Raises:
            RuntimeError: something is missing or wrong; the text names the variable, never a key.
        """
        environ = os.environ if environ is None else environ
        model = environ.get("BRIDGE_LLM_MODEL") or model
        if not model:
            raise RuntimeError("no model: set BRIDGE_LLM_MODEL, e.g. gpt-5-mini, or `model` in the bot's class")
        url = _url(environ.get("OPENAI_BASE_URL") or base_url or OPENAI_URL)
        first = Endpoint(url, model, _key(environ), _flag(environ, "BRIDGE_LLM_USAGE", url == OPENAI_URL))
        if first.url == OPENAI_URL and first.key == _NO_KEY:
            raise RuntimeError("OPENAI_API_KEY is not set; a server that wants no key is named by OPENAI_BASE_URL")
        endpoints = [first]
        if second := environ.get("BRIDGE_LLM_FALLBACK_URL") or fallback_url:
            # The first one's key is not for another's eyes: a second that wants one has a variable of its own.
            key = environ.get("BRIDGE_LLM_FALLBACK_API_KEY") or _NO_KEY
            other = environ.get("BRIDGE_LLM_FALLBACK_MODEL") or fallback_model or model
            endpoints.append(Endpoint(_url(second), other, key, _flag(environ, "BRIDGE_LLM_USAGE", default=False)))
        speculates = _flag(environ, "BRIDGE_LLM_SPECULATE", speculates)
        mcp_urls = tuple(map(_url, environ.get("BRIDGE_LLM_MCP", "").replace(",", " ").split()))
        return cls(
            endpoints=tuple(endpoints),
            prompt=_prompt(environ) or prompt,
            speculates=speculates,
            mcp_urls=mcp_urls,
        )


def _flag(environ: Mapping[str, str], name: str, default: bool) -> bool:
    match environ.get(name, "").strip().lower():
        case "":
            return default
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
        case other:
            raise RuntimeError(f"{name} is {other!r}, must be true or false")


def _key(environ: Mapping[str, str]) -> str:
    return environ.get("OPENAI_API_KEY", "").strip() or _NO_KEY


def _prompt(environ: Mapping[str, str]) -> str:
    text, path = environ.get("BRIDGE_LLM_PROMPT", ""), environ.get("BRIDGE_LLM_PROMPT_FILE")
    if text or not path:
        return text
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RuntimeError(f"BRIDGE_LLM_PROMPT_FILE {path}: {error}") from error


def _url(url: str) -> str:
    """Return `url` without its last slash."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise RuntimeError(
            "the URL of a model or of tools must be http(s)://host[:port]/path, e.g. http://gpu1:8000/v1"
        )
    return url.rstrip("/")
