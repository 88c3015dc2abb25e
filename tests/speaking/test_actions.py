"""What a reply does between its words, a caller who says nothing, keys, and the end of a call."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import PHONE, ScriptBot
from stage import LONG, Stage, settle, stage
from waiting import until
from wav_files import write

from bot.actions import (
    Action,
    ActionFailed,
    Collect,
    Handoff,
    Hangup,
    PlayFile,
    SendDtmf,
    SendInfo,
    SetContext,
    SetLanguage,
    SetVoice,
    Transfer,
)
from bot.api import CallInfo, Partial, Turn
from bridge.call.prompts import CallPrompts
from bridge.turns.no_input import NoInputRules
from telephony import events
from telephony.events import Clear, Mark, Reply

ABLE = replace(PHONE, dtmf_out=True, transfer=True, warm_transfer=True, info=True, transcripts=True)
QUIET = CallPrompts(NoInputRules(2000, prompts=2), asking="Anybody there?", goodbye="Bye now.")


class ActingBot(ScriptBot):
    """Says and does its script, turn after turn."""

    def __init__(self, *turns: Sequence[str | Action], silence: str = "", speculates: bool = False) -> None:
        super().__init__()
        self._turns, self._silence = list(turns), silence
        self.speculates = speculates  # type: ignore[misc]  # of this one only

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:  # type: ignore[override]
        self.turns.append(turn)
        for piece in self._turns.pop(0) if self._turns else ():
            yield piece

    async def on_silence(self, count: int) -> AsyncIterator[str | Action]:
        if self._silence:
            yield f"{self._silence} {count}"


async def play_out(call: Stage) -> None:
    """Let the caller hear all that was sent."""
    for _ in range(50):
        await settle(5)
        for mark in call.leg.of(Mark):
            call.talk.played(mark.name)
        if not call.conversation.talking:
            return


async def test_a_hang_up_waits_until_the_last_words_were_heard() -> None:
    async with stage(ActingBot(["Goodbye.", Hangup("done")])) as call:
        ended = call.control.ended
        await call.says("Thank you, that is all.")
        assert call.leg.of(Mark) and not ended
        for mark in call.leg.of(Mark):
            call.talk.played(mark.name)
        await settle()
        assert ended == ["done"]


async def test_an_interruption_drops_what_was_not_reached() -> None:
    async with stage(ActingBot([LONG, Hangup()], ["Yes?"])) as call:
        ended = call.control.ended
        await call.says("Tell me.")
        await call.silence(992)
        await call.speech(320)
        call.talk.partial(Partial("wait I have a question", "English"))
        await call.final("Wait, I have a question.")
        await play_out(call)
        assert not ended
        assert [turn.text for turn in call.conversation._bot.now.turns] == ["Tell me.", "Wait, I have a question."]  # type: ignore[attr-defined]


async def test_a_transfer_is_asked_of_the_wire_once_all_was_heard() -> None:
    async with stage(ActingBot(["One moment.", Transfer("+49301")]), capabilities=ABLE) as call:
        await call.says("A human, please.")
        assert not call.leg.of(events.Transfer)
        await play_out_until(call, events.Transfer)
        assert call.leg.of(events.Transfer) == [events.Transfer("+49301")]


async def test_a_transfer_that_the_wire_refuses_fails_at_once_and_the_call_goes_on() -> None:
    bot = PreparedBot()
    async with stage(bot, capabilities=ABLE) as call:
        await call.says("A human, please.")
        await play_out_until(call, events.Transfer)
        call.talk.not_transferred("486 Busy Here")
        await call.leg.until(lambda: len(bot.failures) == 2)
        assert bot.failures[0] == "486 Busy Here"
        assert call.count("replies_failed") == 0


async def test_a_message_goes_to_the_other_side_once_all_before_it_was_heard() -> None:
    info = SendInfo({"intent": "billing"}, headers={"X-Session": "7"})
    async with stage(ActingBot(["One moment.", info]), capabilities=ABLE) as call:
        await call.says("My bill.")
        assert not call.leg.of(events.SendInfo)
        await play_out_until(call, events.SendInfo)
        assert call.leg.of(events.SendInfo) == [
            events.SendInfo('{"intent": "billing"}', "application/json", {"X-Session": "7"})
        ]


class FailingBot(ActingBot):
    """Does one thing, and keeps why it failed."""

    def __init__(self, action: Action) -> None:
        super().__init__()
        self._action, self.failure = action, ""

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:  # type: ignore[override]
        try:
            yield self._action
        except ActionFailed as failed:
            self.failure = str(failed)


async def test_a_message_that_the_wire_does_not_carry_or_the_peer_does_not_take_fails_where_it_was_asked_for() -> None:
    bot = FailingBot(SendInfo("hello"))
    async with stage(bot) as call:
        await call.says("Go.")
        assert bot.failure.startswith("this wire carries no messages")
        assert not call.leg.of(events.SendInfo)
    async with stage(bot, capabilities=ABLE) as call:
        call.leg.refusal = OSError("the INFO was not taken: the other side answered 415")
        await call.says("Go.")
        assert bot.failure == "the INFO was not taken: the other side answered 415"


async def play_out_until(
    call: Stage, kind: type[events.Transfer] | type[events.WarmTransfer] | type[events.SendDtmf] | type[events.SendInfo]
) -> None:
    for mark in call.leg.of(Mark):
        call.talk.played(mark.name)
    await settle()
    assert call.leg.of(kind)


async def test_somebody_is_asked_first_once_all_was_heard_and_their_hanging_up_ends_the_call() -> None:
    asking = Transfer("+49301", consult="A caller.", accept="1", hold="Please wait.")
    async with stage(ActingBot(["One moment.", asking, "Never said."]), capabilities=ABLE) as call:
        await call.says("A human, please.")
        assert not call.leg.of(events.WarmTransfer)
        await play_out_until(call, events.WarmTransfer)
        assert call.leg.of(events.WarmTransfer) == [events.WarmTransfer("+49301", "A caller.", "1", "Please wait.")]
        assert call.control.ended == ["+49301, to whom the caller was put through, hung up"]
        assert [reply.text for reply in call.leg.of(Reply)] == ["One moment."]


async def test_the_reply_goes_on_where_the_caller_is_to_come_back() -> None:
    asking = Transfer("+49301", consult="A caller.", returns=True)
    async with stage(ActingBot([asking, "Here I am again."]), capabilities=ABLE) as call:
        await call.says("A human, please.")
        assert [reply.text for reply in call.leg.of(Reply)] == ["Here I am again."] and not call.control.ended
        assert call.leg.of(events.WarmTransfer)[0].returns


@pytest.mark.parametrize(
    ("able", "refusal", "why"),
    [(ABLE, OSError("+49301 pressed 2, not 1"), "pressed 2, not 1"), (PHONE, None, "docs/outbound.md")],
    ids=["refused", "no wire that dials"],
)
async def test_a_caller_whom_nobody_takes_is_the_bots_again(
    able: events.Capabilities, refusal: OSError | None, why: str
) -> None:
    bot = FailingBot(Transfer("+49301", consult="A caller.", accept="1"))
    async with stage(bot, capabilities=replace(able, transcripts=True)) as call:
        call.leg.refusal = refusal
        await call.says("A human, please.")
        assert why in bot.failure and not call.control.ended and call.count("replies_failed") == 0


async def test_what_a_wire_cannot_do_is_heard_as_the_fallback() -> None:
    async with stage(ActingBot([Transfer("+49301")])) as call:
        await call.says("A human, please.")
        assert not call.leg.of(events.Transfer)
        assert call.count("replies_failed") == 1


class PreparedBot(ActingBot):
    """Knows what to say where an action fails."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:  # type: ignore[override]
        self.turns.append(turn)
        yield "One moment."
        for attempt in (Transfer("+49301"), PlayFile("no such file.wav")):
            try:
                yield attempt
            except ActionFailed as failed:
                self.failures.append(str(failed))
                yield "That failed. "
        yield "Anything else?"


