"""What is taken out of the entries of one call, of earlier ones too, once the rest of a number is said. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.records.entries import Entry, EntryKind
from bridge.redaction.dictation import DictatedPart, Dictation
from bridge.redaction.redactor import Redactor

_NAMES: Final = frozenset("call_id caller callee forwarded_from peer path url sha256 node version".split())
"""Of a call, by which it is found and deleted: they are no words of anybody."""
_LONGEST_GAPS_S: Final = {EntryKind.CALLER: 120.0, EntryKind.BOT: 120.0, EntryKind.TARGET: 120.0, EntryKind.KEYS: 10.0}
"""Who says a number may say it in several entries of these kinds, each so long behind the one before."""
_TEXT: Final = "text"
_UNHEARD: Final = "unheard"
"""The words of an entry: what was cut of a reply goes on behind what was heard."""
_MARGIN_MS: Final = 200
"""Recognisers place words no more exactly."""

_Place = tuple[int, str]
"""The number of an entry, and which of its words."""
Words = Sequence[tuple[str, int, int]]
"""Each with the media time at which it begins and ends."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an entry."""

    entry: Entry
    amended: Sequence[Entry] = ()
    """Earlier ones, as they are now."""
    silent_ms: Sequence[tuple[int, int]] = ()
    """From which media time to which the caller said what was taken out."""


class CallRedaction:
    """The redaction of one call."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._forget()

    def _forget(self) -> None:
        self._dictations: dict[EntryKind, Dictation[_Place]] = {
            kind: Dictation(self._redactor, longest_gap_s=gap_s) for kind, gap_s in _LONGEST_GAPS_S.items()
        }
        self._said: dict[EntryKind, dict[int, tuple[Entry, Words]]] = {kind: {} for kind in _LONGEST_GAPS_S}

    def take(self, entry: Entry, words: Words = ()) -> Taken:
        """Return what is kept of `entry`. `words`: of its text, where their times are known."""
        if not self._redactor.active:
            return Taken(entry)
        if entry.kind is EntryKind.ENDED:  # what is held of the call is held no longer than its numbers go on
            self._forget()
        dictation = self._dictations.get(entry.kind)
        if dictation is None:
            return Taken(replace(entry, text=self._redactor.text(entry.text), data=self._data(entry)))
        said = self._said[entry.kind]
        said[entry.number] = (replace(entry, data=self._data(entry, but=_UNHEARD)), words)
        changed: dict[_Place, DictatedPart[_Place]] = {}
        for field, text in ((_TEXT, entry.text), (_UNHEARD, entry.data.get(_UNHEARD))):
            if isinstance(text, str):
                changed |= {part.key: part for part in dictation.add((entry.number, field), text, entry.at)}
        silent = [span for part in changed.values() for span in self._silent(said, part)]
        for part in changed.values():
            kept, its_words = said[part.key[0]]
            said[part.key[0]] = (_with(kept, part.key[1], dictation.redacted(part)), its_words)
        numbers = sorted({number for number, _ in changed} - {entry.number})
        taken = Taken(said[entry.number][0], [said[number][0] for number in numbers], silent)
        for number in said.keys() - {number for number, _ in dictation.keys}:
            del said[number]  # no number goes on from there
        return taken

    def _data(self, entry: Entry, *, but: str = "") -> Mapping[str, object]:
        names = _NAMES | {but}
        return {key: value if key in names else self._redactor.value(value) for key, value in entry.data.items()}

    def _silent(self, said: Mapping[int, tuple[Entry, Words]], part: DictatedPart[_Place]) -> Iterator[tuple[int, int]]:
        """Yield when the cards in `part` were said; where the words have no times, the whole of what was said then."""
        entry, words = said[part.key[0]]
        began, ended = entry.data.get("from_ms"), entry.data.get("to_ms")
        if entry.kind is EntryKind.CALLER and isinstance(began, int) and isinstance(ended, int):
            for card in part.cards:
                from_ms, to_ms = _spoken(part.text, words, card) or (began, ended)
                yield max(began, from_ms - _MARGIN_MS), min(ended, to_ms + _MARGIN_MS)


def _with(entry: Entry, field: str, text: str) -> Entry:
    return replace(entry, text=text) if field == _TEXT else replace(entry, data={**entry.data, field: text})


def _spoken(text: str, words: Words, span: tuple[int, int]) -> tuple[int, int] | None:
    """Return when the characters `span` of `text` were said, None where that is not known."""
    at, times = 0, []
    for word, from_ms, to_ms in words:
        begin = text.find(word.strip(), at)
        if begin < 0:
            return None  # the times are those of other words
        at = begin + len(word.strip())
        if begin < span[1] and at > span[0]:
            times.append((from_ms, to_ms))
    return (times[0][0], times[-1][1]) if times else None
