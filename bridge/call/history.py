"""Who said what, and what of it is answered. Of the bot it holds only what was heard. Pure."""

from collections.abc import Sequence

from bot.api import Final, Line, Speaker
from bridge.speech.ear import ScoredWindow

_NOISE_MS = 2500
"""The longest wait of the end of a turn: who has been silent for so long has had their turn, if it was one."""

_MOST_RESTARTS = 2
"""A caller who says more before the bot was heard is answered for all of it, so often; then the reply under way comes
first. Otherwise a slow bot and an impatient caller never meet."""


class CallerSpeech:
    """How long the caller has spoken in the turn under way, in media time."""

    def __init__(self) -> None:
        self.spoken_ms = 0
        self._end_ms = 0  # of their newest speech

    def hear(self, window: ScoredWindow, *, speech: bool) -> None:
        """Note a window of the caller's audio."""
        if speech:
            self.spoken_ms += window.to_ms - window.from_ms
            self._end_ms = window.to_ms

    def spoke_lately(self, now_ms: int) -> bool:
        """Return whether they spoke in this turn and may go on; a noise that opened no turn is over soon."""
        return self.spoken_ms > 0 and now_ms - self._end_ms < _NOISE_MS

    def over(self) -> None:
        """The turn is over."""
        self.spoken_ms = 0


class History:
    """The history of one call, and the caller's words that wait for an answer."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._answering: list[Final] = []  # what the reply under way, or the last one, answers
        self._unanswered: list[Final] = []  # said since
        self._asides: list[Final] = []  # said over that reply, to show that somebody listens
        self._checks: list[Final] = []  # said before a word of that reply was heard, to ask whether anybody is there
        self.restarts = 0
        """How often a reply to what waits was begun and ended unheard."""

    @property
    def lines(self) -> Sequence[Line]:
        """What was said and heard before the words that wait."""
        return tuple(self._lines) + tuple(_lines(self._answering))

    @property
    def overdue(self) -> bool:
        """True where a reply was begun anew so often, unheard, that the one under way is to come to its end."""
        return self.restarts >= _MOST_RESTARTS

    def answered(self) -> tuple[str, str, Sequence[Line]]:
        """Return what the reply under way, or the last one, answers: its text, its language, and the lines before."""
        language = self._answering[-1].language if self._answering else ""
        return " ".join(final.text for final in self._answering), language, tuple(self._lines)

    @property
    def text(self) -> str:
        """What the caller has said and nobody answered."""
        return " ".join(final.text for final in self._unanswered)

    @property
    def language(self) -> str:
        """The language of the newest of it, "" where there is none."""
        return self._unanswered[-1].language if self._unanswered else ""

    def carried(self, *, bot_heard: bool) -> str:
        """Return what the caller said in the turn so far, which goes on where the bot was not heard."""
        open_finals = self._unanswered if bot_heard else self._answering + self._unanswered
        return " ".join(final.text for final in open_finals)

    def say(self, final: Final) -> None:
        """Add what the caller said and wants answered."""
        self._unanswered.append(final)

    def listen(self, final: Final) -> None:
        """Add what the caller said and wants no answer to."""
        self._asides.append(final)

    def check(self, final: Final) -> None:
        """Add what the caller asked to find out whether anybody is there: the reply under way will tell."""
        self._checks.append(final)

    @property
    def checked(self) -> bool:
        """True while the caller waits for a sign that somebody is there."""
        return bool(self._checks)

    def answer(self) -> None:
        """Note that a reply to all that waits is under way."""
        self._answering += self._unanswered
        self._unanswered.clear()

    def settle(self, heard: str, *, silent: bool = False) -> None:
        """Note that the reply is over and `heard` was heard of it. Where that is nothing, what it answered waits again.

        `silent`: the bot had nothing to say, which is an answer too; but not to who asked whether anybody is there.
        """
        if heard or silent:
            self._lines += _lines(self._answering + self._checks if heard else self._answering)
            self._lines += [Line(Speaker.BOT, heard)] if heard else []
            self._lines += _lines(self._asides)
            self._unanswered[:0] = [] if heard else self._checks
            self._asides.clear()
            self.restarts = 0 if heard or self._answering else self.restarts
        else:
            self.restarts += bool(self._answering)
            self._unanswered[:0] = self._answering + self._checks
        self._answering.clear()
        self._checks.clear()

    def truncate(self, heard: str) -> None:
        """Note that no more than `heard` was heard of what the bot said last, where that is what it begins with."""
        index = next((i for i in reversed(range(len(self._lines))) if self._lines[i].speaker is Speaker.BOT), None)
        if index is not None and self._lines[index].text.startswith(heard):
            self._lines[index : index + 1] = [Line(Speaker.BOT, heard)] if heard else []


def _lines(finals: Sequence[Final]) -> list[Line]:
    return [Line(Speaker.CALLER, final.text) for final in finals]
