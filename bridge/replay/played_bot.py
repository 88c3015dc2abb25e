"""The bot of a replay: it says and does what it did, when it did."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from bot.actions import Action, ActionFailed, Handoff, PlayFile
from bot.api import Bot, CallInfo, CallNote, Final, Heard, Partial, Speaker, Turn
from bridge.capture.captured_bot import WISHES
from bridge.capture.notation import NotWritten, piece_of
from bridge.replay.answers import Answers, Readings
from bridge.replay.wire_record import Question, WireLine

_SOON_S = 3.0
"""A reply that the record has so much later at most may be the one that is asked for."""
_ASKED_FOR = ("cue", "preemption", "note")


class Script:
    """What the bots of a call said and wanted, whichever had it."""

    def __init__(self, answers: Answers, folder: Path) -> None:
        """`folder`: where the recordings that they played are, by their names in the record."""
        self.answers, self._folder = answers, folder
        self._wishes = {
            what: [each for each in answers.record.wishes if each.text("what") == what] for what in _ASKED_FOR
        }
        self.readings = {name: Readings(answers, name, first) for name, first in WISHES.items()}

    def wishes(self, what: str) -> Sequence[WireLine]:
        """Return what bots wanted by now, each once."""
        waiting = self._wishes[what]
        now = [line for line in waiting if line.after <= self.answers.schedule.reached]
        self._wishes[what] = waiting[len(now) :]
        return now

    def piece(self, line: WireLine) -> str | Action:
        """Return the piece that `line` tells of.

        Raises:
            RecordFault: it tells of none.
        """
        try:
            piece = piece_of(line.body)
        except NotWritten as error:
            raise self.answers.record.fault(line, error) from error
        if piece is None:
            return Handoff(PlayedBot(self))
        if isinstance(piece, PlayFile) and line.text("file") in self.answers.record.files:
            return replace(piece, path=str(self._folder / line.text("file")))
        return piece


class PlayedBot(Bot):
    """A bot of a call that was kept."""

    speculates: ClassVar[bool]

    def __init__(self, script: Script) -> None:
        self._script, self._answers = script, script.answers

    def __getattribute__(self, name: str) -> object:
        if name in WISHES:
            return self._script.readings[name].now
        return super().__getattribute__(name)

    # ------------------------------------------------------------ what it says

    def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
        return self._said("on_call", {})

    def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        return self._said("reply", {"text": turn.text})

    def on_takeover(self, turn: Turn) -> AsyncIterator[str | Action]:
        return self._said("on_takeover", {"text": turn.text})

    def on_silence(self, count: int) -> AsyncIterator[str | Action]:
        return self._said("on_silence", {"count": count})

    def on_cue(self) -> AsyncIterator[str | Action]:
        return self._said("on_cue", {})

    async def _said(self, hook: str, asked: Mapping[str, object]) -> AsyncIterator[str | Action]:
        if (question := self._asked(hook, asked)) is None:
            return
        lines = [*question.pieces, *([question.end] if question.end else [])]
        for index, line in enumerate(lines):
            await self._answers.at(line)
            if line.kind == "piece":
                try:
                    yield self._script.piece(line)
                except ActionFailed:
                    if index + 1 == len(lines):  # in the record it did happen, or nobody knows what became of it
                        raise
        if question.end is None:
            await self._answers.given_up(question)

    def _asked(self, hook: str, asked: Mapping[str, object]) -> Question | None:
        """Return the same question of the record, else the unanswered one of this hook that is nearest in time."""

        def of_hook(question: Question) -> bool:
            return question.line.text("hook") == hook

        def same(question: Question) -> bool:
            return of_hook(question) and all(question.line.body.get(key) == value for key, value in asked.items())

        answers = self._answers
        if found := answers.question("hook", same):
            return found
        answers.guessed[hook] += 1
        now_s = answers.now_s
        near = _nearest(answers.record.questions["hook"], of_hook, now_s)
        return near and answers.question("hook", lambda each: each is near)

    # ------------------------------------------------------------ what it is told

    async def on_answered(self, by: str) -> None:
        await self._told("on_answered")

    async def on_partial(self, partial: Partial) -> None:
        await self._told("on_partial")

    async def on_final(self, final: Final) -> None:
        await self._told("on_final")

    async def on_language(self, language: str) -> None:
        await self._told("on_language")

    async def on_dtmf(self, digit: str) -> None:
        await self._told("on_dtmf")

    async def on_interrupted(self, heard: Heard) -> None:
        await self._told("on_interrupted")

    async def on_played(self, text: str) -> None:
        await self._told("on_played")

    async def on_speaking(self, speaker: Speaker, speaking: bool) -> None:
        await self._told("on_speaking")

    async def on_drain(self) -> None:
        await self._told("on_drain")

    async def on_end(self, reason: str) -> None:
        await self._told("on_end")

    async def _told(self, hook: str) -> None:
        question = self._answers.question("hook", lambda each: each.line.text("hook") == hook)
        if question and question.end:
            await self._answers.at(question.end)

    # ------------------------------------------------------------ what it asks for

    def take_cue(self) -> bool:
        return bool(self._script.wishes("cue"))

    def take_preemption(self) -> bool:
        return bool(self._script.wishes("preemption"))

    def take_notes(self) -> Sequence[CallNote]:
        return [_note(line) for line in self._script.wishes("note")]


def _note(line: WireLine) -> CallNote:
    data = line.body.get("data")
    return CallNote(line.text("name"), line.text("text"), data if isinstance(data, dict) else {})


def _nearest(asked: Sequence[Question], of_hook: Callable[[Question], bool], now_s: float) -> Question | None:
    waiting = [each for each in asked if of_hook(each) and not each.used and each.line.t_s <= now_s + _SOON_S]
    return min(waiting, key=lambda each: abs(each.line.t_s - now_s), default=None)
