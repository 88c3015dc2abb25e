"""Whether the caller interrupts the bot: told window by window and word by word."""

import pytest

from bridge.turns.backchannels import Meaning, shipped
from bridge.turns.interruption import Act, BargeInState, BotSpeech, Interruption, SpeechWindow
from bridge.turns.interruption_rules import EchoRules, InterruptionRules

RULES = InterruptionRules(onset_ms=160, confirm_ms=1000, false_alarm_ms=2000)
MIDDLE = BotSpeech("Our office is open from", "nine to five on every day of the week.", left_ms=5000)


class Line:
    """A caller on a clock of 32 ms windows, and a bot that talks."""

    def __init__(self, rules: InterruptionRules = RULES) -> None:
        self.interruption, self.now_ms, self.acts = Interruption(rules, shipped()), 0, list[tuple[int, Act]]()
        self.talking, self.interruptible, self.unheard = True, True, False

    def hear(self, ms: int, *, speech: bool = True, loud: bool = True, level_db: float = -30.0) -> list[Act]:
        before = len(self.acts)
        for _ in range(round(ms / 32)):
            window = SpeechWindow(speech, self.now_ms, self.now_ms + 32, loud, level_db)
            self.now_ms += 32
            act = self.interruption.hear(
                window,
                audible=self.talking,
                interruptible=self.talking and self.interruptible,
                unheard=self.unheard,
            )
            if act:
                self.acts.append((self.now_ms, act))
                if act is Act.CANCEL:
                    self.talking = False
        return [act for _, act in self.acts[before:]]

    def words(self, text: str, bot: BotSpeech = MIDDLE) -> Act | None:
        return self.interruption.words(text, "English", bot)


@pytest.fixture
def line() -> Line:
    return Line()


def test_the_bot_falls_silent_at_160_ms_of_speech(line: Line) -> None:
    assert line.hear(128) == []
    assert line.hear(32) == [Act.HOLD]
    assert line.interruption.state is BargeInState.TENTATIVE


def test_it_falls_silent_at_96_ms_of_speech_that_stands_out(line: Line) -> None:
    line.hear(2000, speech=False, level_db=-60)
    assert line.hear(64) == []
    assert line.hear(32) == [Act.HOLD]


def test_a_television_as_loud_as_it_always_was_has_to_say_more(line: Line) -> None:
    for _ in range(20):
        line.hear(96, level_db=-40)
        line.hear(160, speech=False, level_db=-42)
    assert line.hear(288, level_db=-38) == []
    assert line.hear(32, level_db=-38) == [Act.HOLD]


def test_what_is_said_now_is_no_background_yet(line: Line) -> None:
    line.hear(1024, speech=False, level_db=-60)
    line.hear(64, level_db=-30)
    line.hear(128, speech=False, level_db=-30)
    assert line.hear(96, level_db=-30) == [Act.HOLD]


def test_a_second_that_ends_the_reply_is_a_second_however_it_stands_out(line: Line) -> None:
    line.hear(2000, speech=False, level_db=-60)
    assert line.hear(960) == [Act.HOLD]
    assert line.hear(64) == [Act.CANCEL]


def test_shorter_bursts_with_silence_between_are_nothing(line: Line) -> None:
    for _ in range(20):
        assert line.hear(128) == []
        assert line.hear(160, speech=False) == []


def test_gaps_inside_words_do_not_begin_speech_anew(line: Line) -> None:
    assert line.hear(96) == []
    assert line.hear(64, speech=False) == []
    assert line.hear(64) == [Act.HOLD]


def test_a_second_of_speech_ends_the_reply_before_its_words_are_known(line: Line) -> None:
    assert line.hear(960) == [Act.HOLD]
    assert line.hear(64) == [Act.CANCEL]
    assert line.interruption.state is BargeInState.CONFIRMED
    assert line.hear(3000) == []


def test_speech_counts_in_total(line: Line) -> None:
    line.hear(320)
    line.hear(320, speech=False)
    line.hear(320)
    line.hear(320, speech=False)
    assert line.hear(384) == [Act.CANCEL]


def test_words_end_the_reply_at_once(line: Line) -> None:
    line.hear(320)
    assert line.words("I would rather") is Act.CANCEL


