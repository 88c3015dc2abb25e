"""Which voices may read a text, the best one first. Pure."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, Protocol, TypeVar

from bot.languages import named
from bridge.speaking.unread import foreign_words, languages_written_in
from bridge.speech.languages import code_of
from bridge.speech.scripts import script

_KANA: Final = ("HIRAGANA", "KATAKANA")
_LATIN: Final = "LATIN"


class Reader(Protocol):
    """What the choice looks at of a voice."""

    @property
    def language(self) -> str:
        """English name of what it speaks, "" where that is not known."""

    @property
    def scripts(self) -> Collection[str]:
        """First words of the Unicode names of the letters that it reads; empty where it says nothing of them."""


R = TypeVar("R", bound=Reader)


def key_of(language: str) -> str:
    """Return what two names of one language have in common: "de" for "German", "de" and "de-AT"; "" for ""."""
    return code_of(named(language)) or language.strip().casefold()


def written_in(text: str) -> str:
    """Return the script of most words of `text`, "" where none has a letter. Kana tell Japanese from Chinese.

    Words are counted, not letters: vowel signs are none. Of as many, those that are not Latin count: English words
    stand among those of many languages.
    """
    counted = Counter(used for word in text.split() if (used := script(word)))
    used = max(counted, key=lambda one: (counted[one], one != _LATIN), default="")
    if used == "CJK" and any(unicodedata.name(sign, "").startswith(_KANA) for sign in text):
        return _KANA[0]
    return used


@lru_cache(maxsize=1024)  # bots may name languages without end
def is_written_so(language: str, used: str) -> bool:
    """Return whether `language` is usually written in the script `used`; of one that is not known, everything is."""
    if not used or not language:
        return True
    key = key_of(language)
    scripts = {script for script, languages in languages_written_in().items() if key in map(key_of, languages)}
    return used in (scripts or {_LATIN})


def in_order(
    text: str,
    language: str,
    *,
    chosen: R | None,
    by_language: Mapping[str, R],
    default: R,
    last: R | None = None,
    aloud: Callable[[R], str] | None = None,
) -> Sequence[tuple[R, str, int]]:
    """Return who can read something of `text`, what each reads, and how many words of it not; the best comes first.

    `language`: of the call, as an English name, a tag or ""; `chosen`: by the bot, for that language. `by_language`
    has keys as `key_of` makes them. `aloud` says what each would read for `text`, figures in words.

    Who speaks the language comes first, unless the script of the text is of another one: Devanagari is for the Hindi
    voice in an English call, while Latin letters stay with a Hindi voice that reads them, too. Then the default, then
    who reads the script at all. Who reads every word goes before who does not; `last` comes behind all of them.
    """
    used = written_in(text)

    def able(readers: Iterable[R]) -> Iterator[tuple[R, str, int]]:
        for reader in readers:
            read = aloud(reader) if aloud else text
            foreign, words = foreign_words(read, reader.scripts) if reader.scripts else (0, 1)
            if foreign < words:
                yield reader, read, foreign

    preferred = dict.fromkeys(_preferred(used, language, chosen=chosen, by_language=by_language, default=default))
    behind = [last] if last and last not in preferred else []
    return [*sorted(able(preferred), key=lambda one: one[2] > 0), *able(behind)]


def _preferred(used: str, language: str, *, chosen: R | None, by_language: Mapping[str, R], default: R) -> Iterator[R]:
    if chosen:
        yield chosen
    key = key_of(language)
    own = by_language.get(key) or (default if key and key_of(default.language) == key else None)
    usual = is_written_so(language, used) or used == _LATIN
    if own and (usual or used in own.scripts):
        yield own
    if used != _LATIN:
        yield from (voice for spoken, voice in by_language.items() if used and is_written_so(spoken, used))
    yield default
    yield from (voice for voice in by_language.values() if not used or used in voice.scripts)
    yield from (voice for voice in by_language.values() if not voice.scripts)