async def test_a_bot_hears_of_an_action_that_failed_where_it_asked_for_it() -> None:
    bot = PreparedBot()
    async with stage(bot, capabilities=replace(PHONE, transcripts=True)) as call:
        await call.says("A human, please.")
        await call.leg.until(lambda: len(call.leg.of(Reply)) == 4)  # the file is looked for in a thread
        said = [reply.text for reply in call.leg.of(Reply)]
        assert said == ["One moment.", "That failed.", "That failed.", "Anything else?"]
        assert "cannot transfer" in bot.failures[0] and "no such file" in bot.failures[1]
        assert call.count("replies_failed") == 0


async def test_keys_go_over_the_wire_that_can_and_as_tones_over_others() -> None:
    async with stage(ActingBot([SendDtmf("12#")]), capabilities=ABLE) as call:
        await call.says("Go.")
        assert call.leg.of(events.SendDtmf) == [events.SendDtmf("12#")]
        assert not call.sent_ms()
    async with stage(ActingBot([SendDtmf("12#")])) as call:
        await call.says("Go.")
        assert 540 <= call.sent_ms() <= 560


async def test_a_file_is_played_between_the_words(tmp_path: Path) -> None:
    path = write(tmp_path / "jingle.wav", seconds=2.0)
    async with stage(ActingBot(["Listen.", PlayFile(path), "Nice?"]), capabilities=ABLE) as call:
        await call.says("Go.")
        await call.leg.until(lambda: len(call.leg.of(Reply)) == 2)  # the file is read in a thread
        await settle()
        assert [reply.text for reply in call.leg.of(Reply)] == ["Listen.", "Nice?"]
        assert 2080 <= call.sent_ms() <= 2160