@pytest.mark.parametrize(
    "text", ["mm-hm", "Uh-huh.", "Yeah.", "okay", "Yeah, okay, right.", "I see.", "Mm-hm, got it!"]
)
def test_a_backchannel_never_ends_it(line: Line, text: str) -> None:
    line.hear(320)
    assert line.words(text) is None
    assert line.interruption.means(text, "English", MIDDLE) is Meaning.BACKCHANNEL
    assert line.hear(2000 - 160) == [] or line.acts[-1][1] is Act.RESUME
    assert Act.CANCEL not in [act for _, act in line.acts], "however long it is"


def test_yes_is_an_answer_while_nothing_of_the_reply_was_heard(line: Line) -> None:
    line.hear(320)
    assert line.words("Yes.", BotSpeech("", "Our office is open from nine.", left_ms=60_000)) is Act.CANCEL


@pytest.mark.parametrize("text", ["Stop!", "wait", "Okay, wait.", "Yeah, hold on a second", "No."])
def test_a_command_always_does(text: str) -> None:
    line = Line(InterruptionRules(least_words=5))
    line.hear(192)
    assert line.words(text) is Act.CANCEL


def test_fewer_words_than_asked_for_are_answered_and_interrupt_nothing() -> None:
    line = Line(InterruptionRules(least_words=3))
    line.hear(192)
    assert line.words("the price") is None
    assert line.interruption.means("the price", "English", MIDDLE) is Meaning.WORDS
    assert line.words("the price of it") is Act.CANCEL


def test_backchannels_are_those_of_the_language(line: Line) -> None:
    line.hear(192)
    assert line.interruption.means("Ja, genau.", "German", MIDDLE) is Meaning.BACKCHANNEL
    assert line.interruption.means("Ja, genau.", "English", MIDDLE) is Meaning.WORDS
    assert line.interruption.means("Moment mal", "German", MIDDLE) is Meaning.COMMAND


@pytest.mark.parametrize(
    "bot",
    [
        BotSpeech("Shall I book it?", "We have a table by the window as well.", left_ms=3000),
        BotSpeech("I can book it for you now. Shall", "I?", left_ms=400),
    ],
)
def test_yes_is_an_answer_after_a_question_and_when_the_bot_is_nearly_done(line: Line, bot: BotSpeech) -> None:
    line.hear(320)
    assert line.words("Yes.", bot) is Act.CANCEL


def test_a_cough_is_a_false_alarm_once_the_turn_is_over_without_words(line: Line) -> None:
    line.hear(256)
    assert line.hear(500, speech=False) == []
    assert line.interruption.over() is Act.RESUME
    assert line.interruption.state is BargeInState.QUIET


def test_a_backchannel_is_one_too(line: Line) -> None:
    line.hear(256)
    line.words("Mm-hm.")
    assert line.interruption.over() is Act.RESUME


def test_without_words_the_bot_goes_on_after_two_seconds_whatever_noise_goes_on(line: Line) -> None:
    assert line.hear(160) == [Act.HOLD]
    for _ in range(11):
        assert line.hear(64) == []
        assert line.hear(96, speech=False) == []
    assert line.hear(320, speech=False) == [Act.RESUME]
    (_, held), (resumed_ms, _) = (line.acts[0][0], line.acts[0][1]), line.acts[1]
    assert held is Act.HOLD
    assert resumed_ms - line.acts[0][0] == pytest.approx(2000, abs=32)


def test_words_that_come_after_that_still_interrupt(line: Line) -> None:
    line.hear(160)
    assert line.hear(2100, speech=False) == [Act.RESUME]
    assert line.words("What about Sunday?") is Act.CANCEL


def test_each_false_alarm_in_a_reply_makes_the_next_onset_longer_and_the_next_reply_forgets_them(line: Line) -> None:
    onsets = []
    line.hear(2000, speech=False, level_db=-60)
    for _ in range(6):
        begun = line.now_ms
        while not line.hear(32):
            pass
        onsets.append(line.now_ms - begun)
        assert line.interruption.over() is Act.RESUME
        line.hear(1920, speech=False, level_db=-60)
    assert onsets == [96, 192, 288, 384, 384, 384]
    line.interruption.begun()
    assert line.hear(96) == [Act.HOLD]


