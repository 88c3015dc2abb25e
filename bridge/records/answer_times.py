"""Where the time went between the end of the caller's speech and the bot's voice in their ear. Pure."""

from collections.abc import Callable
from typing import Final, Literal

Part = Literal["final", "judged", "text", "made", "sent", "heard"]

PARTS: Final[tuple[Part, ...]] = ("final", "judged", "text", "made", "sent", "heard")
"""In the order in which they usually come: the final was decoded, the turn was judged to be over, the bot's first words
came, its first audio was made, left, and was heard, as the far side's mark tells."""


class AnswerTimes:
    """The answer under way. What is stamped counts once for each turn of the caller."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: seconds of any clock that never goes back."""
        self._clock = clock
        self._ended_s: float | None = None  # the caller's speech
        self._at_s: dict[Part, float] = {}
        self._before: dict[str, int] = {}  # the answer before, until it is taken
        self._before_ended_s = 0.0

    def speech_ended(self, *, ago_ms: int) -> None:
        """The caller's turn was judged to be over; their speech ended `ago_ms` ago.

        A final that was decoded, and a reply that was begun, at a pause belong to this turn; what was sent before the
        speech ended does not.
        """
        now_s = self._clock()
        self._ended_s = end_s = now_s - ago_ms / 1000
        begun_ahead = self._at_s.get("sent", end_s) >= end_s
        known = {"final", "text", "made", "sent"} if begun_ahead else {"final"}
        self._at_s = {part: max(at_s, end_s) for part, at_s in self._at_s.items() if part in known}
        self._at_s["judged"] = now_s

    def asked(self) -> None:
        """Another reply begins: an answer that was sent is complete, but for when it was heard."""
        if self._ended_s is not None and "sent" in self._at_s:
            self._before, self._before_ended_s = self._parts(self._ended_s), self._ended_s
            self._ended_s, self._at_s = None, {}

    def stamp(self, part: Part) -> None:
        """`part` is there. The first counts, of the newest reply: the words of another begin anew what follows them."""
        waiting = self._ended_s is None or "sent" not in self._at_s
        if part == "text" and waiting:
            self._at_s = {known: at_s for known, at_s in self._at_s.items() if known in {"final", "judged"}}
        if part == "final":
            self.asked()  # it belongs to what comes, whether a reply to it is begun or not
            if self._ended_s is None:
                self._at_s.pop("final", None)
        self._at_s.setdefault(part, self._clock())

    def heard(self, *, ago_ms: int) -> None:
        """The caller began to hear a sentence `ago_ms` ago: if it is the first of the answer, that is when they did."""
        at_s = self._clock() - ago_ms / 1000
        if self._before and "heard_ms" not in self._before:
            heard_ms = round((at_s - self._before_ended_s) * 1000)
            self._before["heard_ms"] = max(self._before["sent_ms"], heard_ms)
        elif (sent_s := self._at_s.get("sent")) is not None and "heard" not in self._at_s:
            self._at_s["heard"] = max(sent_s, at_s)

    def forget(self) -> None:
        """Nothing answers what was said."""
        self._ended_s = None
        self._at_s.clear()

    def take(self) -> dict[str, int]:
        """Return the parts of the last answer, as milliseconds since the end of speech; empty where none was sent."""
        self.asked()
        self._ended_s = None
        taken, self._before = self._before, {}
        return taken

    def _parts(self, ended_s: float) -> dict[str, int]:
        return {f"{part}_ms": round((self._at_s[part] - ended_s) * 1000) for part in PARTS if part in self._at_s}
