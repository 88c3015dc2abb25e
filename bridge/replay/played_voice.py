"""The voices of a replay: they say what they said, as they said it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

import numpy as np

from bot.api import Samples
from bridge.replay.answers import Answers
from bridge.replay.wire_record import Question, WireLine
from bridge.speaking.voices.lexicon import Lexicon
from bridge.speaking.voices.voice import Voice
from bridge.speaking.voices.voices import Voices

_LETTER_S: Final = 0.065
"""Of speech that the record does not hold."""
_LEVEL: Final = 0.05


class PlayedTts:
    """One voice of a call that was kept."""

    def __init__(self, answers: Answers, described: Mapping[str, object], variant: str = "") -> None:
        """`described`: what the record says of it."""
        self._answers, self._described, self._variant = answers, described, variant
        self.name = str(described.get("voice", ""))
        rate = described.get("rate")
        self.sample_rate = rate if isinstance(rate, int) and 0 < rate <= 384_000 else 24_000
        self.language = str(described.get("language", ""))
        self.languages, self.scripts = _texts(described.get("languages")), _texts(described.get("scripts"))
        self.takes_ipa = described.get("takes_ipa") is True

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        """See Tts."""

        def same(question: Question) -> bool:
            asked = question.line.body
            return (asked.get("voice"), asked.get("variant"), asked.get("text")) == (self.name, self._variant, text)

        answers, made = self._answers, 0
        question = answers.question("speak", same, again=True)
        if question:
            for line in question.pieces:
                await answers.at(line)
                samples, _ = answers.record.sound(line)
                made += len(samples)
                yield samples
            if question.end:
                await answers.at(question.end)
                return
            await answers.given_up(question)
        answers.guessed["speak"] += 1
        yield _noise(round(_LETTER_S * len(text) * self.sample_rate) - made)

    def voice(self, name: str) -> "PlayedTts":
        """Return another voice of the engine.

        Raises:
            RuntimeError: there was none of this name in the record.
        """
        for line in self._answers.record.variants:
            if line.body.get("name") == name and line.body.get("voice") == self.name:
                if "refused" in line.body:
                    raise RuntimeError(line.text("refused"))
                return PlayedTts(self._answers, line.body, name)
        raise RuntimeError(f"the record holds no voice {name!r}")

    def close(self) -> None:
        """Nothing is left open."""


def played_voices(answers: Answers) -> Voices:
    """Return the voices of the record.

    Raises:
        RecordFault: it does not describe them.
    """
    begin = answers.record.begin
    told = _table(begin, answers, begin.body.get("voices"), "voices")
    default = _voice(answers, _table(begin, answers, told.get("default"), "voices.default"))
    named = _table(begin, answers, told.get("by_language", {}), "voices.by_language")
    known, by_language = {default.name: default}, dict[str, Voice]()
    for key, each in named.items():
        voice = _voice(answers, _table(begin, answers, each, f"voices.by_language.{key}"))
        by_language[key] = known.setdefault(voice.name, voice)
    last = _table(begin, answers, told.get("last", {}), "voices.last")
    lexicons = _table(begin, answers, told.get("lexicons", {}), "voices.lexicons")
    words = {key: _table(begin, answers, entries, f"voices.lexicons.{key}") for key, entries in lexicons.items()}
    try:
        read = {key: Lexicon({word: str(said) for word, said in each.items()}) for key, each in words.items()}
    except ValueError as error:
        raise answers.record.fault(begin, f"voices.lexicons: {error}") from error
    return Voices(default, by_language, read, _voice(answers, last) if last else None)


def _voice(answers: Answers, described: Mapping[str, object]) -> Voice:
    return Voice(str(described.get("voice", "")), PlayedTts(answers, described))


def _table(line: WireLine, answers: Answers, value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise answers.record.fault(line, f"{name} is {type(value).__name__}, must be an object")
    return value


def _texts(value: object) -> Sequence[str]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _noise(length: int) -> Samples:
    """Return so many samples of what can be heard; the same each time."""
    return (_LEVEL * np.sin(np.arange(max(0, length), dtype=np.float32))).astype(np.float32)
