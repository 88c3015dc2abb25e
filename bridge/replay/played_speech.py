"""What hears and judges in a replay: the answers of the record, or what can be made of them."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from bridge.capture.captured_speech import DecodeSpans
from bridge.capture.notation import NotWritten, of_kind
from bridge.replay.answers import Answers, Readings
from bridge.replay.wire_record import Question, WireLine
from bridge.speech.api import AsrCapabilities, EndOfTurn, EngineFailed, Hypothesis, Request, Samples
from bridge.turns.rolling_quantile import RollingQuantile

_NEAR_MS: Final = 100
"""Audio that begins or ends so near is the same."""
_USUAL_S: Final = 0.1
"""A decode takes so long where the record has none to go by."""


class PlayedVad:
    """The VAD of a call that was kept."""

    def __init__(self, answers: Answers) -> None:
        self.window = answers.record.window
        self._answers, self._next = answers, iter(answers.record.vad)

    async def __call__(self, samples: Samples, /) -> float:
        """See Vad."""
        line = next(self._next, None)
        if line is None:  # the record ends within this window
            return 0.0
        await self._answers.at(line)
        probability = line.body.get("p")
        if not isinstance(probability, int | float):
            raise self._answers.record.fault(line, f"p is {probability!r}, must be a number")
        return float(probability)


class PlayedAsr:
    """The recogniser of a call that was kept. What was never asked is put together from what was heard of that time."""

    def __init__(self, answers: Answers, name: str, capabilities: AsrCapabilities) -> None:
        self.name, self.capabilities = name, capabilities
        self._answers, self._spans = answers, DecodeSpans()
        self._heard = Decodes(answers)

    async def decode(self, request: Request, /) -> Hypothesis:
        """See Asr."""
        from_ms, length_ms = self._spans.of(request, self._answers.media_ms())

        def same(question: Question) -> bool:
            asked = question.line
            return (
                asked.body.get("final") == request.final
                and asked.text("prefix") == request.prefix
                and abs(asked.number_of("from_ms") - from_ms) <= _NEAR_MS
                and abs(asked.number_of("length_ms") - length_ms) <= _NEAR_MS
            )

        answers = self._answers
        question = answers.question("decode", same, again=True)
        if question and question.end:
            await answers.at(question.end)
            return hypothesis_of(answers, question.end)
        if question:  # it took longer than until then, and here it is waited for
            await answers.given_up(question)
        else:
            answers.guessed["decode"] += 1
        await answers.later(self._heard.usual_s(final=request.final))
        return self._heard.between(from_ms, from_ms + length_ms, prefix=request.prefix)

    async def healthy(self) -> bool:
        """See Asr."""
        return True

    async def recovered(self) -> None:
        """See Recogniser."""
        question = self._answers.question("recovered", lambda _: True)
        if question and question.end:
            await self._answers.at(question.end)

    def check_language(self, language: str | None) -> None:
        """See Recogniser. The record's had checked it."""

    def close(self) -> None:
        """Nothing is left open."""


class Decodes:
    """All that was recognised of a call, by its place in it."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        asked = answers.record.questions["decode"]
        self._answered = [each for each in asked if each.end and each.end.kind == "done"]

    def usual_s(self, *, final: bool) -> float:
        """Return the seconds that decodes took in the record."""
        took = [each.took_s for each in self._answered if each.line.body.get("final") is final]
        return median(took) if took else _USUAL_S

    def between(self, from_ms: int, to_ms: int, *, prefix: str) -> Hypothesis:
        """Return what was heard from `from_ms` to `to_ms` as the continuation of `prefix`: utterance by utterance the
        text of the longest decode in that time."""
        best: dict[int, tuple[int, Question]] = {}
        for each in self._answered:
            begins_ms = each.line.number_of("from_ms")
            ends_ms = begins_ms + each.line.number_of("length_ms")
            if begins_ms < from_ms - _NEAR_MS or ends_ms > to_ms + _NEAR_MS:
                continue
            if begins_ms not in best or ends_ms >= best[begins_ms][0]:
                best[begins_ms] = ends_ms, each
        texts, language = list[str](), ""
        for _, (_, each) in sorted(best.items()):
            assert each.end
            found = hypothesis_of(self._answers, each.end)
            texts.append((each.line.text("prefix") + found.text).strip())
            language = found.language or language
        whole = " ".join(text for text in texts if text)
        return Hypothesis([f"{word} " for word in _rest(whole, prefix)], language)


def _rest(text: str, prefix: str) -> Sequence[str]:
    """Return the words of `text` behind `prefix`, or behind as many words where it begins otherwise."""
    if text.startswith(prefix.strip()):
        return text[len(prefix.strip()) :].split()
    return text.split()[len(prefix.split()) :]


def hypothesis_of(answers: Answers, line: WireLine) -> Hypothesis:
    """Return what a decode answered in the record.

    Raises:
        RecordFault: the line does not say it.
    """
    answer = {key: value for key, value in line.body.items() if key in Hypothesis.__dataclass_fields__}
    try:
        return of_kind(Hypothesis, {"pieces": [], "language": "", **answer})
    except NotWritten as error:
        raise answers.record.fault(line, error) from error


class PlayedEnding:
    """What judged the ends of turns in a call that was kept."""

    def __init__(self, answers: Answers, otherwise: EndOfTurn | None) -> None:
        """`otherwise` judges what the record does not hold; None: nobody does."""
        self._answers, self._otherwise = answers, otherwise

    async def probability(self, audio: Samples, text: str, language: str, /) -> float:
        """See EndOfTurn.

        Raises:
            EngineFailed: the record does not hold it.
        """
        question = self._answers.question("judge", lambda each: each.line.text("text") == text, again=True)
        if (question is None or question.end is None) and self._otherwise:
            return await self._otherwise.probability(audio, text, language)
        if question is None or question.end is None:
            self._answers.guessed["judge"] += 1
            raise EngineFailed("the record holds no judgement of this text")
        await self._answers.at(question.end)
        probability = question.end.body.get("p")
        if not isinstance(probability, int | float):
            raise self._answers.record.fault(question.end, f"p is {probability!r}, must be a number")
        return float(probability)

    def close(self) -> None:
        """Nothing is left open."""


class PlayedQuantile(RollingQuantile):
    """How long finals took in the process that the record is of."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(0, window=1)
        self._readings = Readings(answers, "time_to_final", 0)

    def add(self, value: int) -> None:
        """It is what it was in the record."""

    def quantile(self, share: float) -> int:
        """See RollingQuantile."""
        value = self._readings.now
        return value if isinstance(value, int) else 0
