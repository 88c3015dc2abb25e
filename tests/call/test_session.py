"""One call from start to end, with a fake caller and instant models; the real ones are in integration/."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial as bound
from typing import Any

import numpy as np
import pytest
from fakes import PHONE, TEXT_ONLY, FakeAsr, FakeLeg, FakeTts, LoudnessVad, ScriptBot
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import conversation

from bot.api import Bot, CallInfo, Final, Line, Partial, Say, Speaker, Turn
from bridge.call.bot_side import BotSide, SilentBotSide
from bridge.call.prompts import CallPrompts
from bridge.call.session import CallSession
from bridge.call.turn_detector import NoTurnDetector, OpenTurnDetector, TurnDetector
from bridge.call.utterance import PreRoll
from bridge.metrics import Metrics
from bridge.speaking.actions import CallControl
from bridge.speaking.speech_output import SpeechOutput
from bridge.speech.api import BadRequest, EngineLost, Hypothesis, Request, Samples
from bridge.speech.ear import Ear
from bridge.turns.endpointing import Endpointing, EndpointRules
from bridge.turns.rolling_quantile import RollingQuantile
from bridge.turns.turn_taker import FloorState, TurnRules, TurnTaker
from telephony.codec import encode
from telephony.errors import RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    Capabilities,
    Clear,
    Dtmf,
    Encoding,
    Event,
    Finalize,
    Malformed,
    Mark,
    Media,
    Play,
    Played,
    Problem,
    SpeechStarted,
    SpeechStopped,
    Transcript,
)
from telephony.recognition import RecognitionOptions

MULAW = AudioFormat(Encoding.MULAW, 8000)
RULES = TurnRules(min_speech_ms=160, pause_ms=128, endpoint_ms=320)
INFO = CallInfo("CA1", caller="+4930123", callee="+4930456")
ENDED = CallEnded("caller hung up")


class Call:
    """A call under test: a clock that follows the media, and a caller who speaks in 20 ms frames."""

    def __init__(
        self,
        *,
        bot: Bot | None = None,
        asr: FakeAsr | None = None,
        tts: FakeTts | None = None,
        capabilities: Capabilities = PHONE,
        outage_s: float = 5.0,
        **options: Any,  # noqa: ANN401 - RecognitionOptions, checked by replace()
    ) -> None:
        self.leg, self.asr, self.now_ms = FakeLeg(capabilities), asr or FakeAsr(), 0
        tts = tts or FakeTts()
        self.metrics = Metrics()
        metrics = self.metrics.call("test", MULAW)
        self.output = SpeechOutput(
            self.leg,
            tts,
            MULAW,
            clock_ms=lambda: self.now_ms,
            on_audio=metrics.audio_sent,
            on_unread=lambda: None,
            start=asyncio.create_task,
        )
        prompts = CallPrompts(greeting=options.pop("greeting", ""), fallback=(np.full(2400, 0.2, np.float32), "Sorry."))

        def bot_side(tasks: asyncio.TaskGroup, call: CallControl) -> BotSide:
            if bot is None:
                return SilentBotSide(tasks, call)
            return conversation(
                bot, self.output, INFO, tasks=tasks, call=call, metrics=metrics, limit_s=0.5, prompts=prompts
            )

        endpointing, turn_detector = options.pop("judging", (None, lambda _: NoTurnDetector()))
        self.session = CallSession(
            self.leg,
            ear=Ear(MULAW, vad=options.pop("vad", LoudnessVad())),
            turns=TurnTaker(options.pop("rules", RULES), endpointing),
            preroll=PreRoll(keep_ms=640),
            asr=self.asr,
            options=replace(RecognitionOptions(), **options),
            metrics=metrics,
            drain_s=0.5,
            outage_s=outage_s,
            new_key=map("u{}".format, itertools.count()).__next__,
            bot_side=bot_side,
            turn_detector=turn_detector,
        )
        self.running = asyncio.create_task(self.session.run())

    async def say(self, ms: int, *, loud: bool = True) -> None:
        """Speak, or be silent, for `ms`."""
        for _ in range(ms // 20):
            samples = 0.5 * np.sin(np.arange(160) * 0.3) if loud else np.zeros(160)
            self.leg.feed(Media(encode(samples.astype(np.float32), Encoding.MULAW), self.now_ms))
            self.now_ms += 20
            await self.settle(3)

    async def turn(self, ms: int = 1000) -> None:
        """Say something and wait long enough for it to be over."""
        await self.say(ms)
        await self.say(600, loud=False)
        await self.settle()

    async def silence_until(self, happened: Callable[[], object]) -> int:
        """Be silent until something `happened`; return for how many milliseconds."""
        began_ms = self.now_ms
        while not happened() and self.now_ms - began_ms < 5000:
            await self.say(20, loud=False)
            await self.settle()
        return self.now_ms - began_ms

    async def settle(self, rounds: int = 40) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)

    async def end(self, event: Event = ENDED) -> str:
        self.leg.feed(event)
        return await self.running

    def finals(self) -> list[str]:
        return [transcript.text for transcript in self.leg.of(Transcript) if transcript.final]

    def audio_ms(self) -> int:
        return sum(MULAW.duration_ms(play.payload) for play in self.leg.of(Play))


async def test_the_caller_speaks_and_the_bot_answers() -> None:
    bot = ScriptBot("Thank you very much. Good bye.")
    call = Call(bot=bot)
    await call.turn(1000)
    assert await call.end() == "caller hung up"
    assert [final.text for final in bot.finals] == ["one two"]
    assert bot.turns == [Turn(INFO, "one two", "English", ())]
    assert len(call.leg.of(Mark)) == 2
    assert call.audio_ms() == pytest.approx(6 * 50, abs=45)
    assert bot.ended == "caller hung up"


async def test_the_greeting_is_the_bots_unless_the_settings_have_one() -> None:
    call = Call(bot=ScriptBot("x", greeting=["Hello you."]))
    await call.settle()
    assert call.audio_ms() == pytest.approx(100, abs=20)
    await call.end()
    call = Call(bot=ScriptBot("x", greeting=["Hello you."]), greeting="Welcome to all of you.")
    await call.settle()
    assert call.audio_ms() == pytest.approx(250, abs=20)
    await call.end()


async def test_barge_in_clears_the_line_and_tells_the_bot_what_was_heard() -> None:
    bot = ScriptBot("one two three four five six seven eight nine ten " * 5, "Sure.")
    call = Call(bot=bot)
    await call.turn()
    assert not call.leg.of(Clear)
    call.now_ms += 1000
    await call.say(200)
    assert len(call.leg.of(Clear)) == 1
    sent = len(call.leg.of(Play))
    await call.say(800)
    assert len(call.leg.of(Play)) == sent, "nothing more of the old reply may leave"
    await call.say(600, loud=False)
    await call.settle()
    (heard,) = bot.interrupted
    assert heard
    assert bot.turns[1].history == (Line(Speaker.CALLER, "one two"), Line(Speaker.BOT, heard))
    await call.end()


async def test_a_noise_that_cut_the_bot_off_lets_it_go_on_where_it_was() -> None:
    words = [f"word{a}{b}" for a in "abcdef" for b in "ghijklmnop"]
    bot = ScriptBot(" ".join(words))
    call = Call(bot=bot)
    await call.turn()
    call.now_ms += 1000
    call.asr.script = ""  # the recogniser hears nothing in it
    await call.turn(200)
    cleared = call.leg.sent.index(Clear())
    before, after = (
        sum(MULAW.duration_ms(play.payload) for play in part if isinstance(play, Play))
        for part in (call.leg.sent[:cleared], call.leg.sent[cleared:])
    )
    assert before == pytest.approx(3000, abs=80)
    assert after == pytest.approx(3060 - 280 - 1000 - 160, abs=150), "what was heard, about, is not said again"
    assert not bot.interrupted
    assert len(bot.turns) == 1
    assert b'bridge_false_alarms_total{wire="test"} 1.0' in call.metrics.text()
    await call.end()


async def test_a_caller_who_goes_on_before_the_bot_was_heard_is_answered_once_for_all_of_it() -> None:
    release = asyncio.Event()

    class Slow(ScriptBot):
        async def reply(self, turn: Turn) -> AsyncIterator[str]:
            self.turns.append(turn)
            await release.wait()
            yield "Yes."

    bot = Slow()
    call = Call(bot=bot)
    await call.turn(500)
    await call.turn(1000)
    release.set()
    await call.settle()
    assert [final.text for final in bot.finals] == ["one", "one two"]
    assert bot.turns[-1].text == "one one two"
    assert call.audio_ms() == pytest.approx(50, abs=20)
    await call.end()


async def test_a_bot_that_fails_is_heard_as_the_fallback_and_the_call_goes_on() -> None:
    class Broken(ScriptBot):
        async def reply(self, turn: Turn) -> AsyncIterator[str]:
            self.turns.append(turn)
            if len(self.turns) == 1:
                raise ZeroDivisionError
            yield "Better now."

    call = Call(bot=Broken())
    await call.turn()
    assert call.audio_ms() == pytest.approx(100, abs=20)
    await call.turn()
    assert call.audio_ms() == pytest.approx(200, abs=40)
    await call.end()


async def test_a_bot_that_returns_instead_of_yielding_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    class Returns(Bot):
        async def on_call(self, call: CallInfo) -> str:  # type: ignore[override]
            return "Hello."

        def reply(self, turn: Turn) -> AsyncIterator[str]:
            raise KeyError("at once")

    call = Call(bot=Returns())
    await call.settle()
    assert "yield text" in caplog.text
    assert call.audio_ms() == pytest.approx(100, abs=20)
    await call.turn()
    assert "at once" in caplog.text
    assert call.audio_ms() == pytest.approx(200, abs=40)
    await call.end()


@pytest.mark.virtual_time
async def test_a_bot_that_stalls_is_heard_as_the_fallback() -> None:
    class Stalled(Bot):
        async def reply(self, turn: Turn) -> AsyncIterator[str]:
            await asyncio.Event().wait()
            yield "never"

    call = Call(bot=Stalled())
    await call.turn()
    await call.leg.until(lambda: call.leg.of(Play))
    assert call.audio_ms() == pytest.approx(100, abs=20)
    await call.end()


async def test_a_voice_that_fails_is_heard_as_the_fallback() -> None:
    call = Call(bot=ScriptBot("Hello."), tts=FakeTts(broken=True))
    await call.turn()
    assert call.audio_ms() == pytest.approx(100, abs=20)
    await call.end()


async def test_hooks_that_fail_cost_nothing() -> None:
    class Nasty(ScriptBot):
        async def on_final(self, final: Final) -> None:
            raise RuntimeError

        async def on_dtmf(self, digit: str) -> None:
            raise KeyError

    bot = Nasty("Fine.")
    call = Call(bot=bot)
    call.leg.feed(Dtmf("5"))
    await call.turn()
    assert call.audio_ms() > 0
    assert await call.end() == "caller hung up"


async def test_keys_reach_the_bot_in_order() -> None:
    class Slow(ScriptBot):
        async def on_dtmf(self, digit: str) -> None:
            for _ in range(10 if digit == "1" else 1):
                await asyncio.sleep(0)
            self.digits += digit

    bot = Slow("x")
    call = Call(bot=bot)
    call.leg.feed(*map(Dtmf, "12345#"))
    await call.settle(100)
    assert bot.digits == "12345#"
    await call.end()


async def test_a_mark_ends_what_it_marks_so_that_speech_after_it_is_no_barge_in() -> None:
    bot = ScriptBot("Yes.")
    call = Call(bot=bot)
    await call.turn()
    call.now_ms += 60
    call.leg.feed(Played(call.leg.of(Mark)[0].name))
    await call.turn()
    assert not call.leg.of(Clear)
    assert not bot.interrupted
    await call.end()


async def test_hanging_up_in_mid_word_still_gives_the_final() -> None:
    bot = ScriptBot("never heard")
    call = Call(bot=bot)
    await call.say(1000)
    await call.end()
    assert [final.text for final in bot.finals] == ["one two"]
    assert bot.turns == []


async def test_each_final_arrives_once_and_in_order_when_the_recogniser_is_slow() -> None:
    asr = FakeAsr(hold=asyncio.Event())
    call = Call(asr=asr, capabilities=TEXT_ONLY)
    for ms in (500, 1000, 1500):
        await call.turn(ms)
    assert call.finals() == []
    assert asr.hold
    asr.hold.set()
    await call.settle()
    assert call.finals() == ["one", "one two", "one two three"]
    await call.end()
    assert call.finals() == ["one", "one two", "one two three"]


async def test_a_slow_on_final_holds_up_neither_the_answer_nor_what_is_heard_next() -> None:
    class Slow(ScriptBot):
        go_on = asyncio.Event()

        async def on_final(self, final: Final) -> None:
            await self.go_on.wait()
            await super().on_final(final)

    bot = Slow("Yes.")
    call = Call(bot=bot)
    await call.turn(1000)
    assert len(bot.turns) == 1 and call.audio_ms() > 0
    before = len(bot.partials)
    await call.turn(1500)
    assert len(bot.partials) > before and len(bot.turns) == 2
    assert bot.finals == []
    Slow.go_on.set()
    await call.end()
    assert [final.text for final in bot.finals] == ["one two", "one two three"]


async def test_a_recogniser_far_behind_slows_the_peer_down_instead_of_growing_a_queue() -> None:
    asr = FakeAsr(hold=asyncio.Event())
    call = Call(asr=asr, capabilities=TEXT_ONLY)
    for _ in range(12):
        await call.turn(500)
    assert call.leg._events.qsize() > 0
    assert asr.hold
    asr.hold.set()
    await call.settle(2000)
    assert call.finals() == ["one"] * 12
    await call.end()


async def test_finalize_gives_the_final_of_what_is_pending() -> None:
    call = Call(capabilities=TEXT_ONLY)
    await call.say(1000)
    call.leg.feed(Finalize())
    await call.settle()
    assert call.finals() == ["one two"]
    await call.end()


async def test_finalize_with_nothing_pending_gives_an_empty_final_each_time() -> None:
    call = Call(capabilities=TEXT_ONLY)
    call.leg.feed(Finalize(), Finalize())
    await call.settle()
    assert call.finals() == ["", ""] or call.finals() == [""]
    await call.turn()
    call.leg.feed(Finalize())
    await call.settle()
    assert call.finals()[-2:] == ["one two", ""]
    await call.end()


async def test_finalize_while_the_final_is_being_decoded_gives_it_once() -> None:
    asr = FakeAsr(hold=asyncio.Event())
    call = Call(asr=asr, capabilities=TEXT_ONLY)
    await call.turn()
    call.leg.feed(Finalize())
    await call.settle()
    assert asr.hold
    asr.hold.set()
    await call.settle()
    assert call.finals() == ["one two"]
    await call.end()


async def test_finalize_gives_a_final_even_if_what_was_pending_was_noise() -> None:
    call = Call(asr=FakeAsr(script=""), capabilities=TEXT_ONLY)
    await call.say(500)
    call.leg.feed(Finalize())
    await call.settle()
    assert call.finals() == [""]
    await call.end()


async def test_noise_alone_sends_nothing() -> None:
    call = Call(asr=FakeAsr(script=""), capabilities=TEXT_ONLY)
    await call.turn()
    await call.say(3000, loud=False)
    await call.end()
    assert call.leg.sent == []


async def test_partials_come_while_the_caller_speaks_unless_not_wanted() -> None:
    call = Call(capabilities=TEXT_ONLY)
    await call.say(2500)
    assert [t.text for t in call.leg.of(Transcript) if not t.final] == ["one", "one two three"]
    await call.end()
    call = Call(capabilities=TEXT_ONLY, partials=False)
    await call.turn(2500)
    assert [t.final for t in call.leg.of(Transcript)] == [True]
    await call.end()


@pytest.mark.parametrize(("message_ms", "chunk_ms"), [(1000, 1000), (500, 500), (500, 1000), (250, 1000), (2000, 1000)])
async def test_messages_as_long_as_a_chunk_bring_a_partial_each(message_ms: int, chunk_ms: int) -> None:
    class Counting(FakeAsr):  # other words each time, so that nothing is left unshown
        async def decode(self, request: Request, /) -> Hypothesis:
            self.requests.append(request)
            return Hypothesis([f"w{len(self.requests)} is", " all"], "English")

    call = Call(asr=Counting(), capabilities=TEXT_ONLY, chunk_size_sec=chunk_ms / 1000)
    for _ in range(8000 // message_ms):
        tone = 0.5 * np.sin(np.arange(8 * message_ms) * 0.3)
        call.leg.feed(Media(encode(tone.astype(np.float32), Encoding.MULAW), call.now_ms))
        call.now_ms += message_ms
        await call.settle()
    partials = [transcript for transcript in call.leg.of(Transcript) if not transcript.final]
    assert len(partials) in {8000 // max(message_ms, chunk_ms) + early for early in (-1, 0, 1)}
    await call.end()


@pytest.mark.parametrize("wanted", [True, False])
async def test_words_have_the_media_time_at_which_they_were_spoken(wanted: bool) -> None:
    class Timing(FakeAsr):  # hears one word, where it is loud
        async def decode(self, request: Request, /) -> Hypothesis:
            self.requests.append(request)
            loud = np.flatnonzero(np.abs(request.audio) > 0.1) // 16
            words = [("one", int(loud[0]), int(loud[-1]))] if request.words else []
            return Hypothesis(["one"], "English", words=words)

    call = Call(asr=Timing(), capabilities=TEXT_ONLY, words=wanted)
    await call.say(2000, loud=False)
    await call.turn(1000)
    await call.say(500, loud=False)
    await call.turn(500)
    await call.end()
    finals = [transcript for transcript in call.leg.of(Transcript) if transcript.final]
    spans = [span for transcript in finals for _, *span in transcript.words]
    assert spans == ([pytest.approx([2000, 3000], abs=40), pytest.approx([4100, 4600], abs=40)] if wanted else [])
    assert not any(request.words for request in call.asr.requests if not request.final)


async def test_a_malformed_message_is_answered_and_the_call_goes_on() -> None:
    call = Call(capabilities=TEXT_ONLY)
    call.leg.feed(Malformed("type: got 'x'"))
    await call.turn()
    assert call.leg.of(Problem) == [Problem("type: got 'x'")]
    assert call.finals() == ["one two"]
    await call.end()


async def test_a_final_that_no_decode_gives_is_reported_and_the_call_goes_on() -> None:
    class Refusing(FakeAsr):
        async def decode(self, request: Request, /) -> Hypothesis:
            if request.final and len(self.requests) < 2:
                self.requests.append(request)
                raise BadRequest("audio holds NaN")
            return await super().decode(request)

    call = Call(asr=Refusing(), capabilities=TEXT_ONLY, partials=False)
    await call.say(200)
    await call.say(600, loud=False)
    await call.settle()
    assert [problem.message for problem in call.leg.of(Problem)] == ["the recogniser failed: audio holds NaN"]
    await call.turn()
    assert call.finals() == ["one two"]
    assert b'bridge_finals_lost_total{wire="test"} 1.0' in call.metrics.text()
    await call.end()


# ---------------------------------------------------------------- with every engine gone


class MortalAsr(FakeAsr):
    """Has engines only while `up` is set."""

    def __init__(self, *, up: bool = False, hold: asyncio.Event | None = None) -> None:
        super().__init__(hold=hold)
        self.up = asyncio.Event()
        if up:
            self.up.set()

    async def recovered(self) -> None:
        await self.up.wait()

    async def decode(self, request: Request, /) -> Hypothesis:
        hypothesis = await super().decode(request)
        if not self.up.is_set():
            raise EngineLost("every engine is down")
        return hypothesis


async def test_a_caller_hears_of_an_outage_once_and_is_answered_when_it_is_over() -> None:
    bot, asr = ScriptBot("Thank you."), MortalAsr()
    call = Call(bot=bot, asr=asr)
    await call.turn(1000)
    assert call.audio_ms() == pytest.approx(100, abs=20)
    await call.say(2000, loud=False)
    assert call.audio_ms() == pytest.approx(100, abs=20)
    asr.up.set()
    await call.settle()
    assert [final.text for final in bot.finals] == ["one two"]
    assert [turn.text for turn in bot.turns] == ["one two"]
    assert call.audio_ms() == pytest.approx(200, abs=40)
    await call.end()


async def test_the_answer_waits_until_the_caller_was_told_of_the_outage() -> None:
    asr = MortalAsr()
    call = Call(bot=ScriptBot("Thank you."), asr=asr, capabilities=replace(PHONE, send_ahead_ms=20))
    await call.turn(1000)
    assert call.audio_ms() < 100, "the fallback is not all sent yet"
    asr.up.set()
    async with asyncio.timeout(5):
        while len(call.leg.of(Mark)) < 2:  # audio leaves as the caller's time goes on
            await call.say(20, loud=False)
    told = call.leg.sent[: call.leg.sent.index(call.leg.of(Mark)[0])]
    assert sum(MULAW.duration_ms(play.payload) for play in told if isinstance(play, Play)) == pytest.approx(100, abs=20)
    await call.end()


async def test_what_was_said_in_an_outage_is_told_once_and_in_order() -> None:
    bot, asr = ScriptBot("Thank you."), MortalAsr()
    call = Call(bot=bot, asr=asr)
    for ms in (500, 1000, 1500):
        await call.turn(ms)
    assert call.audio_ms() == pytest.approx(100, abs=20), "the fallback, once"
    asr.up.set()
    await call.settle(100)
    assert [final.text for final in bot.finals] == ["one", "one two", "one two three"]
    assert [turn.text for turn in bot.turns] == ["one one two one two three"]
    await call.end()


async def test_a_second_outage_is_told_of_too() -> None:
    asr = MortalAsr()
    call = Call(bot=ScriptBot("Yes."), asr=asr)
    await call.turn()
    asr.up.set()
    await call.settle()
    before_ms = call.audio_ms()
    asr.up.clear()
    await call.turn()
    assert call.audio_ms() - before_ms == pytest.approx(100, abs=20)
    asr.up.set()
    await call.settle()
    await call.end()


async def test_a_caller_who_speaks_is_told_of_the_outage_afterwards() -> None:
    asr = MortalAsr(hold=asyncio.Event())
    call = Call(bot=ScriptBot("Yes."), asr=asr)
    await call.turn(500)
    await call.say(500)
    assert asr.hold
    asr.hold.set()
    await call.say(500)
    assert call.audio_ms() == 0
    await call.say(600, loud=False)
    assert call.audio_ms() == pytest.approx(100, abs=20)
    asr.up.set()
    await call.settle()
    await call.end()


class SlowVoice(FakeTts):
    """Makes 50 ms of a tone at a time, each when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = asyncio.Event()

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        for number, word in enumerate(text.split()):
            if number == 10:
                await self.may_go_on.wait()
            async for samples in super().speak(word):
                yield samples