def test_nothing_is_interrupted_while_the_bot_is_silent(line: Line) -> None:
    line.talking = False
    assert line.hear(3000) == []
    assert line.words("Good morning.") is None
    assert line.interruption.means("Okay.", "English", BotSpeech()) is Meaning.WORDS
    assert line.interruption.over() is None


def test_what_may_not_be_interrupted_is_not_until_it_was_heard(line: Line) -> None:
    line.interruptible = False
    assert line.hear(1500) == []
    line.interruptible = True
    assert line.hear(160) == [Act.HOLD]


# ---------------------------------------------------------------- echo


def test_speech_no_louder_than_the_echo_does_not_interrupt(line: Line) -> None:
    assert line.hear(5000, loud=False) == []


def test_the_bots_own_words_are_an_echo_and_interrupt_nothing(line: Line) -> None:
    line.hear(1000, loud=False)
    assert line.words("office is open from") is None
    assert line.interruption.means("or this is open from", "English", MIDDLE) is Meaning.ECHO, "misheard"


def test_other_words_interrupt_however_quiet(line: Line) -> None:
    line.hear(1000, loud=False)
    assert line.words("can I speak to somebody else") is Act.CANCEL


def test_nor_does_it_matter_when_they_begin(line: Line) -> None:
    line.hear(960, speech=False)
    line.hear(960, loud=False)
    assert line.words("can I speak to somebody else") is Act.CANCEL


def test_a_word_or_two_misheard_in_an_echo_interrupt_nothing_unless_they_command(line: Line) -> None:
    line.hear(1000, loud=False)
    assert line.words("I") is None
    assert line.interruption.means("I shop", "English", MIDDLE) is Meaning.ECHO
    assert line.words("Stop!") is Act.CANCEL


def test_a_caller_who_says_the_bots_words_aloud_is_no_echo(line: Line) -> None:
    line.hear(160)
    assert line.words("Nine to five?") is Act.CANCEL


def test_what_was_said_after_a_stray_echo_is_no_echo(line: Line) -> None:
    line.hear(96, loud=False)
    line.talking = False
    line.hear(640, speech=False)
    line.hear(640)
    assert (
        line.interruption.means("Nine to five", "English", BotSpeech(MIDDLE.said + MIDDLE.rest, "", 0)) is Meaning.WORDS
    )