async def test_a_language_changes_what_is_heard_and_how_figures_are_read() -> None:
    async with stage(ActingBot([SetLanguage("German"), "Ja."])) as call:
        await call.says("Deutsch, bitte.")
        assert call.control.languages == ["German"]
        assert call.conversation._output.language == "German"


@pytest.mark.parametrize(
    ("actions", "heard", "spoken"),
    [
        ([SetLanguage(None, spoken="German")], [], "German"),
        ([SetLanguage("Hindi", spoken="German")], ["Hindi"], "German"),
        ([SetLanguage(None, spoken="German"), SetLanguage("Hindi", spoken="")], ["Hindi"], "English"),
        ([SetLanguage("German"), SetLanguage("")], ["German", ""], "German"),
    ],
)
async def test_what_is_spoken_may_differ_from_what_is_heard(
    actions: list[Action], heard: list[str], spoken: str
) -> None:
    async with stage(ActingBot([*actions, "Ja."])) as call:
        await call.says("Deutsch, bitte.")
        assert call.control.languages == heard
        assert call.conversation._output.language == spoken


async def test_the_recogniser_is_told_what_the_call_is_about() -> None:
    async with stage(ActingBot([SetContext("ICE 75, Basel SBB"), "Yes."])) as call:
        await call.says("Go.")
        assert call.control.contexts == ["ICE 75, Basel SBB"]


async def test_a_voice_that_has_no_others_says_so() -> None:
    async with stage(ActingBot([SetVoice("other"), "Hello."])) as call:
        await call.says("Go.")
        assert call.count("replies_failed") == 1


async def test_nothing_is_done_for_a_reply_that_was_only_begun_ahead() -> None:
    async with stage(ActingBot([Hangup("early")], ["Well."], speculates=True)) as call:
        ended = call.control.ended
        await call.speech(320)
        call.talk.speculate("Hang up", "English", 0.9)
        await settle()
        assert call.conversation._speculative.running and not ended
        await call.final("Hang up")
        assert ended == ["early"]


# ---------------------------------------------------------------- keys


async def test_collected_keys_are_the_next_turn() -> None:
    bot = ActingBot(["Your number?", Collect(digits=4)], ["Thank you."])
    async with stage(bot) as call:
        await call.says("My order.")
        for key in "1234":
            call.talk.press(key)
            await settle()
        await settle()
        assert [(turn.text, turn.keys) for turn in bot.turns] == [("My order.", None), ("1234", "1234")]
        assert bot.digits == ""
        assert len(call.leg.of(Clear)) == 1, "the first key silences the question"


async def test_the_terminator_completes_and_is_not_kept() -> None:
    bot = ActingBot(["Number?", Collect()], ["Thanks."])
    async with stage(bot) as call:
        await call.says("My order.")
        for key in "77#5":
            call.talk.press(key)
            await settle()
        assert bot.turns[1].keys == "77"
        assert bot.digits == "5", "what comes behind it is a key like others"


async def test_without_a_key_in_time_the_bot_is_asked_all_the_same() -> None:
    bot = ActingBot([Collect(digits=1, timeout_s=0.1)], ["Nothing?"])
    async with stage(bot) as call:
        await call.says("Menu.")
        await call.leg.until(lambda: len(bot.turns) == 2)
        assert bot.turns[1].keys == "" and bot.turns[1].text == ""


async def test_who_speaks_instead_of_pressing_is_answered() -> None:
    bot = ActingBot(["Number?", Collect(digits=4)], ["I see."])
    async with stage(bot) as call:
        await call.says("My order.")
        await play_out(call)
        await call.says("I have none.")
        assert bot.turns[1].text == "I have none." and bot.turns[1].keys is None
        call.talk.press("1")
        await settle()
        assert bot.digits == "1"


async def test_a_call_that_ends_while_keys_are_awaited_waits_for_none_and_asks_nothing() -> None:
    bot = ActingBot(["Number?", Collect(digits=4, timeout_s=300)], ["Never asked."])
    async with asyncio.timeout(5), stage(bot) as call:
        await call.says("My order.")
        await play_out(call)
    assert len(bot.turns) == 1


