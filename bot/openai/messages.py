"""A call's conversation as a model reads it. Pure. It holds what was heard, and what was done whether heard or not."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.api import Line, Speaker, Turn
from bot.openai.chunks import ToolCall

Message = Mapping[str, object]
"""In the form of the chat completions protocol."""

NO_KEYS: Final = "(The caller pressed no key.)"


@dataclass(frozen=True, slots=True)
class Round:
    """Tools that a model called together."""

    said: str
    """The model's words before them."""
    calls: Sequence[ToolCall]
    results: Sequence[object]
    """str() of each is what the model is told when it is asked: what became of an action shows later."""

    def messages(self, *, aloud: bool) -> list[Message]:
        """Return what was asked for and what came of it; `aloud`: with the words."""
        asked = [
            {"id": call.id, "type": "function", "function": {"name": _name(call), "arguments": _arguments(call)}}
            for call in self.calls
        ]
        told = [
            {"role": "tool", "tool_call_id": call.id, "content": str(result)}
            for call, result in zip(self.calls, self.results, strict=True)
        ]
        return [{"role": "assistant", "content": self.said if aloud else None, "tool_calls": asked}, *told]


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """What was done for some words of the caller: calls of tools, and their results.

    It is told in each later turn, also where the caller spoke over the answer. Then the words come again, with more
    behind them; without this the model would book a second time.
    """

    at: int
    """Lines of the history before these words."""
    text: str
    """The words."""
    rounds: list[Round] = field(default_factory=list)

    def messages(self, *, aloud: bool) -> list[Message]:
        """As `Round`. `aloud` for the reply under way only: what was heard of earlier ones is in the history."""
        return [message for round_ in self.rounds for message in round_.messages(aloud=aloud)]


def words(turn: Turn) -> str:
    """Return what the caller said, or that keys were waited for in vain: no model answers to nothing."""
    return turn.text or ("" if turn.keys is None else NO_KEYS)


def conversation(
    prompt: str, turn: Turn, exchanges: Sequence[Exchange], *, memory: int, now: Exchange | None = None
) -> list[Message]:
    """Return all that the model is to know for `turn`. `memory`: the newest lines of the history, not more.

    `now`: which of `exchanges` belongs to this turn, if any.
    """
    lines = [*turn.history, Line(Speaker.CALLER, words(turn))]
    first = max(0, len(lines) - 1 - memory)
    # Many models take no words of theirs before the first of the other side.
    opening = first == 0
    while lines[first].speaker is Speaker.BOT:
        prompt += f"\n\nYou began the call with: {lines[first].text}" if opening else ""
        first += 1
    talk = _Talk(now)
    for at, block in _blocks(lines, first, {min(exchange.at, len(lines) - 1) for exchange in exchanges}):
        here = [exchange for exchange in exchanges if min(exchange.at, len(lines) - 1) == at]
        if block[0].speaker is Speaker.CALLER:
            talk.hear(" ".join(line.text for line in block), here)
        else:
            talk.say(block, here)
    return [{"role": "system", "content": prompt.strip()}, *talk.messages] if prompt.strip() else talk.messages


def _blocks(lines: Sequence[Line], first: int, cuts: set[int]) -> list[tuple[int, list[Line]]]:
    """Return (index, lines) of what one side said at a time from `first` on; a block begins at each of `cuts`, too."""
    blocks: list[tuple[int, list[Line]]] = []
    for at in range(first, len(lines)):
        if blocks and at not in cuts and lines[at].speaker is blocks[-1][1][-1].speaker:
            blocks[-1][1].append(lines[at])
        else:
            blocks.append((at, [lines[at]]))
    return blocks


class _Talk:
    """Messages in which no side speaks twice in a row: models are trained on such, and some refuse others."""

    def __init__(self, now: Exchange | None) -> None:
        self.messages: list[Message] = []
        self._now = now

    def hear(self, text: str, exchanges: Sequence[Exchange]) -> None:
        """The caller said `text`; each of `exchanges` was about its beginning."""
        told = 0
        for exchange in exchanges:
            upto = len(exchange.text) if text.startswith(exchange.text) else len(text)
            self._add("user", text[told:upto])
            self.messages += exchange.messages(aloud=exchange is self._now)
            told = max(told, upto)
        self._add("user", text[told:])

    def say(self, lines: Sequence[Line], exchanges: Sequence[Exchange]) -> None:
        for exchange in exchanges:
            self.messages += exchange.messages(aloud=exchange is self._now)
        self._add("assistant", " ".join(line.text for line in lines))

    def _add(self, role: str, text: str) -> None:
        if not text.strip():
            return
        before = self.messages[-1] if self.messages else {}
        if before.get("role") == role and "tool_calls" not in before:
            self.messages[-1] = {"role": role, "content": f"{before['content']} {text.strip()}"}
        else:
            self.messages.append({"role": role, "content": text.strip()})


def _name(call: ToolCall) -> str:
    """Return the name as a server takes it: a model may invent any."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", call.name)[:64]


def _arguments(call: ToolCall) -> str:
    """Return the arguments where they are an object; servers read them again, and refuse what they cannot read."""
    try:
        return call.arguments if isinstance(json.loads(call.arguments), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"
