"""Which kind of words the caller has said so far, as far as it tells whether more will come. Pure."""

import re
import unicodedata
from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.speech.wording import Wording, wording


class Kind(StrEnum):
    """What a text is, by its end."""

    NOTHING = "nothing"  # not a word
    ANSWER = "answer"  # nothing but yes, no, okay, one or two digits
    DIGITS = "digits"  # a number of three digits or more, and more may come
    SPELLING = "spelling"  # letter by letter
    EMAIL = "email"  # an address without its end
    ADDRESS = "address"  # one with it
    UNFINISHED = "unfinished"  # it breaks off: "and", "my", "um", a comma
    FINISHED = "finished"  # the recogniser wrote a full stop
    QUESTION = "question"  # or a question mark
    OPEN = "open"  # neither


DICTATED: Final = frozenset({Kind.DIGITS, Kind.SPELLING, Kind.EMAIL})


@dataclass(frozen=True, slots=True)
class Reading:
    kind: Kind
    digits: int = 0
    """Digits at the end of the text: 3 in "my code is four oh 2"."""


_LONGEST: Final = 400
"""Characters at the end of a text that are read. The rest cannot change the answer, only the time it takes."""

_ANSWER_WORDS: Final = 5
"""Words an answer has at most: "nein das ist nicht richtig"."""

_ANSWER_DIGITS: Final = 2
_PHRASE_WORDS: Final = 4
_BREAKS: Final = ("...", ",", "،", "、", "-", "\u2013", "\u2014", ":", ";")
_STOPS: Final = (".", "!", "。", "।", "॥", "\u06d4")
_QUESTIONS: Final = ("?", "؟")
_CLOSING: Final = " \t\n\"'»)\u201d\u2019"
"""What may stand behind a full stop. Text is compared in its compatibility form: wide signs are narrow there."""
_DOMAINS: Final = frozenset(
    "com net org edu gov info biz io me app dev de at ch fr be es it pt br nl eu uk in us".split()
)
_PROVIDERS: Final = frozenset(
    "gmail googlemail yahoo hotmail outlook icloud gmx web mail aol proton protonmail".split()
)
_ADDRESS_WORDS: Final = 8
"""Words at the end of a text that may hold a spoken address."""

_TWO_LETTERS: Final = re.compile(r"(?:^|[\s.,-])[A-ZÀ-ÖØ-Þ][\s.,-]+[A-ZÀ-ÖØ-Þ][\s.,-]*$")
"""Recognisers write spelled letters as capitals: "B-A-U", "B A U." """

_WRITTEN: Final = re.compile(r"\S@(?P<domain>\S*)$")
_WHOLE_DOMAIN: Final = re.compile(rf"[\w-]+(?:\.[\w-]+)*\.(?:{'|'.join(sorted(_DOMAINS))})")


def read(text: str, language: str) -> Reading:
    """Return what `text` is; `language` is an English name or a code, and may be unknown or ""."""
    text = unicodedata.normalize("NFKC", text[-_LONGEST:]).strip()
    known = wording(language)
    words = _words(text)
    said = _without(known.fillers, words)
    if not words:
        return Reading(Kind.NOTHING)
    digits = _digits_at_end(said, known)
    if kind := _dictated(text, said, known, digits=digits):
        return Reading(kind, digits)
    if said and len(said) == len(words) and _is_answer(said, known):
        return Reading(Kind.ANSWER, digits)
    return Reading(_ending(text, words, known), digits)


def is_question(text: str) -> bool:
    """Return whether the last sentence of `text`, which the bot says, asks for an answer."""
    return unicodedata.normalize("NFKC", text).rstrip(_CLOSING).endswith(_QUESTIONS)


def _words(text: str) -> list[str]:
    """Return the words in lower case; signs part words, apostrophes and combining marks do not."""
    straight = text.replace("\u2019", "'")
    kept = (sign if sign == "'" or unicodedata.category(sign)[0] not in "PSC" else " " for sign in straight)
    spaced = "".join(kept).casefold().split()
    return [word for word in (word.strip("'") for word in spaced) if word]


def _without(fillers: Set[str], words: Sequence[str]) -> list[str]:
    """Return `words` up to the last that is no filler."""
    count = len(words)
    while count and (length := _phrase_at_end(words[:count], fillers)):
        count -= length
    return list(words[:count])


def _phrase_at_end(words: Sequence[str], phrases: Set[str]) -> int:
    """Return how many words at the end are one of `phrases`, the longest; 0 when none is."""
    lengths = range(min(_PHRASE_WORDS, len(words)), 0, -1)
    return next((n for n in lengths if " ".join(words[len(words) - n :]) in phrases), 0)


def _digits_at_end(words: Sequence[str], known: Wording) -> int:
    count = 0
    for word in reversed(words):
        if word.isdecimal():
            count += len(word)
        elif word in known.digits:
            count += 1
        elif word in known.numbers:
            count += 2
        else:
            break
    return count


def _dictated(text: str, words: Sequence[str], known: Wording, *, digits: int) -> Kind | None:
    if kind := _written_address(text) or _spoken_address(words, known):
        return kind
    if digits > _ANSWER_DIGITS:
        return Kind.DIGITS
    return Kind.SPELLING if _spelled(text, words, known) else None


def _written_address(text: str) -> Kind | None:
    address = _WRITTEN.search(text.rstrip(".,!? "))
    if not address:
        return None
    return Kind.ADDRESS if _WHOLE_DOMAIN.fullmatch(address["domain"].casefold()) else Kind.EMAIL


def _spoken_address(words: Sequence[str], known: Wording) -> Kind | None:
    """Return whether it is an address ("jo at gmail", "jo dot doe at") and not "I'm at home"."""
    tail = words[-_ADDRESS_WORDS:]
    ats = [n for n, word in enumerate(tail) if n and word in known.at]
    if not ats:
        return None
    host = tail[ats[-1] + 1 :]
    if any(word in known.dot or word in _PROVIDERS for word in host):
        return Kind.ADDRESS if len(host) > 1 and host[-1] in _DOMAINS else Kind.EMAIL
    return Kind.EMAIL if not host and any(word in known.dot for word in tail) else None


def _spelled(text: str, words: Sequence[str], known: Wording) -> bool:
    """Return whether the text ends in two letters, two words of a spelling alphabet, or "B as in boy"."""
    if _TWO_LETTERS.search(text) or all(word in known.letters or word in known.capital for word in ("", *words)[-2:]):
        return True
    example = _phrase_at_end(words[:-1], known.spelled_as)
    return bool(example) and len(words) > example + 1 and len(words[-2 - example]) == 1


def _is_answer(words: Sequence[str], known: Wording) -> bool:
    if len(words) > _ANSWER_WORDS:
        return False
    numerals = known.digits | known.numbers
    if _digits_at_end(words, known) <= _ANSWER_DIGITS and all(word.isdecimal() or word in numerals for word in words):
        return True
    return not _without(known.answers, words)


def _ending(text: str, words: Sequence[str], known: Wording) -> Kind:
    closed = text.rstrip(_CLOSING)
    if closed.endswith(_QUESTIONS):
        return Kind.QUESTION
    if closed.endswith(_BREAKS) or _phrase_at_end(words, known.never_last) or _phrase_at_end(words, known.fillers):
        return Kind.UNFINISHED
    if closed.endswith(_STOPS):
        return Kind.FINISHED
    return Kind.UNFINISHED if _phrase_at_end(words, known.seldom_last) else Kind.OPEN
