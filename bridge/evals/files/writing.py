"""A scenario made out of a call of the call log: the caller's part as steps, what the bot did as expectations. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from bridge.evals.facts import arguments_of
from bridge.evals.files.expectations import is_pattern
from bridge.logs import UNPRINTABLE, short
from bridge.records.entries import Entry, EntryKind

_LONGEST: Final = 1900
_LONGEST_NAME: Final = 200
_MOST_VALUES: Final = 50
_MOST_STEPS: Final = 150
"""Of longer calls the begin is taken."""
_COMMENT_CHARS: Final = 300
_KEYS: Final = re.compile(r"[0-9*#]{1,40}")
_NO_YAML: Final = re.compile("[\ufeff\ufffe\uffff]")
_ENDED_BY: Final = frozenset("bot caller bridge operator".split())


@dataclass(slots=True)
class _Step:
    """What the caller did, and what followed."""

    act: list[str]
    said: list[str] = field(default_factory=list)
    """By the bot."""
    expects: list[list[str]] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        first, *rest = self.act
        yield f"  - {first}"
        yield from (f"    {line}" for line in rest)
        yield from (f"    # the bot said: {_comment(text)}" for text in self.said)
        if self.expects:
            yield "    expect:"
        for expected in self.expects:
            head, *more = expected
            yield f"      - {head}"
            yield from (f"        {line}" for line in more)


def as_scenario(
    row: Mapping[str, object], entries: Sequence[Entry], sounds: Mapping[int, str] = MappingProxyType({})
) -> str:
    """Return the call of the log, `row` and `entries`, as the text of a scenario file. It reads as it stands; what the
    bot said is comments, as a model says it otherwise each time. `sounds`: files to play instead of what was said, by
    the numbers of entries.

    Raises:
        ValueError: the caller did nothing in it that is kept.
    """
    steps, by = _steps(entries, sounds), ""
    ended = next((entry for entry in entries if entry.kind is EntryKind.ENDED), None)
    if ended and ended.data.get("ended_by") in _ENDED_BY:
        by = str(ended.data["ended_by"])
    if len(steps) < 2:
        raise ValueError(f"in the call {row['record']} nothing is kept of what the caller said: no scenario")
    started = entries[0].data if entries[0].kind is EntryKind.STARTED else {}
    parameters = started.get("parameters")
    lines = [
        f"# Made of the call {_comment(str(row['record']))} over {_comment(str(row['wire']))}.",
        "# Read it before you keep it: what people say on the telephone is theirs, and the bot may have been wrong.",
        f"name: call {str(row['record'])[:12]}",
        f"settings: {{bot: {quoted(plain(str(row['bot']))[:_LONGEST] or 'echo')}}}",
        *([f"parameters: {_mapping(parameters)}"] if isinstance(parameters, Mapping) and _kept(parameters) else []),
        "steps:",
        *(line for step in steps for line in step.lines()),
        *([f"expect:\n  - ended_by: {by}"] if by else []),
    ]
    return "\n".join(lines) + "\n"


def _steps(entries: Sequence[Entry], sounds: Mapping[int, str]) -> list[_Step]:
    steps = [_Step(["wait: end"])]
    fresh = False  # nothing of the bot came since the caller's newest words
    cut_after_ms: int | None = None
    for entry in entries:
        if len(steps) >= _MOST_STEPS:
            break
        match entry.kind:
            case EntryKind.CALLER if plain(entry.text):
                steps.append(_Step(_words(entry.text, cut_after_ms, sounds.get(entry.number, ""))))
                fresh, cut_after_ms = True, None
            case EntryKind.KEYS if _KEYS.fullmatch(entry.text):
                steps.append(_Step([f"press: {quoted(entry.text)}"]))
                fresh = True
            case EntryKind.BOT if entry.text:
                # A reply is written down when the next one begins, which is after the words that it had not heard.
                steps[-2 if fresh and len(steps) > 1 and "unheard" not in entry.data else -1].said.append(entry.text)
                fresh = False
                played = entry.data.get("played_ms")
                cut_after_ms = int(played) if "unheard" in entry.data and isinstance(played, int | float) else None
            case EntryKind.TOOL if plain(entry.text):
                steps[-1].expects.append(_tool(entry))
    return steps


def _words(text: str, cut_after_ms: int | None, sound: str) -> list[str]:
    if sound:
        after = [] if cut_after_ms is None else [f"after: {cut_after_ms}ms"]
        return [f"play: {quoted(sound)}  # {_comment(text)}", *after]
    said = quoted(plain(text)[:_LONGEST])
    return [f"say: {said}"] if cut_after_ms is None else [f"interrupt: {said}", f"after: {cut_after_ms}ms"]


def _tool(entry: Entry) -> list[str]:
    given = arguments_of(entry.data.get("arguments"))
    name = f"calls_tool: {quoted(plain(entry.text)[:_LONGEST])}"
    return [name, f"with: {_mapping(given)}"] if _kept(given) else [name]


def _kept(values: Mapping[str, object]) -> dict[str, str]:
    """Return what of `values` a scenario file can say."""
    texts = {plain(str(name)): plain(str(value)) for name, value in values.items()}
    said = {n: v for n, v in texts.items() if n and v and len(n) <= _LONGEST_NAME and len(v) <= _LONGEST}
    return dict([item for item in said.items() if not is_pattern(item[1])][:_MOST_VALUES])


def _mapping(values: Mapping[str, object]) -> str:
    return "{" + ", ".join(f"{quoted(name)}: {quoted(value)}" for name, value in _kept(values).items()) + "}"


def _comment(text: str) -> str:
    return short(plain(text), _COMMENT_CHARS)


def plain(text: str) -> str:
    """Return `text` on one line, without what is not printable."""
    return " ".join(_NO_YAML.sub(" ", UNPRINTABLE.sub(" ", text)).split())


def quoted(text: str) -> str:
    """Return `text`, which is plain, as YAML between double quotes: there it is JSON's."""
    return json.dumps(text, ensure_ascii=False)
