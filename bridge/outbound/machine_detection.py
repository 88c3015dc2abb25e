"""Who answered a call of ours, a person or a machine, and when a machine takes a message. Pure: time is the media's.

A person says a word or two and waits. A machine speaks on, says what machines say, or beeps.
"""

import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Final

from bridge.speech.languages import code_of
from bridge.turns.backchannels import Phrase, normal

_LISTS: Final = files("bridge.outbound").joinpath("machines.toml").read_text("utf-8")
"""Read on import, so that no call ever waits for the disk."""
_SAID: Final = {
    code: tuple(normal(phrase) for phrase in table["phrases"]) for code, table in tomllib.loads(_LISTS).items()
}
_ALL: Final = tuple(phrase for phrases in _SAID.values() for phrase in phrases)


class Answer(StrEnum):
    """Who it is."""

    HUMAN = "human"
    MACHINE = "machine"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MachineRules:
    """What tells them apart."""

    greeting_ms: int = 2400
    """Speech without a pause that no person greets with."""
    pause_ms: int = 600
    """Silence after a first word that says: your turn."""
    blip_ms: int = 100
    """Speech that is none: a click as the call is picked up."""
    deadline_ms: int = 4000
    """From the answer on; who has not begun to speak by then is taken for a person."""
    over_ms: int = 2500
    """Silence after which a machine's greeting is over though nothing beeped."""
    longest_ms: int = 45_000
    """A greeting lasts no longer; from its first word, or from the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePolicy:
    """What a machine gets."""

    policy: str = "tell"
    """hang-up, message or tell: the bot speaks, after the beep."""
    message: str = ""
    rules: MachineRules = field(default_factory=MachineRules)


def says_machine(text: str, language: str) -> bool:
    """Tell whether `text` is what machines say. `language`: English name; "" or another than listed is any."""
    words = normal(text)
    return any(_within(phrase, words) for phrase in _SAID.get(code_of(language) or "", _ALL))


class Detection:
    """Of one call, from its answer to the verdict."""

    def __init__(self, rules: MachineRules) -> None:
        self._rules = rules
        self._onset_ms: int | None = None  # of the stretch of speech under way, short pauses included
        self._end_ms = 0  # of the newest speech
        self._spoken_ms = 0  # in that stretch
        self.answer: Answer | None = None
        """Once it is known."""

    def hear(self, speech: bool, *, beep: bool = False, from_ms: int, to_ms: int) -> Answer | None:
        """Note a window of audio; return the answer once it is known. `beep`: a tone has just ended."""
        if self.answer is None:
            self.answer = Answer.MACHINE if beep else self._judge(speech=speech, from_ms=from_ms, to_ms=to_ms)
        return self.answer

    def words(self, text: str, language: str) -> Answer | None:
        """Note what was said so far in a stretch; return the answer once it is known."""
        if self.answer is None and says_machine(text, language):
            self.answer = Answer.MACHINE
        return self.answer

    def _judge(self, *, speech: bool, from_ms: int, to_ms: int) -> Answer | None:
        rules = self._rules
        if speech:
            if self._onset_ms is None:
                self._onset_ms, self._spoken_ms = from_ms, 0
            self._end_ms, self._spoken_ms = to_ms, self._spoken_ms + to_ms - from_ms
            if to_ms - self._onset_ms >= rules.greeting_ms:
                return Answer.MACHINE
        elif self._onset_ms is not None and to_ms - self._end_ms >= rules.pause_ms:
            if self._spoken_ms >= rules.blip_ms:
                return Answer.HUMAN
            self._onset_ms = None
        return Answer.UNKNOWN if self._onset_ms is None and to_ms >= rules.deadline_ms else None


class Mailbox:
    """A machine's greeting, from the verdict on: when it takes a message."""

    def __init__(self, rules: MachineRules) -> None:
        self._rules = rules
        self._began_ms: int | None = None
        self._quiet_ms = 0  # since when it says nothing

    def hear(self, speech: bool, *, beep: bool = False, from_ms: int, to_ms: int) -> bool:
        """Note a window of audio; return whether to speak now: after the beep, or where none comes."""
        if self._began_ms is None:
            self._began_ms = self._quiet_ms = from_ms
        if speech:
            self._quiet_ms = to_ms
        late = to_ms - self._began_ms >= self._rules.longest_ms
        return beep or late or to_ms - self._quiet_ms >= self._rules.over_ms


def _within(phrase: Phrase, words: Phrase) -> bool:
    return any(words[at : at + len(phrase)] == phrase for at in range(len(words) - len(phrase) + 1))
