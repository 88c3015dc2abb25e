"""All there is to know to write a bot or a voice."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Mono float32 in [-1, 1], shape (n,)."""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """Who calls whom, over what."""

    call_id: str
    caller: str = ""
    callee: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the webhook or the dial plan passed along."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What the caller seems to be saying; the next one may differ."""

    text: str
    language: str
    """English name, e.g. "English"."""


@dataclass(frozen=True, slots=True)
class Final:
    """One utterance of the caller, settled. Every one arrives exactly once, in order."""

    text: str
    language: str
    began_ms: int
    """Media time: milliseconds since the call began."""
    ended_ms: int


class Speaker(StrEnum):
    CALLER = "caller"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the conversation. The bot's hold only what the caller has heard."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """The caller has spoken and it is the bot's turn."""

    call: CallInfo
    text: str
    """All the caller has said since the bot was last heard."""
    language: str
    history: Sequence[Line] = ()
    """The conversation before this turn."""


class Bot:
    """Base of a bot; one instance a call, so attributes may hold the state of the call. Override what you need.

    One more instance is made at start-up, without a call: a bot that cannot be made must show before the first call.

    An exception in a hook is logged and the caller hears the fallback sentence; the call goes on.
    """

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        """The call has begun: yield a greeting, or nothing."""
        nothing: tuple[str, ...] = ()
        for text in nothing:
            yield text

    async def on_partial(self, partial: Partial) -> None:
        """The caller is speaking. Partials that come while this one is handled are skipped, newest wins."""

    async def on_final(self, final: Final) -> None:
        """An utterance is settled; `reply` follows unless the caller goes on speaking."""

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        """Yield the answer as it is made; each sentence is spoken as soon as it is whole.

        Cancelled (asyncio.CancelledError at the current await) when the caller barges in.
        """
        nothing: tuple[str, ...] = ()
        for text in nothing:
            yield text

    async def on_dtmf(self, digit: str) -> None:
        """The caller pressed a key: one of 0-9 * # A-D."""

    async def on_interrupted(self, heard: str) -> None:
        """The caller barged in; `heard` is what reached the caller of the reply."""

    async def on_end(self, reason: str) -> None:
        """The call is over."""


class Tts(Protocol):
    """A voice, shared by all calls."""

    sample_rate: int
    """Hertz of what `speak` yields."""

    def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        """Yield the audio of one sentence in order, as it is made. Never blocks the event loop.

        Raises:
            RuntimeError: the voice failed; the caller hears the fallback recording instead.
        """

    def close(self) -> None:
        """Free what was loaded."""
