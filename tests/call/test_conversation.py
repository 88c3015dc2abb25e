"""The bot's side of a call: barge-in, false alarms, what is answered, and replies begun ahead."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from fakes import PHONE, FakeTts, ScriptBot
from sounding import English, German
from stage import LONG, MULAW, QUIET, Stage, settle, stage

from bot.actions import Action, SetLanguage, Transfer
from bot.api import Bot, CallInfo, Heard, Line, Partial, Say, Speaker, Turn
from bridge.call.prompts import CallPrompts
from bridge.speaking.voices.voice import Voice
from bridge.speaking.voices.voices import Voices
from bridge.turns.interruption_rules import EchoRules, InterruptionRules
from bridge.turns.no_input import NoInputRules
from telephony.events import Capabilities, Clear, Mark, Reply


class NotingBot(ScriptBot):
    """Keeps where it was interrupted."""

    def __init__(self, *answers: str, greeting: Sequence[str] = ()) -> None:
        super().__init__(*answers, greeting=greeting)
        self.points: list[Heard] = []

    async def on_interrupted(self, heard: str) -> None:
        assert isinstance(heard, Heard)
        self.points.append(heard)


class Noise(FakeTts):
    """Speaks noise, no two moments of which are alike, 100 ms a word."""

    async def speak(self, text: str, /) -> AsyncGenerator[np.ndarray[tuple[int], np.dtype[np.float32]], None]:
        rng = np.random.default_rng(len(text))
        yield (0.1 * rng.standard_normal(2400 * len(text.split()))).astype(np.float32)


# ---------------------------------------------------------------- partials


async def test_partials_are_wanted_while_the_bot_may_be_interrupted() -> None:
    bot = ScriptBot("Certainly.", greeting=[LONG])
    bot.hears_partials = False
    async with stage(bot) as call:
        wanted = [call.talk.wants_partials]
        await call.silence(6000)
        wanted.append(call.talk.wants_partials)
        await call.says("Hello?")
        wanted.append(call.talk.wants_partials)
    assert wanted == [True, False, True]


@pytest.mark.parametrize(("bot", "wanted"), [(ScriptBot("Yes."), True), (Bot(), False)])
async def test_and_by_a_bot_that_does_something_with_them(bot: Bot, wanted: bool) -> None:
    async with stage(bot) as call:
        await call.silence(992)
        assert call.talk.wants_partials is wanted


# ---------------------------------------------------------------- an operator


async def test_an_operator_speaks_instead_of_the_bot_which_knows_what_was_heard() -> None:
    bot = NotingBot("Certainly.", greeting=[LONG])
    async with stage(bot) as call:
        await call.silence(992)
        call.talk.put_in("A person is coming.")
        await settle()
        assert len(call.leg.of(Clear)) == 1
        await call.silence(3008)
        await call.says("Thank you.")
    [greeted, put_in] = bot.turns[0].history
    assert LONG.startswith(greeted.text) and greeted.text != LONG
    assert put_in == Line(Speaker.BOT, "A person is coming.")


async def test_a_transfer_of_an_operator_that_does_not_happen_costs_the_caller_nothing() -> None:
    bot = NotingBot("Certainly.")
    async with stage(bot) as call:
        await call.silence(992)
        call.talk.put_in(Transfer("+4930123456"))
        await call.silence(992)
        assert call.audio() == b""
        await call.says("Hello?")
    assert bot.turns[0].text == "Hello?"


async def test_nothing_is_put_in_once_the_call_is_at_its_end() -> None:
    bot = NotingBot("Certainly.")
    async with stage(bot) as call:
        call.talk.say_goodbye("enough")
        await call.silence(96)
        before = call.sent_ms()
        call.talk.put_in("A person is coming.")
        await call.silence(96)
        assert call.sent_ms() == before


# ---------------------------------------------------------------- barge-in


async def test_the_bot_falls_silent_at_the_onset_and_is_told_when_there_are_words() -> None:
    bot = NotingBot("Certainly.", greeting=[LONG])
    async with stage(bot) as call:
        await call.silence(992)
        await call.speech(160)
        assert len(call.leg.of(Clear)) == 1
        assert not bot.points
        call.talk.partial(Partial("I would like", "English"))
        await settle()
        assert len(bot.points) == 1
        assert call.count("barge_ins") == 1
        await call.final("I would like a table.")
        assert len(call.leg.of(Clear)) == 1
    heard = bot.points[0]
    assert f"{heard} {heard.rest}" == LONG
    assert heard.played_ms == pytest.approx(1088, abs=200)
    assert bot.turns[0].history == (Line(Speaker.BOT, heard),)
    assert bot.turns[0].text == "I would like a table."


async def test_a_cough_lets_the_bot_go_on_with_the_very_audio_that_was_cut() -> None:
    text = "The quick brown fox jumps over the lazy dog in the warm evening sun."
    bot = NotingBot(greeting=[text])
    async with stage(bot, tts=Noise()) as call:
        reference = call.audio()
        await call.silence(608)
        await call.speech(192)
        cut = len(call.leg.sent)
        assert call.leg.of(Clear)
        await call.silence(320)
        await call.final("")
        again = call.audio(since=cut)
        assert reference.endswith(again)
        begin_ms = MULAW.duration_ms(reference) - MULAW.duration_ms(again)
        assert 608 + 160 - 400 < begin_ms <= 608 + 160
        assert call.count("false_alarms") == 1
        assert call.count("barge_ins") == 0
        await call.silence(5000)
        await call.says("Thank you.")
    assert not bot.points
    assert bot.turns[0].history == (Line(Speaker.BOT, text),), "as if nothing had been"


async def test_a_backchannel_is_told_once_and_kept_and_not_answered() -> None:
    bot = NotingBot("Never.", greeting=[LONG])
    async with stage(bot) as call:
        await call.silence(992)
        await call.says("Mm-hm.")
        assert [final.text for final in bot.finals] == ["Mm-hm."]
        assert bot.turns == []
        assert call.sent_ms() > 3100, "it goes on"
        await call.silence(6016)
        await call.says("And on Sunday?")
    assert bot.turns[0].text == "And on Sunday?"
    assert bot.turns[0].history == (Line(Speaker.BOT, LONG), Line(Speaker.CALLER, "Mm-hm."))


@pytest.mark.virtual_time
async def test_a_reply_that_is_still_being_written_is_held_and_loses_nothing() -> None:
    written: list[str] = []

    class Writer(NotingBot):
        async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
            for number in range(4):
                written.append(f"This is sentence number {number} of four.")
                yield written[-1] + " "

    live = Capabilities(audio_out=True, clear=True, mark=True, send_ahead_ms=200)

    bot = Writer("Yes.")
    async with stage(bot, capabilities=live) as call:
        await call.silence(96)
        await call.speech(160)
        so_far = len(written)
        assert so_far < 4
        await call.silence(320)
        assert len(written) == so_far, "nobody asks for more while it is held"
        await call.final("")
        for _ in range(80):
            await call.silence(32)
            await asyncio.sleep(0.032)  # the output paces itself by time
        await call.says("Good.")
    assert len(written) == 4
    assert bot.turns[0].history == (Line(Speaker.BOT, " ".join(written)),)


async def test_a_noise_before_the_first_word_of_the_bot_costs_nothing_either() -> None:
    release = asyncio.Event()

    class Slow(NotingBot):
        async def reply(self, turn: Turn) -> AsyncIterator[str]:
            self.turns.append(turn)
            await release.wait()
            yield "It is four."

    bot = Slow()
    async with stage(bot) as call:
        await call.says("What is two and two?")
        await call.speech(192)
        release.set()
        await settle()
        assert call.sent_ms() == 0, "not while the caller may be speaking"
        await call.silence(320)
        await call.final("")
        assert call.sent_ms() == pytest.approx(150, abs=20)
        assert len(bot.turns) == 1
        assert not call.leg.of(Clear)


async def test_a_caller_who_speaks_on_before_the_bot_was_heard_is_answered_for_all_of_it() -> None:
    class Slow(NotingBot):
        async def reply(self, turn: Turn) -> AsyncIterator[str]:
            self.turns.append(turn)
            if len(self.turns) == 1:
                await asyncio.Event().wait()
            yield "Done."

    bot = Slow()
    async with stage(bot) as call:
        await call.says("Book a table")
        assert call.talk.said == "Book a table"
        await call.says("for two people.")
        assert [turn.text for turn in bot.turns] == ["Book a table", "Book a table for two people."]
        assert bot.turns[1].history == ()
        assert call.count("barge_ins") == 0


async def test_a_line_that_hums_does_not_silence_the_bot_for_good() -> None:
    async with stage(NotingBot(greeting=[LONG])) as call:
        await call.silence(320)
        await call.speech(192)
        sent = len(call.leg.sent)
        for _ in range(12):
            await call.speech(64)
            await call.silence(128)
        assert len(call.leg.sent) > sent
        assert call.count("false_alarms") == 1


async def test_a_reply_ended_by_long_noise_without_words_goes_on_all_the_same() -> None:
    bot = NotingBot(greeting=[LONG])
    async with stage(bot) as call:
        await call.silence(992)
        await call.speech(1504)
        assert call.count("barge_ins") == 1
        sent = len(call.leg.sent)
        await call.silence(320)
        await call.final("")
        rest = bot.points[0].rest
        assert call.sent_ms(since=sent) == pytest.approx(50 * len(rest.split()), abs=60)


async def test_yes_just_before_the_end_of_a_question_is_its_answer() -> None:
    bot = NotingBot("Fine.", greeting=["Well then, shall I book that table for you?"])
    async with stage(bot) as call:
        await call.silence(288)  # of 450 ms
        await call.says("Yes.")
    assert [turn.text for turn in bot.turns] == ["Yes."]


async def test_marks_that_come_back_for_what_was_cleared_end_nothing() -> None:
    async with stage(NotingBot(greeting=[LONG])) as call:
        stale = call.leg.of(Mark)
        await call.silence(608)
        await call.speech(192)
        for mark in stale:
            call.talk.played(mark.name)
        await call.silence(320)
        await call.final("")
        assert call.conversation.talking
        for mark in call.leg.of(Mark)[len(stale) :]:
            call.talk.played(mark.name)
        assert not call.conversation.talking


@pytest.mark.virtual_time
async def test_a_wire_that_cannot_clear_is_stopped() -> None:
    bare = Capabilities(audio_out=True, send_ahead_ms=60)
    bot = NotingBot(greeting=[LONG])
    async with stage(bot, capabilities=bare) as call:
        for _ in range(10):
            await call.silence(32)
            await asyncio.sleep(0.032)
        await call.speech(160)
        sent = len(call.leg.sent)
        for _ in range(5):
            await call.silence(32)
            await asyncio.sleep(0.032)
        assert len(call.leg.sent) == sent
        assert not call.leg.of(Clear)
        await call.final("")
        await call.silence(320)
        await asyncio.sleep(0.05)
        assert len(call.leg.sent) > sent


# ---------------------------------------------------------------- what may not be interrupted


async def test_a_legal_notice_is_heard_to_its_end_and_what_was_said_over_it_is_answered_then() -> None:
    notice = "This call is recorded for quality and training purposes as the law demands of us"  # 750 ms

    class Legal(NotingBot):
        async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
            yield Say(notice, interruptible=False)
            yield LONG

    bot = Legal("Of course.")
    async with stage(bot) as call:
        await call.speech(320)
        await call.silence(160)
        await call.final("Stop, I do not want that.")
        assert not call.leg.of(Clear)
        assert bot.turns == []
        await call.silence(512)
        assert not call.leg.of(Clear), "the notice may be heard a little later than our clock says"
        call.talk.played("0:1")
        await call.silence(32)
        assert len(call.leg.of(Clear)) == 1
        assert [turn.text for turn in bot.turns] == ["Stop, I do not want that."]
        history = bot.turns[0].history
        assert history[0].speaker is Speaker.BOT
        assert history[0].text.startswith(notice)
        assert len(history[0].text.split()) < len(notice.split()) + 5


@pytest.mark.parametrize(
    ("say", "cut"),
    [
        (Say(LONG, keys_interrupt=True), True),
        (Say(LONG, interruptible=False, keys_interrupt=True), True),
        (Say(LONG), False),
        (Say(LONG, interruptible=False), False),
    ],
)
async def test_a_key_ends_what_may_be_ended_by_keys(say: Say, cut: bool) -> None:
    class Menu(NotingBot):
        async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
            yield say

    bot = Menu("Of course.")
    async with stage(bot) as call:
        await call.silence(640)
        call.talk.press("1")
        await settle()
        assert bool(call.leg.of(Clear)) is cut
        assert bool(bot.points) is cut
        assert bot.digits == "1"
        sent = len(call.leg.sent)
        await call.speech(320)
        await call.final("")
        assert not cut or call.sent_ms(sent) == 0, "a noise does not bring back what the caller did not want to hear"


async def test_a_key_before_the_first_word_is_followed_by_what_the_bot_says_of_it() -> None:
    class Menu(NotingBot):
        async def reply(self, turn: Turn) -> AsyncIterator[str]:
            yield Say(LONG, keys_interrupt=True)

        async def on_dtmf(self, digit: str) -> None:
            self.cue()

        async def on_cue(self) -> AsyncIterator[str]:
            yield "You pressed a key."

    async with stage(Menu(), capabilities=replace(PHONE, transcripts=True)) as call:
        await call.says("What can you do?")
        call.talk.press("1")
        await call.silence(1500)
        assert [reply.text for reply in call.leg.of(Reply)][-1] == "You pressed a key."


async def test_a_bot_that_preempts_itself_says_the_next_instead_and_was_not_interrupted() -> None:
    class Impatient(NotingBot):
        async def reply(self, turn: Turn) -> AsyncIterator[str]:
            yield Say(LONG, interruptible=False)

        async def on_cue(self) -> AsyncIterator[str]:
            yield "Here it is."

    bot = Impatient()
    async with stage(bot, capabilities=replace(PHONE, transcripts=True)) as call:
        await call.says("Look it up.")
        await call.silence(640)
        bot.preempt()
        bot.cue()
        await call.silence(640)
        assert len(call.leg.of(Clear)) == 1
        assert [reply.text for reply in call.leg.of(Reply)][-1] == "Here it is."
        assert bot.points == [] and call.count("barge_ins") == 0


async def test_a_bot_that_follows_the_playout_is_told_what_was_heard() -> None:
    class Follower(NotingBot):
        follows_playout = True
        told = ""
        spoke: Sequence[tuple[Speaker, bool]] = ()

        async def on_played(self, text: str) -> None:
            self.told += f"{text} "

        async def on_speaking(self, speaker: Speaker, speaking: bool) -> None:
            self.spoke = [*self.spoke, (speaker, speaking)]

    bot = Follower("One two three four five.")
    async with stage(bot, capabilities=replace(PHONE, mark=False)) as call:
        await call.says("Count.")
        await call.silence(1000)
        assert bot.told.strip() == "One two three four five."
        assert [speaks for who, speaks in bot.spoke if who is Speaker.BOT] == [True, False]
        assert [speaks for who, speaks in bot.spoke if who is Speaker.CALLER] == [True, False]


async def test_words_over_a_notice_that_ends_the_reply_are_answered_after_it() -> None:
    class Legal(NotingBot):
        async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
            yield Say("This call is recorded as the law demands.", interruptible=False)

    bot = Legal("Of course.")
    async with stage(bot) as call:
        await call.speech(192)
        await call.final("Hello there?")
        assert bot.turns == []
        await call.silence(512)
        call.talk.played("0:1")
        await call.silence(32)
        assert [turn.text for turn in bot.turns] == ["Hello there?"]
        assert not bot.points or bot.points[0].rest == ""


# ---------------------------------------------------------------- side talk


@pytest.mark.parametrize(("level", "heeded"), [(0.3, True), (0.15, True), (0.07, False)])
async def test_side_talk_is_told_to_the_bot_and_neither_silences_it_nor_is_answered(level: float, heeded: bool) -> None:
    bot = ScriptBot(LONG, "Good.")
    no_echo = EchoRules(return_db=-60, guard_db=-60)
    async with stage(bot, rules=InterruptionRules(echo=no_echo)) as call:
        await call.says("What can you do for me?", ms=1600)
        await call.silence(480)
        await call.hear(320, level=level)
        await call.silence(128)
        await call.final("I will be there in a minute")
        assert bool(call.leg.of(Clear)) is heeded
        assert [turn.text for turn in bot.turns[1:]] == (["I will be there in a minute"] if heeded else [])


# ---------------------------------------------------------------- echo


async def test_the_echo_of_the_bot_is_neither_a_barge_in_nor_an_utterance() -> None:
    bot = NotingBot("Never.", greeting=["Our office is open from nine to five on every day of the week. " * 4])
    async with stage(bot) as call:
        await call.silence(320)
        await call.hear(1504, level=QUIET)
        call.talk.partial(Partial("is open from nine to five", "English"))
        await call.silence(320)
        await call.final("is open from nine to fife")
        assert not call.leg.of(Clear)
        assert not bot.partials
        assert not bot.finals
        assert bot.turns == []
        assert call.count("echoes") == 1


async def test_words_that_turn_out_to_be_the_echo_are_taken_back() -> None:
    bot = NotingBot("Never.", greeting=["Our office is open from nine to five on every day of the week. " * 4])
    async with stage(bot) as call:
        await call.silence(320)
        await call.hear(1504, level=QUIET)
        call.talk.partial(Partial("so open up", "English"))
        await call.silence(320)
        await call.final("is open from nine to fife")
        assert [partial.text for partial in bot.partials] == ["so open up", ""]
        assert not bot.finals


async def test_a_quiet_caller_interrupts_with_words() -> None:
    bot = NotingBot("Yes.", greeting=[LONG])
    async with stage(bot) as call:
        await call.silence(992)
        await call.hear(992, level=QUIET)
        assert not call.leg.of(Clear)
        call.talk.partial(Partial("I have a question", "English"))
        await settle()
        assert len(call.leg.of(Clear)) == 1
        await call.final("I have a question")
    assert len(bot.turns) == 1


# ---------------------------------------------------------------- replies begun ahead


class Eager(NotingBot):
    speculates = True

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        self.turns.append(turn)
        yield f"To {turn.text} I say this. "
        yield "And this."


async def test_a_reply_begun_ahead_is_unheard_until_the_turn_is_over() -> None:
    bot = Eager()
    async with stage(bot) as call:
        await call.speech(992)
        await call.silence(128)
        call.talk.speculate("book a table", "English")
        await settle()
        assert len(bot.turns) == 1
        assert call.leg.sent == []
        await call.silence(320)
        assert call.leg.sent == []
        await call.final("Book a table.")
        assert len(bot.turns) == 1
        assert call.sent_ms() == pytest.approx(50 * 9, abs=40)
        assert call.count("speculation_hits") == 1
        assert call.count("speculation_misses") == 0
        await call.silence(3008)
        await call.says("Thank you.")
    assert bot.turns[1].history == (
        Line(Speaker.CALLER, "Book a table."),
        Line(Speaker.BOT, "To book a table I say this. And this."),
    )


async def test_words_spoken_into_the_end_of_the_greeting_do_not_cancel_the_reply_begun_for_them() -> None:
    bot = Eager(greeting=["hello hello"])
    async with stage(bot) as call:
        await call.silence(call.sent_ms())
        since = len(call.leg.sent)
        await call.speech(960)  # the greeting is over, but its echo might still be on the line
        await call.silence(128)
        call.talk.speculate("call me", "English")
        await call.silence(256)
        await call.final("call me")
        assert call.sent_ms(since) > 0, "the caller is answered"
        assert [turn.text for turn in bot.turns] == ["call me"]


async def test_a_reply_to_words_that_were_not_all_is_thrown_away() -> None:
    bot = Eager()
    async with stage(bot) as call:
        await call.speech(992)
        call.talk.speculate("book a table", "English")
        await settle()
        await call.speech(992)
        await call.final("Book a table for two.")
        assert [turn.text for turn in bot.turns] == ["book a table", "Book a table for two."]
        assert call.sent_ms() == pytest.approx(50 * 11, abs=60)
        assert (call.count("speculation_hits"), call.count("speculation_misses")) == (0, 1)
        assert call.count("speculation_wasted_characters") > 0
        assert call.count("barge_ins") == 0


async def test_three_replies_are_begun_ahead_at_most() -> None:
    bot = Eager()
    async with stage(bot) as call:
        for text in ("one", "one two", "one two three", "one two three four"):
            await call.speech(320)
            call.talk.speculate(text, "English")
            await settle()
        await call.final("one two three four")
        assert [len(turn.text.split()) for turn in bot.turns] == [1, 2, 3, 4]
        assert call.count("speculation_misses") == 3


async def test_none_is_begun_after_ten_seconds_of_speech() -> None:
    bot = Eager()
    async with stage(bot) as call:
        await call.speech(10_016)
        call.talk.speculate("and so on", "English")
        await settle()
        assert bot.turns == []


async def test_a_bot_that_does_more_than_speak_is_never_asked_ahead() -> None:
    bot = NotingBot("Booked.")
    async with stage(bot) as call:
        await call.speech(992)
        call.talk.speculate("book a table", "English")
        await settle()
        assert bot.turns == []
        await call.final("Book a table.")
        assert len(bot.turns) == 1


async def test_a_reply_begun_ahead_for_a_turn_that_was_nothing_is_never_heard() -> None:
    bot = Eager()
    async with stage(bot) as call:
        await call.speech(320)
        call.talk.speculate("hm", "English")
        await settle()
        await call.final("")
        assert call.leg.sent == []
        await call.says("Hello.")
        assert call.sent_ms() > 0
        assert bot.turns[-1].text == "Hello."


async def test_nothing_is_begun_ahead_while_the_bot_speaks() -> None:
    bot = Eager(greeting=[LONG])
    async with stage(bot) as call:
        await call.silence(320)
        await call.speech(96)
        call.talk.speculate("yes", "English")
        await settle()
        assert bot.turns == []


# ---------------------------------------------------------------- something goes wrong


SORRY = CallPrompts(fallback=(np.full(2400, 0.2, np.float32), "Sorry."))
ABLE = replace(PHONE, transcripts=True)


def told(call: Stage) -> list[str]:
    return [reply.text for reply in call.leg.of(Reply)]


async def test_a_fault_over_a_reply_is_told_behind_it() -> None:
    async with stage(ScriptBot("Here you are."), capabilities=ABLE, prompts=SORRY) as call:
        await call.says("Tell me.")
        call.conversation.fall_back()
        await settle()
        assert told(call) == ["Here you are.", "Sorry."] and call.count("replies_failed") == 1


async def test_a_fault_while_the_bot_is_held_is_told_once_it_goes_on() -> None:
    async with stage(ScriptBot(LONG), capabilities=ABLE, prompts=SORRY) as call:
        await call.says("Tell me.")
        await call.silence(960)
        await call.speech(320)
        call.conversation.fall_back()
        await settle()
        assert "Sorry." not in told(call), "the caller may be interrupting"
        await call.silence(1920)
        await settle()
        assert told(call)[-1] == "Sorry.", "nobody was"
        assert call.conversation.talking


async def test_a_fault_that_the_caller_speaks_over_is_told_when_they_are_done() -> None:
    async with stage(ScriptBot(LONG), capabilities=ABLE, prompts=SORRY) as call:
        await call.says("Tell me.")
        await call.silence(960)
        await call.speech(320)
        call.conversation.fall_back()
        await call.speech(960)  # the reply is over, and no final comes
        assert "Sorry." not in told(call)
        await call.silence(2400)
        assert "Sorry." not in told(call)
        await call.silence(320)
        assert told(call)[-1] == "Sorry."


async def test_what_the_caller_said_after_a_fault_is_answered_instead_of_telling_it_again() -> None:
    async with stage(ScriptBot(LONG, "Right."), capabilities=ABLE, prompts=SORRY) as call:
        await call.says("Tell me.")
        await call.silence(960)
        await call.speech(320)
        call.conversation.fall_back()
        await call.speech(960)
        await call.final("Never mind.")
        await call.silence(4800)
        assert "Sorry." not in told(call) and told(call)[-1] == "Right."


async def test_a_fault_throws_a_reply_begun_ahead_away() -> None:
    bot = Eager("You may.")
    async with stage(bot, capabilities=ABLE, prompts=SORRY) as call:
        await call.speech(640)
        call.talk.speculate("May I?", "English", 0.9)
        await settle()
        call.conversation.fall_back()
        await call.silence(320)
        assert told(call) == ["Sorry."]


# ---------------------------------------------------------------- several voices


async def test_a_caller_is_answered_by_the_voice_of_the_language_that_they_speak() -> None:
    english, german = English(), German()
    voices = Voices(Voice("en", english), {"de": Voice("de", german)})
    async with stage(ScriptBot("Nummer 5.", "Number 5.", "Number 6."), tts=voices) as call:
        call.talk.follow("German")
        await call.final("Guten Tag, welche Nummer?", "German")
        await call.leg.until(lambda: len(call.leg.of(Mark)) == 1)
        await call.silence(992)
        call.talk.follow("English")
        await call.final("And in English?", "English")
        await call.leg.until(lambda: len(call.leg.of(Mark)) == 2)
        await call.silence(992)
        call.talk.follow("French")
        await call.final("Et en francais?", "French")
        await call.leg.until(lambda: len(call.leg.of(Mark)) == 3)
    assert german.read == ["Nummer fünf."]
    assert english.read == ["Number five.", "Number six."]


# ---------------------------------------------------------------- the caller's language


class Polyglot(FakeTts):
    language, languages = "English", frozenset({"English", "Hindi"})


class Linguist(ScriptBot):
    def __init__(self, *answers: str) -> None:
        super().__init__(*answers)
        self.languages = list[str]()

    async def on_language(self, language: str) -> None:
        self.languages.append(language)


ASKED = CallPrompts(
    NoInputRules(1000, prompts=2),
    asking="Are you there?",
    others={"hi": CallPrompts(asking="क्या आप हैं?", fallback=(np.full(2400, 0.2, np.float32), "माफ़"))},
)


async def test_the_bot_is_told_of_the_callers_language_once_and_callers_are_asked_in_it() -> None:
    bot = Linguist()
    async with stage(bot, capabilities=ABLE, prompts=ASKED, tts=Polyglot()) as call:
        call.talk.follow("")
        call.talk.follow("Hindi")
        call.talk.follow("Hindi")
        await call.silence(1500)
        assert told(call) == ["क्या आप हैं?"]
        call.conversation.fall_back()
        await settle()
        assert told(call)[-1] == "माफ़"
        call.talk.follow("English")
        await call.silence(6000)
        assert "Are you there?" in told(call)
        assert bot.languages == ["Hindi", "English"]


async def test_a_voice_that_does_not_speak_the_callers_language_keeps_to_its_own() -> None:
    bot = Linguist()
    async with stage(bot, capabilities=ABLE, prompts=ASKED) as call:
        call.talk.follow("Hindi")
        await call.silence(1500)
        assert told(call) == ["Are you there?"]
        assert bot.languages == ["Hindi"], "it may have the words to deal with it"


async def test_a_language_that_the_bot_chose_is_kept() -> None:
    class Chooses(Linguist):
        async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:  # type: ignore[override]
            yield SetLanguage(None, spoken="English")
            yield "Yes."

    async with stage(Chooses(), capabilities=ABLE, prompts=ASKED, tts=Polyglot()) as call:
        await call.says("English, please.")
        call.talk.follow("Hindi")
        await call.silence(6000)
        assert "Are you there?" in told(call)
