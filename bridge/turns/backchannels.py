"""What callers say over the bot that interrupts it always, or never: data in phrases.toml, by language. Pure."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Final

from bridge.speech.languages import code_of
from bridge.speech.stability import words

_ANY: Final = "any"
_SHIPPED: Final = files("bridge.turns").joinpath("phrases.toml").read_text("utf-8")
"""Read on import, so that no call ever waits for the disk."""
_KINDS: Final = frozenset({"backchannels", "commands"})

Phrase = tuple[str, ...]


class Meaning(StrEnum):
    """What words mean that are said while the bot speaks."""

    NOTHING = "nothing"
    BACKCHANNEL = "backchannel"  # the caller listens
    ECHO = "echo"  # the bot's own words
    WORDS = "words"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class _Lists:
    backchannels: frozenset[Phrase] = frozenset()
    commands: frozenset[Phrase] = frozenset()


class Backchannels:
    """The lists in force."""

    def __init__(self, lists: Mapping[str, _Lists], *, extra: _Lists) -> None:
        self._lists, self._any = lists, _joined(lists.get(_ANY, _Lists()), extra)
        self._all = {code: _joined(known, self._any) for code, known in lists.items()}

    def meaning(self, text: str, language: str) -> Meaning:
        """Return NOTHING, BACKCHANNEL, WORDS or COMMAND; `language`: English name or code, "" where not known."""
        said = normal(text)
        known = self._all.get(code_of(language) or "", self._any)
        if not said:
            return Meaning.NOTHING
        if _holds(said, known.commands):
            return Meaning.COMMAND
        return Meaning.BACKCHANNEL if _consists_of(said, known.backchannels) else Meaning.WORDS


def normal(text: str) -> Phrase:
    """Return the words of `text` as they are compared: without case, punctuation, hyphens."""
    return tuple(words(text.replace("-", " ")))


def shipped(*, backchannels: Iterable[str] = (), commands: Iterable[str] = ()) -> Backchannels:
    """Return the lists that come with the bridge, and the two given, of any language, added."""
    return parse(_SHIPPED, backchannels=backchannels, commands=commands)


def parse(text: str, *, backchannels: Iterable[str] = (), commands: Iterable[str] = ()) -> Backchannels:
    """Read lists: a table of `backchannels` and `commands` for each language code; add the two given, of any language.

    Raises:
        ValueError: it is no such TOML.
    """
    lists = {code: _read(code, table) for code, table in tomllib.loads(text).items()}
    return Backchannels(lists, extra=_Lists(_phrases(backchannels), _phrases(commands)))


def _read(code: str, table: object) -> _Lists:
    if not isinstance(table, dict) or table.keys() - _KINDS:
        raise ValueError(f"[{code}]: a language has lists named {' and '.join(sorted(_KINDS))}, nothing else")
    if code != _ANY and code_of(code) is None:
        raise ValueError(f"[{code}]: no language code; {_ANY} is for all languages")
    for kind, phrases in table.items():
        if not isinstance(phrases, list) or not all(isinstance(phrase, str) and normal(phrase) for phrase in phrases):
            raise ValueError(f"[{code}] {kind}: must be a list of words and phrases in quotes")
    return _Lists(_phrases(table.get("backchannels", ())), _phrases(table.get("commands", ())))


def _phrases(texts: Iterable[str]) -> frozenset[Phrase]:
    return frozenset(phrase for phrase in map(normal, texts) if phrase)


def _joined(one: _Lists, other: _Lists) -> _Lists:
    """A phrase that is asked for as one kind is not the other: what the settings add goes before what is shipped."""
    backchannels = (one.backchannels - other.commands) | other.backchannels
    return _Lists(backchannels, (one.commands - other.backchannels) | other.commands)


def _holds(said: Phrase, phrases: frozenset[Phrase]) -> bool:
    longest = max(map(len, phrases), default=0)
    ends = ((i, j) for i in range(len(said)) for j in range(i + 1, min(i + longest, len(said)) + 1))
    return any(said[i:j] in phrases for i, j in ends)


def _consists_of(said: Phrase, phrases: frozenset[Phrase]) -> bool:
    """Tell whether `said` is nothing but phrases one after the other."""
    longest = max(map(len, phrases), default=0)
    reached = {0}
    for begin in range(len(said)):
        if begin in reached:
            ends = range(begin + 1, min(begin + longest, len(said)) + 1)
            reached |= {end for end in ends if said[begin:end] in phrases}
    return len(said) in reached
