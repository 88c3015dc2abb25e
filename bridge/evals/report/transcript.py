"""What was said and done in a call, in the order in which it was heard. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.evals.facts import BotDid, CallFacts


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One line."""

    at_ms: float
    who: str
    """caller, bot, tool, action, understood or fault."""
    text: str


def transcript(facts: CallFacts) -> list[TranscriptLine]:
    """Return the lines of a call, the earliest first."""
    lines = [TranscriptLine(act.began_ms, "caller", _act(act.what, act.text)) for act in facts.acts]
    lines += [TranscriptLine(one.from_ms, "understood", one.text) for one in facts.understood]
    lines += [TranscriptLine(said.at_ms, "bot", _said(said.text, said.unheard)) for said in facts.said]
    lines += [TranscriptLine(one.at_ms, "tool", _did(one)) for one in facts.tools]
    lines += [TranscriptLine(one.at_ms, "action", _did(one)) for one in facts.actions]
    end_ms = max((line.at_ms for line in lines), default=0.0)
    lines += [TranscriptLine(end_ms, "fault", fault) for fault in facts.faults]
    return sorted(lines, key=lambda line: line.at_ms)


def as_text(lines: Sequence[TranscriptLine]) -> str:
    """Return the lines as text: seconds, who, what."""
    return "".join(f"{line.at_ms / 1000:8.2f}  {line.who:10}  {' '.join(line.text.split())}\n" for line in lines)


def _act(what: str, text: str) -> str:
    if what in {"say", "chat"}:
        return text
    return f"({what}{f': {text}' if text and text != what else ''})"


def _said(text: str, unheard: str) -> str:
    return f"{text} [not heard: {unheard}]".strip() if unheard else text


def _did(one: BotDid) -> str:
    given = ", ".join(f"{name}={value}" for name, value in one.arguments.items())
    return f"{one.name}({given}){f' -> {one.outcome}' if one.outcome else ''}"