async def test_the_word_on_an_outage_waits_for_a_reply_that_the_caller_spoke_over() -> None:
    bot, asr, voice = ScriptBot(" ".join(["word"] * 40)), MortalAsr(up=True), SlowVoice()
    call = Call(bot=bot, asr=asr, tts=voice)
    await call.turn(1000)
    assert call.audio_ms() == pytest.approx(500, abs=20), "the bot is in the middle of a word"
    asr.up.clear()
    await call.turn(500)
    assert call.leg.of(Clear), "the bot is held"
    voice.may_go_on.set()
    await call.say(5000, loud=False)
    assert call.audio_ms() == pytest.approx(40 * 50 + 100, abs=200), "the rest of the reply, then the fallback"
    assert len(call.leg.of(Mark)) == 2
    assert call.metrics.text().count(b'bridge_replies_failed_total{wire="test"} 1.0') == 1
    assert not call.output.speaking, "and it comes to its end"
    asr.up.set()
    await call.settle()
    await call.end()


@pytest.mark.parametrize("dies_late", [False, True])
async def test_too_many_utterances_in_an_outage_cost_the_oldest_and_the_call_is_still_heard(dies_late: bool) -> None:
    asr = MortalAsr(up=dies_late, hold=asyncio.Event())
    call = Call(asr=asr, capabilities=TEXT_ONLY)
    assert asr.hold
    if not dies_late:
        asr.hold.set()
    for number in range(12):
        await call.turn(500 if number < 4 else 1000)
    if dies_late:
        assert call.leg._events.qsize() > 0, "a slow engine is waited for"
        asr.up.clear()
        asr.hold.set()
        await call.settle(4000)
    assert call.leg._events.qsize() == 0
    assert len(call.leg.of(Problem)) == 4
    assert b'bridge_finals_lost_total{wire="test"} 4.0' in call.metrics.text()
    asr.up.set()
    await call.settle(200)
    taken_back = [""] * dies_late  # of what was lost, the first had shown a partial
    assert call.finals() == taken_back + ["one two"] * 8
    await call.end()