# ---------------------------------------------------------------- silence, waiting, the end


async def test_a_silent_caller_is_asked_twice_told_goodbye_and_hung_up_on() -> None:
    bot = ActingBot()
    async with stage(bot, capabilities=ABLE, prompts=QUIET) as call:
        ended = call.control.ended
        for _ in range(3):
            await call.silence(2112)
            await settle()
            if len(call.leg.of(Reply)) < 3:
                await play_out(call)
        for mark in call.leg.of(Mark):
            call.talk.played(mark.name)
        await settle()
        assert [reply.text for reply in call.leg.of(Reply)] == ["Anybody there?", "Anybody there?", "Bye now."]
        assert ended == ["the caller said nothing"]


async def test_a_bot_may_ask_in_its_own_words() -> None:
    async with stage(ActingBot(silence="Still there, number"), capabilities=ABLE, prompts=QUIET) as call:
        await call.silence(2112)
        assert [reply.text for reply in call.leg.of(Reply)] == ["Still there, number 1"]


async def test_words_begin_the_silence_anew_and_noise_does_not() -> None:
    bot = ActingBot(["Fine."])
    async with stage(bot, capabilities=ABLE, prompts=QUIET) as call:
        await call.silence(2112)
        await play_out(call)
        await call.speech(320)
        await call.final("")  # a noise
        await call.silence(2500)
        await play_out(call)
        assert len(call.leg.of(Reply)) == 2 and call.conversation._unasked._no_input.count == 2
        await call.says("Yes, I am here.")
        assert call.conversation._unasked._no_input.count == 0


async def test_a_bot_that_says_nothing_leads_to_a_question() -> None:
    async with stage(ActingBot([]), capabilities=ABLE, prompts=QUIET) as call:
        await call.says("What now?")
        await call.silence(2112)
        assert [reply.text for reply in call.leg.of(Reply)] == ["Anybody there?"]


async def test_the_longest_call_ends_with_a_goodbye_that_nothing_interrupts() -> None:
    bot = ActingBot([LONG], ["Never said."])
    async with stage(bot, capabilities=ABLE, prompts=QUIET) as call:
        ended = call.control.ended
        await call.says("Tell me.")
        await call.silence(320)
        call.talk.say_goodbye("the call reached 60 s")
        await settle()
        await call.speech(320)
        call.talk.partial(Partial("no wait please", "English"))
        await call.final("No, wait, please.")
        for mark in call.leg.of(Mark):
            call.talk.played(mark.name)
        await settle()
        assert call.leg.of(Reply)[-1].text == "Bye now."
        assert ended == ["the call reached 60 s"]
        assert len(bot.turns) == 1


async def test_a_goodbye_is_said_though_a_reply_was_begun_ahead() -> None:
    bot = ActingBot(["Never said."], speculates=True)
    async with stage(bot, capabilities=ABLE, prompts=QUIET) as call:
        await call.speech(320)
        call.talk.speculate("And on Sunday", "English", 0.9)
        await settle()
        call.talk.say_goodbye("the call reached 60 s")
        await settle()
        await call.final("")
        for mark in call.leg.of(Mark):
            call.talk.played(mark.name)
        await settle()
        assert [reply.text for reply in call.leg.of(Reply)] == ["Bye now."]
        assert call.control.ended == ["the call reached 60 s"]


async def test_a_bot_that_yields_what_is_neither_text_nor_action_falls_back() -> None:
    async with stage(ActingBot([42])) as call:  # type: ignore[list-item]
        await call.says("Go.")
        assert call.count("replies_failed") == 1


# ---------------------------------------------------------------- another bot


class Billing(ActingBot):
    """Takes calls over."""

    def __init__(self, *turns: Sequence[str | Action]) -> None:
        super().__init__(*turns)
        self.taken: list[Turn] = []

    async def on_takeover(self, turn: Turn) -> AsyncIterator[str | Action]:
        self.taken.append(turn)
        yield "Billing here."


def said(call: Stage) -> list[str]:
    return [reply.text for reply in call.leg.of(Reply)]


