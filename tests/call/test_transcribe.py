"""Which decode is asked for, when, and what of it gets out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeAsr

from bot.api import Final, Partial
from bridge.call.transcribe import transcribe, transcripts
from bridge.call.turn_detector import TurnDetector
from bridge.call.utterance import Utterance
from bridge.speech.api import (
    Asr,
    AsrCapabilities,
    Ended,
    EngineLost,
    Hypothesis,
    MarksAhead,
    Request,
    Samples,
    SpeechError,
)
from bridge.speech.call_language import CallLanguage
from bridge.speech.dictation import Kind
from bridge.turns.end_probability import EndWeights
from bridge.turns.endpointing import Endpointing, EndpointRules
from bridge.turns.rolling_quantile import RollingQuantile
from telephony.recognition import RecognitionOptions

OPTIONS = RecognitionOptions(unfixed_chunk_num=1, unfixed_token_num=1, context="Spinny", language="English")
SECOND = np.full(16_000, 0.5, np.float32)
TENTH = SECOND[:1600]


class ScriptedAsr(FakeAsr):
    """Answers each request with the next hypothesis of its script, the last one again and again, when let."""

    def __init__(self, *answers: Hypothesis, prefix: bool = True) -> None:
        super().__init__(capabilities=AsrCapabilities(prefix=prefix))
        self.answers, self.cancelled = list(answers), list[Request]()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def decode(self, request: Request, /) -> Hypothesis:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled.append(request)
            raise
        return answer


def heard(text: str, ended: Ended = Ended.STOP, language: str = "English") -> Hypothesis:
    return Hypothesis([f"{word} " for word in text.split()], language if text else "", ended)


async def follow(utterance: Utterance, asr: Asr, options: RecognitionOptions = OPTIONS) -> list[Partial | Final]:
    return [transcript async for transcript in transcripts(utterance, asr, options)]


@asynccontextmanager
async def following(
    utterance: Utterance, asr: Asr, options: RecognitionOptions = OPTIONS
) -> AsyncIterator[asyncio.Task[list[Partial | Final]]]:
    """Transcribe beside the test."""
    reader = asyncio.create_task(follow(utterance, asr, options))
    try:
        yield reader
    finally:
        reader.cancel()
        await asyncio.wait({reader})


async def say(utterance: Utterance, seconds: float = 1.0) -> None:
    """Speak for so long, a tenth of a second at a time."""
    for _ in range(round(10 * seconds)):
        utterance.add(TENTH, speech_ms=100)
        await settle()


async def silence(utterance: Utterance, seconds: float) -> None:
    utterance.add(np.zeros(int(16_000 * seconds), np.float32))
    await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def seconds(request: Request) -> float:
    return len(request.audio) / 16_000


# ---------------------------------------------------------------- partials


async def test_partials_grow_and_the_final_settles() -> None:
    utterance, asr = Utterance(40), FakeAsr()
    reader = asyncio.create_task(follow(utterance, asr))
    await say(utterance, 2.3)
    utterance.pause()
    await settle()
    utterance.close(2300)
    assert await reader == [
        Partial("one", "English"),
        Partial("one two", "English"),
        Partial("one two three four", "English"),
        Partial("one two three four five", "English"),
        Final("one two three four five", "English", 40, 2300),
    ]


async def test_while_no_partial_is_wanted_only_pauses_are_decoded() -> None:
    utterance, asr, wanted = Utterance(0), FakeAsr(), False

    async def read() -> list[Partial | Final]:
        return [one async for one in transcripts(utterance, asr, OPTIONS, wanted=lambda: wanted)]

    reader = asyncio.create_task(read())
    await say(utterance, 2.5)
    assert asr.requests == []
    wanted = True
    await say(utterance, 0.1)
    assert [seconds(request) for request in asr.requests] == [2.6]
    wanted = False
    await say(utterance, 2)
    utterance.pause()
    await settle()
    assert [(seconds(request), request.final) for request in asr.requests[1:]] == [(4.6, True)]
    utterance.close(4600)
    assert isinstance((await reader)[-1], Final)


async def test_the_first_text_does_not_wait_for_a_whole_chunk() -> None:
    utterance, asr = Utterance(0), FakeAsr()
    async with following(utterance, asr):
        await say(utterance, 0.3)
        assert [seconds(request) for request in asr.requests] == [0.3]
        await say(utterance, 2)
        assert [seconds(request) for request in asr.requests] == [0.3, 1.3, 2.3]


async def test_while_nothing_is_heard_it_is_tried_often() -> None:
    utterance, asr = Utterance(0), FakeAsr(script="")
    async with following(utterance, asr):
        await say(utterance, 1.5)
        assert [seconds(request) for request in asr.requests] == [0.3, 0.6, 0.9, 1.2, 1.5]


async def test_silence_alone_is_not_decoded_again() -> None:
    utterance, asr = Utterance(0), FakeAsr()
    async with following(utterance, asr):
        await say(utterance, 1.3)
        before = len(asr.requests)
        for _ in range(10):
            await silence(utterance, 1.0)
        assert len(asr.requests) == before


async def test_later_chunks_are_decoded_with_a_prefix_and_the_final_without() -> None:
    utterance, asr = Utterance(0, "u1"), FakeAsr()
    reader = asyncio.create_task(follow(utterance, asr))
    await say(utterance, 3.3)
    utterance.close(0)
    await reader
    assert [(request.prefix, request.final) for request in asr.requests] == [
        ("", False),
        ("", False),
        ("one two ", False),
        ("one two three four ", False),
        ("", True),
    ]
    assert {(request.context, request.language, request.key) for request in asr.requests} == {
        ("Spinny", "English", "u1")
    }


async def test_a_prefix_comes_with_the_language_it_was_heard_in() -> None:
    utterance, asr = Utterance(0), ScriptedAsr(heard("ja nein eins zwei", language="German"))
    async with following(utterance, asr, RecognitionOptions(unfixed_chunk_num=0, unfixed_token_num=2)):
        await say(utterance, 2.3)
        assert [(request.prefix, request.language) for request in asr.requests] == [
            ("", None),
            ("", None),
            ("ja nein ", "German"),
        ]


async def test_an_engine_that_knows_no_prefix_gets_none_and_its_text_is_all_of_it() -> None:
    utterance, asr = Utterance(0), ScriptedAsr(heard("one two three four"), prefix=False)
    reader = asyncio.create_task(follow(utterance, asr))
    await say(utterance, 6)
    utterance.close(0)
    assert (await reader)[-1] == Final("one two three four", "English", 0, 0)
    assert {request.prefix for request in asr.requests} == {""}
    assert len(asr.requests) > 5


async def test_the_same_text_is_not_shown_twice() -> None:
    utterance, asr = Utterance(0), FakeAsr(script="hello")
    reader = asyncio.create_task(follow(utterance, asr))
    await say(utterance, 3)
    utterance.close(0)
    assert await reader == [Partial("hello", "English"), Final("hello", "English", 0, 0)]


async def test_a_partial_that_fails_is_skipped() -> None:
    utterance, asr = Utterance(0), FakeAsr(failures=1)
    reader = asyncio.create_task(follow(utterance, asr))
    utterance.add(SECOND, speech_ms=1000)
    await settle()
    utterance.close(0)
    assert await reader == [Final("one two", "English", 0, 0)]


async def test_a_partial_that_looped_is_decoded_once_more_without_the_prefix() -> None:
    looped = heard("four four", Ended.REPETITION)
    utterance, asr = Utterance(0), ScriptedAsr(heard("one two"), heard("one two three"), looped, heard("one two four"))
    async with following(utterance, asr):
        await say(utterance, 2.3)
        assert [request.prefix for request in asr.requests] == ["", "", "one two ", ""]


async def test_a_loop_without_prefix_is_taken_as_it_was_cut() -> None:
    utterance, asr = Utterance(0), ScriptedAsr(heard("no", Ended.REPETITION))
    utterance.add(SECOND, speech_ms=1000)
    utterance.close(0)
    assert await follow(utterance, asr) == [Final("no", "English", 0, 0)]
    assert len(asr.requests) == 1


async def test_a_partial_has_the_tokens_the_client_allows_and_little_time() -> None:
    utterance, asr = Utterance(0), FakeAsr()
    async with following(utterance, asr, RecognitionOptions(max_new_tokens=7)):
        await say(utterance, 1)
        assert (asr.requests[0].max_new_tokens, asr.requests[0].timeout_s) == (7, 2.0)


# ---------------------------------------------------------------- one decode at a time, the one that is wanted


async def test_newer_audio_waits_for_the_decode_under_way_and_is_decoded_at_once() -> None:
    utterance, asr = Utterance(0), ScriptedAsr(heard("one"))
    asr.may_answer.clear()
    async with following(utterance, asr):
        await say(utterance, 5)
        assert [seconds(request) for request in asr.requests] == [0.3]
        asr.may_answer.set()
        await settle()
        assert [seconds(request) for request in asr.requests] == [0.3, 5.0]


async def test_the_final_does_not_wait_for_a_partial_under_way() -> None:
    utterance, asr = Utterance(0), ScriptedAsr(heard("one"))
    asr.may_answer.clear()
    async with following(utterance, asr):
        await say(utterance, 1)
        utterance.pause()
        await settle()
        assert [request.final for request in asr.cancelled] == [False]
        assert [request.final for request in asr.requests] == [False, True]


async def test_a_final_under_way_is_cancelled_when_speech_goes_on() -> None:
    utterance, asr = Utterance(0), ScriptedAsr(heard("one"))
    async with following(utterance, asr):
        await say(utterance, 1)
        asr.may_answer.clear()
        utterance.pause()
        await settle()
        utterance.add(TENTH, speech_ms=100)
        utterance.resume()
        await settle()
        assert [request.final for request in asr.cancelled] == [True]


async def test_a_final_thrown_away_leaves_the_prefix_as_it_was() -> None:
    utterance, asr = Utterance(0), ScriptedAsr(heard("one"), heard("one two"), heard("won to"), heard("three"))
    async with following(utterance, asr):
        await say(utterance, 2)
        utterance.pause()
        await settle()
        utterance.resume()
        await say(utterance, 1)
        assert [(request.prefix, request.final) for request in asr.requests][2:] == [("", True), ("one ", False)]


# ---------------------------------------------------------------- the final


async def test_the_final_is_decoded_at_the_pause_and_not_again_at_the_end() -> None:
    utterance, asr = Utterance(0), FakeAsr()
    reader = asyncio.create_task(follow(utterance, asr))
    utterance.add(SECOND[:8000], speech_ms=500)
    utterance.pause()
    await settle()
    assert [request.final for request in asr.requests] == [True]
    await silence(utterance, 0.5)
    utterance.close(0)
    assert (await reader)[-1] == Final("one", "English", 0, 0)
    assert len(asr.requests) == 1


async def test_a_final_has_as_many_tokens_as_its_audio_can_hold() -> None:
    utterance, asr = Utterance(0), FakeAsr()
    utterance.add(np.tile(SECOND, 20), speech_ms=20_000)
    utterance.close(0)
    await follow(utterance, asr)
    assert [request.max_new_tokens for request in asr.requests] == [160]


async def test_a_final_that_ran_out_of_tokens_is_continued() -> None:
    utterance = Utterance(0)
    asr = ScriptedAsr(heard("one two", Ended.LENGTH), heard("three", Ended.LENGTH), heard("four"))
    utterance.add(SECOND, speech_ms=1000)
    utterance.close(0)
    assert await follow(utterance, asr) == [Final("one two three four", "English", 0, 0)]
    assert [(request.prefix, request.final) for request in asr.requests] == [
        ("", True),
        ("one two ", True),
        ("one two three ", True),
    ]


@pytest.mark.parametrize(
    ("answer", "prefix", "requests"),
    [
        (heard("word", Ended.LENGTH), True, 9),  # for ever
        (heard("", Ended.LENGTH), True, 1),  # it has nothing to go on with
        (heard("word", Ended.LENGTH), False, 1),  # it cannot go on
        (heard("word", Ended.LENGTH, language=""), True, 1),  # nobody knows in which language
    ],
)
async def test_continuing_has_an_end(answer: Hypothesis, prefix: bool, requests: int) -> None:
    utterance, asr = Utterance(0), ScriptedAsr(answer, prefix=prefix)
    utterance.add(SECOND, speech_ms=1000)
    utterance.close(0)
    await follow(utterance, asr, RecognitionOptions())
    assert len(asr.requests) == requests


async def test_a_final_is_tried_twice() -> None:
    utterance, asr = Utterance(0), FakeAsr(failures=1)
    utterance.add(SECOND, speech_ms=1000)
    utterance.close(0)
    assert await follow(utterance, asr) == [Final("one two", "English", 0, 0)]


async def test_a_final_that_fails_twice_is_an_error_and_not_a_silence() -> None:
    utterance, asr = Utterance(0), FakeAsr(failures=2)
    utterance.add(SECOND, speech_ms=1000)
    utterance.close(0)
    with pytest.raises(SpeechError, match="out of order"):
        await follow(utterance, asr)
    assert await follow(utterance, asr) == [Final("one two", "English", 0, 0)], "its audio is still there"


async def test_a_final_that_failed_in_a_pause_is_forgotten_when_speech_goes_on() -> None:
    utterance, asr = Utterance(0), FakeAsr()
    reader = asyncio.create_task(follow(utterance, asr))
    await say(utterance, 0.5)
    asr.failures = 1
    utterance.pause()
    await settle()
    utterance.resume()
    await say(utterance, 0.5)
    utterance.close(0)
    assert (await reader)[-1] == Final("one two", "English", 0, 0)
    assert [seconds(request) for request in asr.requests if request.final] == [0.5, 1.0]


async def test_an_empty_utterance_has_an_empty_final_and_costs_no_decode() -> None:
    utterance, asr = Utterance(7), FakeAsr()
    utterance.close(7)
    assert await follow(utterance, asr) == [Final("", "", 7, 7)]
    assert asr.requests == []


@pytest.mark.parametrize("spoken_ms", [0, 32, 64])
async def test_no_word_is_invented_where_hardly_anything_was_speech(spoken_ms: int) -> None:
    utterance, asr = Utterance(0), FakeAsr(script="nine")
    utterance.add(SECOND, speech_ms=spoken_ms)
    utterance.pause()
    utterance.close(0)
    assert await follow(utterance, asr) == [Final("", "", 0, 0)]
    assert asr.requests == []


async def test_a_word_of_a_tenth_of_a_second_is_heard() -> None:
    utterance, asr = Utterance(0), FakeAsr(script="nine")
    utterance.add(SECOND, speech_ms=96)
    utterance.close(0)
    assert await follow(utterance, asr) == [Final("nine", "English", 0, 0)]


async def test_devanagari_and_code_switching_pass_unharmed() -> None:
    text = "नमस्ते, Spinny car कहाँ से ले सकता हूँ?"
    utterance, asr = Utterance(0), FakeAsr(script=text)
    utterance.add(SECOND, speech_ms=1000)
    utterance.close(0)
    assert (await follow(utterance, asr))[-1] == Final(text, "English", 0, 0)


# ---------------------------------------------------------------- with someone to show partials to


async def test_partials_are_shown_and_the_final_returned() -> None:
    utterance, shown = Utterance(0), list[Partial]()

    async def show(partial: Partial) -> None:
        shown.append(partial)

    reader = asyncio.create_task(transcribe(utterance, FakeAsr(), OPTIONS, on_partial=show))
    await say(utterance, 1)
    utterance.close(0)
    assert await reader == Final("one two", "English", 0, 0)
    assert shown == [Partial("one", "English")]


@pytest.mark.parametrize("spoil", [lambda asr: asr.may_answer.clear(), lambda asr: None])
async def test_cancelling_leaves_nothing_behind(spoil: Callable[[ScriptedAsr], None]) -> None:
    utterance, asr, stuck = Utterance(0), ScriptedAsr(heard("one")), asyncio.Event()

    async def show(partial: Partial) -> None:
        await stuck.wait()

    spoil(asr)
    reader = asyncio.create_task(transcribe(utterance, asr, OPTIONS, on_partial=show))
    await say(utterance, 1)
    reader.cancel()
    await asyncio.wait({reader})
    assert reader.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_failure_leaves_nothing_behind() -> None:
    class Lost(FakeAsr):
        async def decode(self, request: Request, /) -> Hypothesis:
            raise EngineLost("gone")

    utterance = Utterance(0)
    utterance.add(SECOND, speech_ms=1000)
    utterance.close(0)

    async def show(partial: Partial) -> None:
        raise AssertionError

    with pytest.raises(EngineLost):
        await transcribe(utterance, Lost(), OPTIONS, on_partial=show)
    assert asyncio.all_tasks() == {asyncio.current_task()}


# ---------------------------------------------------------------- the end of the turn is judged on the way


class Ending:
    """Is asked, and answers when let."""

    def __init__(self) -> None:
        self.asked, self.cancelled = list[str](), 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def probability(self, audio: Samples, text: str, language: str, /) -> float:
        self.asked.append(f"{len(audio) / 16_000:g} s: {text}")
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return 1.0

    def close(self) -> None:
        """It holds nothing."""


class Court:
    """An utterance of a conversation, transcribed beside the test."""

    def __init__(self, asr: Asr, ending: Ending | None = None) -> None:
        self.ending, self.finals, self.now_ms = ending or Ending(), RollingQuantile(150), 0
        self.endpointing = Endpointing(EndpointRules(), time_to_final=self.finals)
        self.told: list[float] = []
        self.detector = TurnDetector(
            self.endpointing,
            self.ending,
            lambda text, language, probability: self.told.append(probability),
            time_to_final=self.finals,
            limit_s=5.0,
            clock_ms=lambda: self.now_ms,
            weights=EndWeights(intercept=0.0, stop=1.0, comma=0.0, kinds={Kind.OPEN: 0.0}),
        )
        self.utterance = Utterance(0, "u1")
        self.reader = asyncio.create_task(self._read(asr))

    async def _read(self, asr: Asr) -> list[Partial | Final]:
        return [transcript async for transcript in transcripts(self.utterance, asr, OPTIONS, self.detector)]

    async def pause(self) -> None:
        self.endpointing.paused(1000)
        self.detector.asked("u1")
        self.utterance.pause()
        await settle()

    async def close(self) -> list[Partial | Final]:
        self.endpointing.closed(1000)
        self.utterance.close(1000)
        return await self.reader


async def test_a_pause_is_judged_by_its_final_and_the_final_kept() -> None:
    court = Court(FakeAsr())
    await say(court.utterance, 1)
    await court.pause()
    assert court.ending.asked == ["1 s: one two"]
    assert court.endpointing.wait_ms == EndpointRules().sure_ms
    assert (await court.close())[-1] == Final("one two", "English", 0, 1000)


async def test_partials_are_read_and_not_judged() -> None:
    court = Court(FakeAsr(script="my number is 5 5 5 0 1"))
    await say(court.utterance, 1)
    assert court.ending.asked == []
    court.endpointing.paused(1000)
    assert court.endpointing.wait_ms == EndpointRules().dictation_ms
    await court.close()


async def test_a_judgement_under_way_is_given_up_when_the_caller_speaks_on_and_made_anew() -> None:
    court = Court(FakeAsr())
    court.ending.may_answer.clear()
    await say(court.utterance, 1)
    await court.pause()
    court.utterance.resume()
    court.endpointing.resumed(1100)
    court.detector.withdrawn("u1")
    await say(court.utterance, 1)
    assert court.ending.cancelled == 1
    court.ending.may_answer.set()
    await court.pause()
    assert court.ending.asked == ["1 s: one two", "2 s: one two three four"]
    await court.close()


async def test_the_final_does_not_wait_for_a_judgement_that_is_late() -> None:
    court = Court(FakeAsr())
    court.ending.may_answer.clear()
    await say(court.utterance, 1)
    await court.pause()
    assert (await court.close())[-1] == Final("one two", "English", 0, 1000)
    assert court.ending.cancelled == 1


async def test_a_final_that_is_later_than_the_end_is_measured_and_not_judged() -> None:
    hold = asyncio.Event()
    court = Court(FakeAsr(hold=hold))
    await say(court.utterance, 1)
    await court.pause()
    court.endpointing.closed(1000)
    court.utterance.close(1000)
    court.now_ms = 1234
    hold.set()
    await court.reader
    assert court.ending.asked == []
    assert court.finals.quantile(1.0) == 1234


async def test_a_final_that_could_not_be_had_is_no_measurement() -> None:
    asr = FakeAsr()
    court = Court(asr)
    await say(court.utterance, 1)
    asr.failures = 1
    await court.pause()
    court.now_ms = 1234
    assert (await court.close())[-1] == Final("one two", "English", 0, 1000)
    court.detector.served("u1")
    assert court.finals.quantile(1.0) == 150, "the first guess"


async def test_what_the_recogniser_expects_next_reaches_the_judgement_of_the_pause() -> None:
    asr = ScriptedAsr(replace(heard("that is all"), marks=MarksAhead(stop=0.8, comma=0.1)))
    court = Court(asr)
    court.utterance.add(SECOND, speech_ms=1000)
    await court.pause()
    assert court.told == [pytest.approx(0.8)]
    assert [entry.text for entry in await court.close()][-1] == "that is all"


# ---------------------------------------------------------------- languages


def in_doubt(text: str, language: str, probability: float) -> Hypothesis:
    return replace(heard(text, language=language), language_probability=probability)


async def say_and_end(asr: Asr, options: RecognitionOptions, language: CallLanguage, seconds: float = 2.0) -> Final:
    utterance = Utterance(0, "key")
    await say(utterance, seconds)
    utterance.close(int(seconds * 1000))
    *_, final = [one async for one in transcripts(utterance, asr, options, language=language)]
    assert isinstance(final, Final)
    return final


async def test_a_language_that_callers_may_not_speak_is_decoded_again_in_one_that_they_may() -> None:
    asr = ScriptedAsr(in_doubt("minä olen täällä", "Finnish", 0.99), heard("मैं यहाँ हूँ", language="Hindi"))
    call = CallLanguage(allowed=("Hindi", "English"))
    final = await say_and_end(asr, RecognitionOptions(), call)
    assert (final.text, final.language) == ("मैं यहाँ हूँ", "Hindi")
    first, second = asr.requests
    assert (first.language, first.languages) == (None, ("Hindi", "English"))
    assert second.language == "Hindi"
    assert call.now == "", "what the engine was told is no evidence"


async def test_the_language_of_the_call_is_settled_by_a_sure_final_and_short_speech_is_decoded_in_it() -> None:
    asr = ScriptedAsr(in_doubt("मैं यहाँ हूँ", "Hindi", 0.98), heard("okay", language="Hindi"))
    call = CallLanguage()
    await say_and_end(asr, RecognitionOptions(), call)
    assert call.now == "Hindi"
    await say_and_end(asr, RecognitionOptions(), call, seconds=0.5)
    assert [request.language for request in asr.requests] == [None, "Hindi"]


async def test_an_engine_that_obeys_is_asked_once() -> None:
    asr = ScriptedAsr(in_doubt("मैं यहाँ हूँ", "Hindi", 0.4))
    await say_and_end(asr, RecognitionOptions(), CallLanguage(allowed=("Hindi", "English")))
    assert len(asr.requests) == 1


async def test_transcripts_are_spelled_in_the_script_that_was_asked_for() -> None:
    asr = ScriptedAsr(heard("मेरा नाम", language="Hindi"))
    final = await say_and_end(asr, RecognitionOptions(language="Hindi", script="latin"), CallLanguage(forced="Hindi"))
    assert final.text == "mera naam"
