"""Backchannels, commands, line checks: what callers say over the bot that never interrupts it, or always does. Pure.

The lists are data, by language, in phrases.toml.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Final

from bridge.speech.languages import code_of
from bridge.speech.stability import words

_ANY: Final = "any"
_SHIPPED: Final = files("bridge.turns").joinpath("phrases.toml").read_text("utf-8")
"""Read on import: no call waits for the disk."""
_KINDS: Final = ("backchannels", "commands", "line_checks")

Phrase = tuple[str, ...]


class Meaning(StrEnum):
    """What the caller's words mean while the bot speaks."""

    NOTHING = "nothing"
    BACKCHANNEL = "backchannel"  # the caller listens
    ECHO = "echo"  # the bot's own words
    LINE_CHECK = "line check"  # "hello?" while nothing of the reply was heard
    ASIDE = "aside"  # said to somebody else, or by somebody else
    WORDS = "words"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class _Lists:
    backchannels: frozenset[Phrase] = frozenset()
    commands: frozenset[Phrase] = frozenset()
    line_checks: frozenset[Phrase] = frozenset()


class Backchannels:
    """The backchannels, the commands and the line checks that a call knows."""

    def __init__(self, lists: Mapping[str, _Lists], *, extra: _Lists) -> None:
        """`lists`: by language code, "any" for all languages. `extra`: of all languages; overrides `lists`."""
        self._lists, self._any = lists, _joined(lists.get(_ANY, _Lists()), extra)
        self._all = {code: _joined(known, self._any) for code, known in lists.items()}

    def meaning(self, text: str, language: str) -> Meaning:
        """Return what `text` means: NOTHING, BACKCHANNEL, WORDS or COMMAND.

        `language`: an English name or a code, "" where it is not known.
        """
        said = normal(text)
        known = self._known(language)
        if not said:
            return Meaning.NOTHING
        if _holds(said, known.commands):
            return Meaning.COMMAND
        return Meaning.BACKCHANNEL if _consists_of(said, known.backchannels) else Meaning.WORDS

    def is_line_check(self, text: str, language: str, *, partial: bool) -> bool:
        """Return whether `text` only asks whether anybody is there; "mm-hm" beside it changes nothing.

        `partial`: more words may follow, so that the beginning of such a question is enough.
        """
        said, known = normal(text), self._known(language)
        if _consists_of(said, known.backchannels):
            return False
        begun = known.line_checks if partial else frozenset[Phrase]()
        return _consists_of(said, known.line_checks | known.backchannels, begun=begun)

    def _known(self, language: str) -> _Lists:
        return self._all.get(code_of(language) or "", self._any)


def normal(text: str) -> Phrase:
    """Return the words of `text` as they are compared: without case, punctuation and hyphens."""
    return tuple(words(text.replace("-", " ")))


def shipped(*, backchannels: Iterable[str] = (), commands: Iterable[str] = ()) -> Backchannels:
    """Return the lists that come with the bridge; add the given phrases, of any language."""
    return parse(_SHIPPED, backchannels=backchannels, commands=commands)


def parse(text: str, *, backchannels: Iterable[str] = (), commands: Iterable[str] = ()) -> Backchannels:
    """Read TOML: a table of `backchannels`, `commands` and `line_checks` for each language code. Add the given phrases.

    Raises:
        ValueError: `text` is no such TOML; the message names the place.
    """
    return Backchannels(_lists(text), extra=_Lists(_phrases(backchannels), _phrases(commands)))


@lru_cache(maxsize=8)  # each route of a server reads them, and each call that is replayed
def _lists(text: str) -> Mapping[str, _Lists]:
    return {code: _read(code, table) for code, table in tomllib.loads(text).items()}


def _read(code: str, table: object) -> _Lists:
    if not isinstance(table, dict) or table.keys() - set(_KINDS):
        raise ValueError(f"[{code}]: a language has lists named {', '.join(_KINDS)}, nothing else")
    if code != _ANY and code_of(code) is None:
        raise ValueError(f"[{code}]: no language code; {_ANY} is for all languages")
    for kind, phrases in table.items():
        if not isinstance(phrases, list) or not all(isinstance(phrase, str) and normal(phrase) for phrase in phrases):
            raise ValueError(f"[{code}] {kind}: must be a list of words and phrases in quotes")
    return _Lists(*(_phrases(table.get(kind, ())) for kind in _KINDS))


def _phrases(texts: Iterable[str]) -> frozenset[Phrase]:
    return frozenset(phrase for phrase in map(normal, texts) if phrase)


def _joined(one: _Lists, other: _Lists) -> _Lists:
    """Return both; a phrase that `other` has as one kind is not the other kind, whatever `one` says."""
    backchannels = (one.backchannels - other.commands) | other.backchannels
    commands = (one.commands - other.backchannels) | other.commands
    return _Lists(backchannels, commands, one.line_checks | other.line_checks)


def _holds(said: Phrase, phrases: frozenset[Phrase]) -> bool:
    longest = max(map(len, phrases), default=0)
    ends = ((i, j) for i in range(len(said)) for j in range(i + 1, min(i + longest, len(said)) + 1))
    return any(said[i:j] in phrases for i, j in ends)


def _consists_of(said: Phrase, phrases: frozenset[Phrase], *, begun: frozenset[Phrase] = frozenset()) -> bool:
    """Return whether `said` is a sequence of `phrases` and nothing else, but maybe the beginning of one of `begun`."""
    longest = max(map(len, phrases), default=0)
    reached = {0}
    for begin in range(len(said)):
        if begin in reached:
            ends = range(begin + 1, min(begin + longest, len(said)) + 1)
            reached |= {end for end in ends if said[begin:end] in phrases}
    rests = [said[begin:] for begin in reached if len(said) - begin < longest]
    return len(said) in reached or any(phrase[: len(rest)] == rest for rest in rests for phrase in begun)
