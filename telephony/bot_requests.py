"""What a client of a hosted agent's protocol asks of the bot's side, beside speaking to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AskReply:
    """Answer what was said so far, or with `waits`, what was said last, once its final is there."""

    waits: bool = False


@dataclass(frozen=True, slots=True)
class UserText:
    """The client says this in writing: it belongs to the turn, and nobody answers it by itself."""

    text: str


@dataclass(frozen=True, slots=True)
class StopReply:
    """Say no more of the reply under way, and none of those that wait."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """The client has played no more of what was said last than `heard`."""

    heard: str


BotRequest = AskReply | UserText | StopReply | Truncated