async def test_another_bot_takes_the_call_with_its_history() -> None:
    billing = Billing(["It is five euros."])
    desk = ActingBot(["One moment.", Handoff(billing, carry={"customer": 12})])
    async with stage(desk, capabilities=ABLE) as call:
        await call.says("My bill is wrong.")
        await settle()
        assert said(call) == ["One moment.", "Billing here."]
        assert (desk.ended, billing.ended) == ("another bot has the call", "")
        await play_out(call)
        call.talk.press("5")
        await call.says("How much is it?")
        await settle()
        assert said(call)[-1] == "It is five euros."
        await call.talk.end("over")
    (taken,), (turn,) = billing.taken, billing.turns
    assert (taken.text, taken.history, taken.carry) == ("My bill is wrong.", (), {"customer": 12})
    assert [line.text for line in turn.history] == ["My bill is wrong.", "One moment. Billing here."]
    assert turn.carry == {"customer": 12} and turn.text == "How much is it?"
    assert (billing.digits, billing.ended, desk.digits) == ("5", "over", "")
    assert [final.text for final in billing.finals] == ["How much is it?"] and len(desk.turns) == 1


async def test_a_class_is_made_into_a_bot_and_what_was_carried_stays() -> None:
    made = list[Billing]()

    def make() -> Billing:
        made.append(Billing([Handoff(ActingBot, carry={"b": 2})]))
        return made[-1]

    async with stage(ActingBot([Handoff(make, carry={"a": 1, "b": 1})]), capabilities=ABLE) as call:
        await call.says("Billing, please.")
        await until(lambda: said(call))
        await play_out(call)
        await call.says("And back.")
        await until(lambda: made[0].ended)
        assert call.conversation._bot.turn("", "", ()).carry == {"a": 1, "b": 2}


def _broken() -> ActingBot:
    raise KeyError("no configuration")


@pytest.mark.parametrize("other", [_broken, lambda: "no bot"])
async def test_a_bot_that_cannot_be_made_leaves_the_call_where_it_is(other: Callable[[], ActingBot]) -> None:
    class Careful(ActingBot):
        async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:  # type: ignore[override]
            try:
                yield Handoff(other)
            except ActionFailed as failed:
                yield f"So I stay: {failed}"

    bot = Careful()
    async with stage(bot, capabilities=ABLE) as call:
        await call.says("Billing, please.")
        await until(lambda: said(call))
        assert said(call)[0].startswith("So I stay: the next bot") and not bot.ended


async def test_a_caller_who_speaks_over_it_is_answered_by_the_other() -> None:
    billing = Billing(["What is it?"])
    async with stage(ActingBot([LONG, Handoff(billing)]), capabilities=ABLE) as call:
        await call.says("My bill is wrong.")
        await call.silence(960)
        await call.says("Wait, one more thing.", ms=640)
        await settle()
        assert said(call)[-1] == "What is it?"
        assert "My bill is wrong." in [line.text for line in billing.turns[0].history]


# ---------------------------------------------------------------- speaking unasked


class WorkingBot(ActingBot):
    """Has something to say later."""

    async def on_cue(self) -> AsyncIterator[str | Action]:
        yield "Your order is ready."


async def test_a_bot_that_cues_speaks_once_neither_side_does() -> None:
    answer = "We are still looking for it."
    bot = WorkingBot([answer])
    async with stage(bot, capabilities=ABLE) as call:
        await call.speech(320)
        bot.cue()
        await call.speech(320)
        assert not call.leg.of(Reply), "the caller speaks"
        await call.silence(320)
        await call.final("Tell me.")
        await call.silence(320)
        assert [reply.text for reply in call.leg.of(Reply)] == [answer], "the bot speaks"
        await play_out(call)
        await call.silence(64)
        assert [reply.text for reply in call.leg.of(Reply)] == [answer, "Your order is ready."]
        await play_out(call)
        await call.says("Thanks.")
        assert [line.text for line in bot.turns[-1].history] == ["Tell me.", answer, "Your order is ready."]


async def test_a_greeting_of_the_settings_replaces_the_words_of_the_bots_own_and_not_its_deeds() -> None:
    class Greeter(ActingBot):
        async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:  # type: ignore[override]
            self.call = call
            yield "My own."
            yield SetLanguage("German")

    bot = Greeter()
    async with stage(bot, capabilities=ABLE, prompts=CallPrompts(greeting="Welcome.")) as call:
        await settle()
        assert [reply.text for reply in call.leg.of(Reply)] == ["Welcome."]
        assert bot.call.call_id == "CA1" and call.conversation._output.language == "German"


async def test_a_greeting_hears_of_an_action_that_failed_like_a_reply() -> None:
    class Greeter(ActingBot):
        async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:  # type: ignore[override]
            try:
                yield SetVoice("other")
            except ActionFailed:
                yield "In my usual voice, then."

    async with stage(Greeter(), capabilities=ABLE) as call:
        assert [reply.text for reply in call.leg.of(Reply)] == ["In my usual voice, then."]
        assert call.count("replies_failed") == 0