@pytest.mark.parametrize(
    ("caller_db", "audible_ms", "covered"),
    [(-40, 2000, True), (-35, 2000, True), (-33, 2000, False), (-24, 100, True), (-22, 100, False), (-33, None, False)],
)
def test_an_echo_is_as_loud_as_the_line_may_return_it(caller_db: float, audible_ms: int | None, covered: bool) -> None:
    assert EchoRules().covers(caller_db, bot_db=-20, audible_ms=audible_ms) is covered


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"onset_ms": 10}, "onset_ms is 10, must be 32 to 5000"),
        ({"echo_share": 1.5}, "echo_share is 1.5, must be 0 to 1"),
        ({"least_words": 0}, "least_words is 0, must be 1 to 100"),
    ],
)
def test_rules_out_of_range_are_refused(wrong: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        InterruptionRules(**wrong)  # type: ignore[arg-type]


AWAITED = BotSpeech("", "", left_ms=60_000)
FILLED = BotSpeech("", "", left_ms=60_000, filler="One moment, please.")


@pytest.mark.parametrize("bot", [AWAITED, FILLED])
def test_a_check_of_the_line_ends_no_reply_of_which_nothing_was_heard(line: Line, bot: BotSpeech) -> None:
    line.unheard = True
    line.hear(640)
    assert line.interruption.words("Hello? Are", "English", bot, partial=True) is None
    assert line.hear(960) == [], "nor does a second of it"
    assert line.words("Hello? Are you still there?", bot) is None
    assert line.interruption.over() is Act.RESUME


def test_other_words_end_it(line: Line) -> None:
    line.unheard = True
    line.hear(640)
    assert line.interruption.words("Hello, I", "English", AWAITED, partial=True) is Act.CANCEL


def test_hello_ends_a_reply_that_is_heard(line: Line) -> None:
    line.hear(640)
    assert line.words("Hello?") is Act.CANCEL


def test_after_the_reply_hello_is_a_question_like_others(line: Line) -> None:
    line.hear(640)
    assert line.interruption.means("Hello?", "English", BotSpeech()) is Meaning.COMMAND


def test_without_words_two_seconds_of_speech_end_a_reply_that_was_not_heard(line: Line) -> None:
    line.unheard = True
    assert line.hear(2112) == [Act.HOLD]
    assert line.hear(96) == [Act.CANCEL]


def test_a_noise_of_a_second_does_not_end_it(line: Line) -> None:
    line.unheard = True
    assert line.hear(960) == [Act.HOLD]
    assert line.hear(1600, speech=False) == [Act.RESUME]


def test_who_has_been_silent_for_long_does_not_interrupt_any_more(line: Line) -> None:
    states = []
    line.hear(1280)
    for ms in (2432, 96):
        line.hear(ms, speech=False)
        states.append(line.interruption.state)
    assert states == [BargeInState.CONFIRMED, BargeInState.QUIET], "their final may be late, or never come"
    line.talking = True
    assert line.hear(160) == [Act.HOLD], "the bot speaks again, and so may they"


def test_an_echo_of_the_filler_is_one(line: Line) -> None:
    line.hear(320, loud=False)
    assert line.interruption.means("One moment please", "English", FILLED) is Meaning.ECHO


# ---------------------------------------------------------------- side talk, television


@pytest.fixture
def known_line(line: Line) -> Line:
    """A caller who has asked for something at -30 dBFS, and is being answered."""
    line.talking = False
    line.hear(1600, level_db=-30)
    line.hear(320, speech=False, level_db=-60)
    line.interruption.over()
    line.talking = line.unheard = True
    line.hear(320, speech=False, level_db=-60)
    line.unheard = False
    line.hear(1600, speech=False, level_db=-60)
    return line


@pytest.mark.parametrize("text", ["I will be there in a minute", "No, put it over there.", "Okay."])
def test_who_is_far_quieter_than_the_caller_speaks_to_somebody_else(known_line: Line, text: str) -> None:
    assert known_line.hear(1600, level_db=-42) == []
    assert known_line.words(text) is None
    assert known_line.interruption.means(text, "English", MIDDLE) is Meaning.ASIDE
    assert known_line.interruption.over() is None


def test_who_is_a_little_quieter_interrupts_as_soon(known_line: Line) -> None:
    assert known_line.hear(64, level_db=-37) == []
    assert known_line.hear(32, level_db=-37) == [Act.HOLD]


def test_a_soft_beginning_is_forgiven(known_line: Line) -> None:
    assert known_line.hear(128, level_db=-42) == []
    assert known_line.hear(64, level_db=-34) == [Act.HOLD]
    assert known_line.words("What about Sunday?") is Act.CANCEL


def test_one_loud_window_is_nobodys_voice(known_line: Line) -> None:
    for _ in range(10):
        assert known_line.hear(32, level_db=-20) == []
        assert known_line.hear(320, level_db=-42) == []
        assert known_line.hear(160, speech=False, level_db=-60) == []


def test_a_command_that_was_not_heeded_is_at_the_second_time(known_line: Line) -> None:
    for heeded in (None, Act.CANCEL):
        known_line.hear(320, level_db=-42)
        assert known_line.words("Stop, please.") is heeded
        meaning = known_line.interruption.means("So please.", "English", MIDDLE)
        assert (meaning is Meaning.ASIDE) is (heeded is None), "what was heeded is answered, whatever the final says"
        known_line.hear(640, speech=False, level_db=-60)
        known_line.interruption.over()


def test_who_had_to_command_twice_is_heeded_from_then_on(known_line: Line) -> None:
    for text in ("Wait, please.", "Wait!"):
        known_line.hear(320, level_db=-42)
        known_line.words(text)
        known_line.hear(640, speech=False, level_db=-60)
        known_line.interruption.over()
    known_line.interruption.begun()
    known_line.talking = True
    assert known_line.hear(96, level_db=-42) == [Act.HOLD]
    assert known_line.words("What about Sunday?") is Act.CANCEL


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ("Wait there.", "If you do not stop it now, it will be too late."),
        ("If you do not stop it now, it will be too late.", "Wait there."),
        ("I will be there in a minute", "Wait there."),
    ],
)
def test_a_television_that_speaks_on_commands_nothing(known_line: Line, before: str, then: str) -> None:
    for text in (before, then):
        known_line.hear(1600, level_db=-42)
        assert known_line.words(text) is None
        assert known_line.interruption.over() is None