async def test_an_outage_that_is_too_long_costs_the_final_and_says_so() -> None:
    call = Call(asr=MortalAsr(), capabilities=TEXT_ONLY, outage_s=0.01)
    await call.say(500)
    call.leg.feed(Finalize())
    await call.leg.until(call.finals)
    assert [problem.message for problem in call.leg.of(Problem)] == ["the recogniser failed: every engine is down"]
    assert call.finals() == [""]
    await call.end()


@pytest.mark.virtual_time
async def test_a_call_that_ends_in_an_outage_waits_no_longer_than_others() -> None:
    asr = MortalAsr()
    call = Call(asr=asr, capabilities=TEXT_ONLY, outage_s=60.0)
    await call.turn()
    assert await call.end() == "caller hung up"
    assert b'bridge_finals_lost_total{wire="test"} 1.0' in call.metrics.text()


async def test_an_engine_that_is_back_before_the_last_grace_is_over_gives_the_final() -> None:
    asr = MortalAsr()
    call = Call(asr=asr, capabilities=TEXT_ONLY)
    await call.turn()
    call.leg.feed(ENDED)
    await call.settle()
    asr.up.set()
    await call.running
    assert call.finals() == ["one two"]


# ---------------------------------------------------------------- what was shown is closed


class MoodyAsr(FakeAsr):
    """Answers each decode with the next of its moods: words, nothing, or a fault."""

    def __init__(self, moods: Sequence[str]) -> None:
        super().__init__()
        self._moods = itertools.cycle(moods)

    async def decode(self, request: Request, /) -> Hypothesis:
        match next(self._moods):
            case "fault":
                raise BadRequest("audio holds NaN")
            case "nothing":
                return Hypothesis([], "")
        return await super().decode(request)


