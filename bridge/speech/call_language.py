"""The language of one call: found out by its first turns, kept, and changed on clear evidence only. Pure."""

from collections.abc import Collection
from typing import Final

from bridge.speech.languages import code_of
from bridge.speech.stability import words

_UNSURE_MS: Final = 1500
"""By the first second Whisper base finds the language of 25 % (Spanish) to 100 % (English) of prompts that people read,
by the whole of them that of 88 to 100 %: bench/languages.py."""
_CLEAR: Final = 0.7
"""P(language) from which on an utterance may contradict the language of the call."""
_SETTLED: Final = 1.5
"""Seconds of speech, times their probability, that settle the language: one sentence."""
_LEAD: Final = 1.5
"""Another language takes over with so many times the evidence: one long sentence, or two of usual length."""
_KEPT: Final = 0.6
"""Of the evidence so far, behind each utterance: who has changed is not held to what they spoke before."""
_MOST: Final = 5.0
"""Seconds of evidence for one language: however long a caller spoke it, they may change."""


class CallLanguage:
    """Which language the caller speaks, by votes of their utterances: longer and surer ones weigh more."""

    def __init__(self, *, allowed: Collection[str] = (), forced: str = "") -> None:
        """`allowed`: English names that it may be, () is any; `forced`: it is this one. Both may be codes, too."""
        self.allowed = tuple(allowed)
        self._forced = forced or (self.allowed[0] if len(self.allowed) == 1 else "")
        self._votes: dict[str, float] = {}
        self._settled = ""

    @property
    def now(self) -> str:
        """The language of the call, "" where it is not known yet."""
        return self._forced or self._settled

    def force(self, language: str) -> None:
        """The caller is to speak `language`; "" has it found out anew, within what is allowed."""
        self._forced, self._settled = language or (self.allowed[0] if len(self.allowed) == 1 else ""), ""
        self._votes.clear()

    def told(self, spoken_ms: int) -> str:
        """Return the language that so much speech is to be decoded in, "" where the engine is to find out."""
        return self._forced or (self._settled if spoken_ms < _UNSURE_MS else "")

    def instead_of(self, language: str, *, probability: float) -> str:
        """Return what to decode again with, where the engine decided for `language`; "" where that may be."""
        if not language or _same(language, self.now):
            return ""
        if self.allowed and not any(_same(language, one) for one in self.allowed):
            return self.now or self.allowed[0]
        return self.now if probability < _CLEAR else ""

    def heard(self, text: str, language: str, *, spoken_ms: int, probability: float = 1.0) -> bool:
        """Take an utterance into account; return whether the language of the call is another now, or known at last.

        One word says nothing: names, "okay" and "hello" are of many languages.
        """
        if self._forced or not (language and probability) or len(words(text)) < 2:
            return False
        votes = {name: vote * _KEPT for name, vote in self._votes.items()}
        name = next((name for name in votes if _same(name, language)), language)
        votes[name] = min(_MOST, votes.get(name, 0.0) + probability * spoken_ms / 1000)
        self._votes = votes
        leader = max(votes, key=lambda name: votes[name])
        needed = _LEAD * votes.get(self._settled, 0.0) if self._settled else _SETTLED
        if leader == self._settled or votes[leader] < needed:
            return False
        self._settled = leader
        return True


def _same(one: str, other: str) -> bool:
    return bool(one) and (code_of(one) or one.casefold()) == (code_of(other) or other.casefold())