def test_a_command_of_which_more_may_come_is_none_yet(known_line: Line) -> None:
    known_line.hear(320, level_db=-42)
    known_line.words("Stop!")
    known_line.interruption.over()
    known_line.hear(320, level_db=-42)
    assert known_line.interruption.words("Stop the", "English", MIDDLE, partial=True) is None
    assert known_line.words("Stop!") is Act.CANCEL


def test_the_next_reply_forgets_what_was_said_to_somebody_else(known_line: Line) -> None:
    known_line.hear(320, level_db=-42)
    known_line.words("Wait there.")
    known_line.interruption.over()
    known_line.interruption.begun()
    known_line.hear(320, level_db=-42)
    assert known_line.words("Stop it!") is None


@pytest.mark.parametrize(
    "bot",
    [
        BotSpeech("Shall I book it?", "We have a table by the window as well.", left_ms=3000),
        BotSpeech("I can book it for you", "now.", left_ms=400),
        BotSpeech("", "Our office is open from nine.", left_ms=60_000),
    ],
)
def test_a_soft_answer_is_one_where_the_bot_is_nearly_done_or_asked_or_was_not_heard(
    known_line: Line, bot: BotSpeech
) -> None:
    known_line.hear(320, level_db=-42)
    assert known_line.words("Two of them", bot) is Act.CANCEL


def test_what_is_said_on_after_the_bot_is_for_the_bot(known_line: Line) -> None:
    known_line.hear(320, level_db=-42)
    known_line.talking = False
    known_line.hear(320, level_db=-42)
    assert known_line.interruption.means("And on Sunday?", "English", MIDDLE) is Meaning.WORDS


def test_nobody_is_far_quieter_where_levels_are_not_compared() -> None:
    line = Line(InterruptionRules(aside_db=0))
    line.talking = False
    line.hear(1600, level_db=-20)
    line.interruption.over()
    line.talking = True
    line.hear(1920, speech=False, level_db=-70)
    assert line.hear(96, level_db=-50) == [Act.HOLD]


# ---------------------------------------------------------------- going on after a backchannel


def test_the_bot_goes_on_once_a_backchannel_is_over(line: Line) -> None:
    line.hear(320)
    assert line.interruption.words("Okay", "English", MIDDLE, partial=True) is None
    assert line.hear(96, speech=False) == []
    assert line.hear(32, speech=False) == [Act.RESUME]
    assert line.words("Okay, but not on Sunday.") is Act.CANCEL, "words that come later still interrupt"


def test_who_speaks_on_after_it_keeps_the_bot_silent(line: Line) -> None:
    line.hear(320)
    line.interruption.words("Okay", "English", MIDDLE, partial=True)
    assert line.hear(96, speech=False) == []
    assert line.hear(320) == []
    assert line.words("Okay, but not on Sunday.") is Act.CANCEL


def test_one_word_so_far_ends_no_reply_of_a_silent_bot(line: Line) -> None:
    line.hear(320)
    assert line.interruption.words("I", "English", MIDDLE, partial=True) is None
    assert line.interruption.words("I see", "English", MIDDLE, partial=True) is None
    line.hear(320)
    assert line.interruption.words("Sunday", "English", MIDDLE, partial=True) is None
    assert line.words("Sunday.") is Act.CANCEL, "it is the final"


def test_one_word_ends_a_reply_of_which_nothing_was_heard_which_would_be_thought_out_in_vain(line: Line) -> None:
    line.unheard = True
    line.hear(320)
    assert line.interruption.words("The", "English", AWAITED, partial=True) is Act.CANCEL


def test_a_command_ends_it_at_its_first_word(line: Line) -> None:
    line.hear(320)
    assert line.interruption.words("No", "English", MIDDLE, partial=True) is Act.CANCEL