class ToldBot(ScriptBot):
    """Writes down what it is told of the caller's words."""

    def __init__(self) -> None:
        super().__init__("I see.")
        self.told = list[tuple[str, str]]()

    async def on_partial(self, partial: Partial) -> None:
        self.told.append(("partial" if partial.text else "nothing", partial.text))

    async def on_final(self, final: Final) -> None:
        self.told.append(("final", final.text))


def assert_closed(kinds: Sequence[str], *, asked: int = 0) -> None:
    """Whoever is shown partials gets one end to them; other ends are those that were `asked` for."""
    shown, unasked = False, 0
    for kind in kinds:
        unasked += kind == "nothing" and not shown
        shown = kind == "partial"
    assert not shown, kinds
    assert unasked <= asked, kinds


moods = st.lists(st.sampled_from(["words", "nothing", "fault"]), min_size=1, max_size=6)
doings = st.lists(
    st.one_of(
        st.tuples(st.just("speak"), st.sampled_from([100, 400, 1500])),
        st.tuples(st.just("pause"), st.sampled_from([140, 600])),
        st.tuples(st.just("finalize"), st.just(0)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(moods=moods, doings=doings, stopped=st.booleans(), text_only=st.booleans())
def test_whoever_is_shown_a_partial_is_told_once_what_became_of_it(
    moods: list[str], doings: list[tuple[str, int]], stopped: bool, text_only: bool
) -> None:
    async def carry() -> None:
        bot = None if text_only else ToldBot()
        call = Call(bot=bot, asr=MoodyAsr(moods), capabilities=replace(PHONE, transcripts=True), chunk_size_sec=0.5)
        for does, ms in doings:
            if does == "finalize":
                call.leg.feed(Finalize())
                await call.settle()
            else:
                await call.say(ms, loud=does == "speak")
        if stopped:
            call.session.stop("the server is shutting down")
            await call.running
        else:
            await call.end()
        asked = sum(does == "finalize" for does, _ in doings)
        kinds = [("final" if t.text else "nothing") if t.final else "partial" for t in call.leg.of(Transcript)]
        assert_closed(kinds, asked=asked)
        if bot:
            assert_closed([kind for kind, _ in bot.told])

    asyncio.run(carry())


@pytest.mark.virtual_time
async def test_a_stale_partial_does_not_outlive_a_call_whose_final_never_comes() -> None:
    call = Call(asr=FakeAsr(hold=asyncio.Event()), capabilities=TEXT_ONLY)
    await call.say(1000)
    call.session.stop("the server is shutting down")
    await call.running
    assert [t.text for t in call.leg.of(Transcript)] == ["one", ""]


# ---------------------------------------------------------------- utterances that grow too long


@pytest.mark.parametrize("pause_ms", [0, 160])
async def test_a_long_speech_is_cut_and_answered_only_when_its_speaker_is_done(pause_ms: int) -> None:
    bot = ScriptBot("I see.")
    call = Call(bot=bot, rules=replace(RULES, max_utterance_ms=2000))
    for _ in range(3):
        await call.say(1480)
        await call.say(pause_ms, loud=False)
    assert len(bot.finals) >= 2
    assert bot.turns == []
    assert call.leg.of(Play) == []
    await call.say(600, loud=False)
    await call.settle()
    said = " ".join(final.text for final in bot.finals)
    assert [turn.text for turn in bot.turns] == [said]
    assert len(said.split()) == pytest.approx(2 * 3 * 1.48, abs=1), "two words a second"
    await call.end()


async def test_a_speaker_who_was_done_at_the_cut_is_answered() -> None:
    bot, asr = ScriptBot("I see."), FakeAsr()
    call = Call(bot=bot, asr=asr, rules=replace(RULES, max_utterance_ms=2000))
    await call.turn(1500)
    assert [turn.text for turn in bot.turns] == ["one two three"]
    assert [request.final for request in asr.requests].count(True) == 1, "nothing was said after it"
    await call.end()


async def test_no_sample_is_lost_or_heard_twice_at_a_cut() -> None:
    asr = FakeAsr()
    call = Call(asr=asr, capabilities=TEXT_ONLY, partials=False, rules=replace(RULES, max_utterance_ms=2000))
    await call.say(6400)
    await call.end()
    longest: dict[str, int] = {}
    for request in asr.requests:
        longest[request.key] = max(len(request.audio), longest.get(request.key, 0))
    assert list(longest) == ["u0", "u1", "u2", "u3"]
    assert sum(longest.values()) == pytest.approx(6400 * 16, abs=32 * 16)


async def test_stop_ends_the_call_with_its_pending_final() -> None:
    call = Call(capabilities=TEXT_ONLY)
    await call.say(1000)
    call.session.stop("the server is shutting down")
    assert await call.running == "the server is shutting down"
    assert call.finals() == ["one two"]


class Drained(ScriptBot):
    """Counts how often it was told that the server will end."""

    drained = 0

    async def on_drain(self) -> None:
        self.drained += 1
        raise RuntimeError("a fault in it costs nothing")


async def test_a_drain_is_told_to_the_bot_once_and_the_call_goes_on() -> None:
    bot = Drained("Yes.")
    call = Call(bot=bot)
    await call.say(100)
    call.session.drain()
    await call.turn(1000)
    assert bot.drained == 1 and bot.turns
    await call.end()


async def test_a_call_that_begins_while_the_server_drains_tells_its_bot_too() -> None:
    bot = Drained("Yes.")
    call = Call(bot=bot)
    call.session.drain()
    await call.say(100)
    assert bot.drained == 1
    await call.end()


@pytest.mark.virtual_time
async def test_a_final_that_never_comes_does_not_hold_the_call_for_ever() -> None:
    call = Call(asr=FakeAsr(hold=asyncio.Event()), capabilities=TEXT_ONLY)
    await call.say(1000)
    assert await call.end() == "caller hung up"
    assert b'bridge_finals_lost_total{wire="test"} 1.0' in call.metrics.text()


async def test_a_vad_that_dies_ends_the_call_and_what_was_said_is_not_lost() -> None:
    class Dying(LoudnessVad):
        left = 40

        async def __call__(self, samples: Samples, /) -> float:
            self.left -= 1
            if not self.left:
                raise RuntimeError("vad died")
            return await super().__call__(samples)

    call = Call(capabilities=TEXT_ONLY, vad=Dying())
    await call.say(2000)
    with pytest.raises(RuntimeError, match="vad died"):
        await call.running
    assert call.finals() == ["one two three"] or call.finals() == ["one two"]


async def test_a_peer_that_breaks_the_protocol_ends_its_call_with_the_reason() -> None:
    class Breaking(FakeLeg):
        async def __aiter__(self) -> AsyncIterator[Event]:
            async for event in super().__aiter__():
                if event is ENDED:
                    raise RemoteProtocolError("100 malformed messages")
                yield event

    call = Call(capabilities=TEXT_ONLY)
    call.session._leg = broken = Breaking(TEXT_ONLY)
    broken.feed(ENDED)
    with pytest.raises(RemoteProtocolError, match="100 malformed"):
        await call.running
    assert broken.of(Problem) == [Problem("100 malformed messages")]


async def test_nothing_of_a_call_outlives_it() -> None:
    def others() -> set[asyncio.Task[Any]]:
        return asyncio.all_tasks() - {asyncio.current_task()}

    call = Call(bot=ScriptBot("word " * 100))
    await call.turn()
    await call.say(500)
    await call.end()
    await call.settle(5)
    assert not others()


# ---------------------------------------------------------------- the end of the turn is judged


class FixedEnding:
    """Says the same of every pause, and keeps what it was asked."""

    def __init__(self, probability: float) -> None:
        self.value, self.asked = probability, list[str]()

    async def probability(self, audio: Samples, text: str, language: str, /) -> float:
        self.asked.append(text)
        return self.value

    def close(self) -> None:
        """It holds nothing."""


def judging(ending: FixedEnding) -> tuple[Endpointing, OpenTurnDetector]:
    finals = RollingQuantile(0)
    endpointing = Endpointing(EndpointRules(), time_to_final=finals)
    return endpointing, bound(TurnDetector, endpointing, ending, time_to_final=finals, limit_s=1.0, clock_ms=lambda: 0)


@pytest.mark.parametrize(("probability", "wait_ms"), [(1.0, 400), (0.0, 800)])
async def test_the_surer_the_end_the_sooner_the_bot_answers(probability: float, wait_ms: int) -> None:
    bot = ScriptBot("Thank you.")
    call = Call(bot=bot, asr=FakeAsr(script="that is all"), judging=judging(FixedEnding(probability)))
    await call.say(1000)
    assert await call.silence_until(lambda: bot.turns) == pytest.approx(wait_ms, abs=60)
    await call.end()


@pytest.mark.parametrize(("greeting", "wait_ms"), [("Is that right?", 250), ("Go on.", 400)])
async def test_yes_is_answered_sooner_where_the_bot_had_asked(greeting: str, wait_ms: int) -> None:
    bot = ScriptBot("Thank you.", greeting=[greeting])
    call = Call(bot=bot, asr=FakeAsr(script="yes"), judging=judging(FixedEnding(0.95)))
    await call.say(1000, loud=False)
    await call.say(500)
    assert await call.silence_until(lambda: bot.turns) == pytest.approx(wait_ms, abs=60)
    await call.end()


async def test_what_the_bot_says_it_expects_lengthens_the_wait() -> None:
    bot = ScriptBot("Thank you.", greeting=[Say("Your number, please.", expect="digits", digits=6)])
    call = Call(bot=bot, asr=FakeAsr(script="1 2 3"), judging=judging(FixedEnding(0.95)))
    await call.say(1000, loud=False)
    await call.say(500)
    await call.say(1200, loud=False)
    assert not bot.turns
    call.asr.script = "1 2 3 4 5 6"
    await call.say(500)
    assert await call.silence_until(lambda: bot.turns) < 600, "the number is whole"
    assert [turn.text for turn in bot.turns] == ["1 2 3 4 5 6"]
    await call.end()


async def test_a_turn_that_goes_on_before_the_bot_is_heard_is_judged_and_answered_as_one() -> None:
    class Thinking(ScriptBot):
        may_speak = asyncio.Event()

        async def reply(self, turn: Turn) -> AsyncIterator[str]:
            self.turns.append(turn)
            await self.may_speak.wait()
            yield "Thank you."

    bot, ending = Thinking("x"), FixedEnding(1.0)
    call = Call(bot=bot, judging=judging(ending))
    await call.say(500)
    await call.silence_until(lambda: bot.turns)
    await call.say(200, loud=False)
    await call.say(1000)
    waited_ms = await call.silence_until(lambda: len(bot.turns) == 2)
    bot.may_speak.set()
    await call.settle()
    assert [turn.text for turn in bot.turns] == ["one", "one one two"]
    assert ending.asked == ["one", "one one two"]
    assert call.audio_ms() == pytest.approx(2 * 50, abs=45), "it was answered once"
    assert waited_ms > 500, "one such mistake makes the next wait longer"
    await call.end()


async def test_a_turn_that_goes_on_while_its_final_is_late_is_judged_as_one_too() -> None:
    bot, ending, hold = ScriptBot("Thank you."), FixedEnding(1.0), asyncio.Event()
    call = Call(bot=bot, asr=FakeAsr(hold=hold), judging=judging(ending))
    await call.say(500)
    await call.silence_until(lambda: call.session._turns.state is FloorState.SILENT)
    await call.say(1000)
    hold.set()
    await call.silence_until(lambda: bot.turns)
    assert ending.asked == ["one one two"]
    assert [turn.text for turn in bot.turns] == ["one one two"]
    await call.end()


async def test_a_question_that_was_not_heard_makes_no_answer_quick() -> None:
    class SlowVoice(FakeTts):
        async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
            await asyncio.Event().wait()
            yield np.zeros(0, np.float32)

    bot = ScriptBot("Is that right?")
    call = Call(bot=bot, asr=FakeAsr(script="no"), tts=SlowVoice(), judging=judging(FixedEnding(0.95)))
    await call.say(500)
    await call.silence_until(lambda: bot.turns)
    await call.say(1000, loud=False)
    await call.say(500)
    assert await call.silence_until(lambda: len(bot.turns) == 2) > 350
    assert bot.turns[1].text == "no no"
    await call.end()


async def test_what_was_answered_is_no_part_of_the_next_turn() -> None:
    bot, ending = ScriptBot("Thank you."), FixedEnding(1.0)
    call = Call(bot=bot, judging=judging(ending))
    for _ in range(2):
        await call.say(500)
        await call.silence_until(lambda: call.session._turns.state is FloorState.SILENT)
        await call.say(2000, loud=False)
    assert [turn.text for turn in bot.turns] == ending.asked == ["one", "one"]
    await call.end()


async def test_a_cough_behind_a_turn_teaches_nothing() -> None:
    bot = ScriptBot("")  # never heard
    call = Call(bot=bot, judging=judging(FixedEnding(1.0)))
    await call.say(500)
    await call.silence_until(lambda: bot.turns)
    await call.say(300, loud=False)
    call.asr.script = ""
    await call.turn(200)
    await call.say(600, loud=False)
    call.asr.script = None
    await call.say(3000, loud=False)
    before = len(bot.turns)
    await call.say(500)
    assert await call.silence_until(lambda: len(bot.turns) > before) == pytest.approx(400, abs=60)
    await call.end()


async def test_a_likely_end_begins_the_reply_before_the_turn_closes_and_nothing_of_it_is_heard() -> None:
    class Speculating(ScriptBot):
        speculates = True

    bot = Speculating("Thank you.")
    call = Call(bot=bot, asr=FakeAsr(script="that is all"), judging=judging(FixedEnding(0.6)))
    await call.say(1000)
    assert await call.silence_until(lambda: bot.turns) < 250
    assert call.audio_ms() == 0
    assert await call.silence_until(call.audio_ms) > 300
    assert [turn.text for turn in bot.turns] == ["that is all"]
    await call.end()


# ---------------------------------------------------------------- replies begun ahead


class EagerBot(ScriptBot):
    speculates = True


async def test_a_pause_that_is_likely_the_end_begins_the_reply_which_is_heard_when_the_turn_closes() -> None:
    bot = EagerBot("Thank you very much indeed.")
    call = Call(bot=bot, asr=FakeAsr(script="that is all"), judging=judging(FixedEnding(0.9)))
    await call.say(1000)
    assert await call.silence_until(lambda: bot.turns) < 250
    assert call.leg.of(Play) == []
    assert 120 < await call.silence_until(lambda: call.leg.of(Play)) < 400
    assert len(bot.turns) == 1
    assert b'bridge_speculation_hits_total{wire="test"} 1.0' in call.metrics.text()
    await call.end()


async def test_a_caller_who_goes_on_after_such_a_pause_never_hears_that_reply() -> None:
    bot = EagerBot("First thing.", "Second thing.")
    call = Call(bot=bot, judging=judging(FixedEnding(0.6)))
    await call.say(1000)
    await call.silence_until(lambda: bot.turns)
    await call.say(1000)
    await call.silence_until(lambda: call.leg.of(Play))
    first, second = (turn.text for turn in bot.turns)
    assert first == "one two"
    assert second.startswith("one two three")
    assert b'bridge_speculation_misses_total{wire="test"} 1.0' in call.metrics.text()
    await call.end()


async def test_a_pause_that_is_not_likely_the_end_begins_nothing() -> None:
    bot = EagerBot("Thank you.")
    call = Call(bot=bot, asr=FakeAsr(script="that is all"), judging=judging(FixedEnding(0.4)))
    await call.say(1000)
    assert await call.silence_until(lambda: bot.turns) > 700
    await call.end()


async def test_the_language_of_the_call_is_told_and_short_words_are_decoded_in_it() -> None:
    class Linguist(ScriptBot):
        async def on_language(self, language: str) -> None:
            told.append(language)

    told = list[str]()
    call = Call(bot=Linguist())
    await call.turn(600)
    assert told == [], "one word tells nothing"
    await call.turn(2000)
    assert told == ["English"]
    already = len(call.asr.requests)
    await call.turn(600)
    assert {request.language for request in call.asr.requests[:already]} <= {None, "English"}
    assert {request.language for request in call.asr.requests[already:]} == {"English"}
    call.session.set_language("German")
    await call.turn(2000)
    assert call.asr.requests[-1].language == "German"
    await call.end()


# ---------------------------------------------------------------- clients that want to know when they speak


async def test_a_client_that_wants_to_know_is_told_when_it_begins_and_ends_to_speak() -> None:
    client = Call(capabilities=replace(TEXT_ONLY, speech_events=True))
    await client.turn()
    await client.end()
    told = [type(command) for command in client.leg.sent if not (isinstance(command, Transcript) and not command.final)]
    assert told == [SpeechStarted, SpeechStopped, Transcript]
    [started], [stopped] = client.leg.of(SpeechStarted), client.leg.of(SpeechStopped)
    [final] = [transcript for transcript in client.leg.of(Transcript) if transcript.final]
    assert final.span_ms == (started.at_ms, stopped.at_ms) and final.ends_turn


async def test_a_client_that_did_not_ask_hears_nothing_of_its_own_speech() -> None:
    client = Call(capabilities=TEXT_ONLY)
    await client.turn()
    await client.end()
    assert client.leg.of(SpeechStarted) == [] and client.leg.of(SpeechStopped) == []


async def test_the_pieces_of_a_long_utterance_do_not_end_the_turn() -> None:
    client = Call(capabilities=TEXT_ONLY, rules=replace(RULES, max_utterance_ms=1500))
    await client.turn(2000)
    await client.end()
    assert [final.ends_turn for final in client.leg.of(Transcript) if final.final] == [False, True]
