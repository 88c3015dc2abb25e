"""Who said what, and what of it is answered."""

import numpy as np

from bot.api import Final, Line, Speaker
from bridge.call.history import CallerSpeech, History
from bridge.speech.ear import ScoredWindow


def final(text: str) -> Final:
    return Final(text, "English", 0, 0)


def caller(text: str) -> Line:
    return Line(Speaker.CALLER, text)


def bot(text: str) -> Line:
    return Line(Speaker.BOT, text)


def test_what_was_answered_and_heard_becomes_history() -> None:
    history = History()
    history.say(final("hello"))
    assert (history.text, history.language, history.lines) == ("hello", "English", ())
    history.answer()
    history.settle("Hi.")
    assert history.lines == (caller("hello"), bot("Hi."))
    assert history.text == ""


def test_what_was_answered_unheard_waits_again_before_what_came_since() -> None:
    history = History()
    history.say(final("a table"))
    history.answer()
    history.say(final("for two"))
    assert history.carried(bot_heard=False) == "a table for two"
    assert history.carried(bot_heard=True) == "for two"
    history.settle("")
    assert history.text == "a table for two"
    assert history.lines == ()


def test_a_bot_that_says_nothing_has_answered() -> None:
    history = History()
    history.say(final("bye"))
    history.answer()
    history.settle("", silent=True)
    assert history.lines == (caller("bye"),)
    assert history.text == ""


def test_a_backchannel_is_in_the_history_and_waits_for_no_answer() -> None:
    history = History()
    history.say(final("tell me"))
    history.answer()
    history.listen(final("mm-hm"))
    assert history.text == ""
    history.settle("It is so.")
    assert history.lines == (caller("tell me"), bot("It is so."), caller("mm-hm"))


def test_what_is_being_answered_comes_before_what_is_said_meanwhile() -> None:
    history = History()
    history.say(final("one"))
    history.answer()
    history.say(final("two"))
    assert history.lines == (caller("one"),)
    assert history.text == "two"


# ---------------------------------------------------------------- how long the caller spoke


def window(from_ms: int) -> ScoredWindow:
    return ScoredWindow(np.zeros(512, np.float32), 0.9, from_ms, from_ms + 32)


def test_speech_adds_up_until_the_turn_is_over() -> None:
    speech_of = CallerSpeech()
    for at_ms, speech in ((0, True), (32, False), (64, True)):
        speech_of.hear(window(at_ms), speech=speech)
    assert speech_of.spoken_ms == 64
    speech_of.over()
    assert speech_of.spoken_ms == 0


def test_who_spoke_lately_may_go_on() -> None:
    speech_of = CallerSpeech()
    assert not speech_of.spoke_lately(0)
    speech_of.hear(window(0), speech=True)
    assert speech_of.spoke_lately(32 + 2499)
    assert not speech_of.spoke_lately(32 + 2500), "a noise that opened no turn is over"
    speech_of.hear(window(5000), speech=True)
    speech_of.over()
    assert not speech_of.spoke_lately(5032)


def test_it_counts_how_often_what_waits_was_begun_to_be_answered_unheard() -> None:
    history = History()
    history.say(final("a table"))
    for count in range(3):
        assert history.restarts == count
        history.answer()
        history.settle("")
        history.settle("", silent=True)
    assert (history.restarts, history.text) == (3, "a table")
    history.answer()
    history.settle("For how many?")
    assert history.restarts == 0


def test_a_check_of_the_line_is_answered_by_the_reply_under_way() -> None:
    history = History()
    history.say(final("a table"))
    history.answer()
    history.check(final("hello"))
    states = [(history.checked, history.text)]
    history.settle("For how many?")
    assert history.lines == (caller("a table"), caller("hello"), bot("For how many?"))
    assert [*states, (history.checked, history.text)] == [(True, ""), (False, "")]


def test_where_no_reply_comes_a_check_waits_for_an_answer() -> None:
    history = History()
    history.say(final("hm"))
    history.answer()
    history.check(final("hello"))
    history.settle("", silent=True)
    assert (history.text, history.lines) == ("hello", (caller("hm"),))


def test_a_check_is_part_of_what_the_caller_says_where_they_say_more() -> None:
    history = History()
    history.say(final("a table"))
    history.answer()
    history.check(final("hello"))
    history.settle("")
    history.say(final("for two"))
    assert history.text == "a table hello for two"


def test_what_the_far_side_has_played_is_all_that_was_heard() -> None:
    history = History()
    history.say(final("hello"))
    history.answer()
    history.settle("Good morning. How are you?")
    history.truncate("Bad")
    assert [line.text for line in history.lines] == ["hello", "Good morning. How are you?"]
    history.truncate("Good morning.")
    assert [line.text for line in history.lines] == ["hello", "Good morning."]
    history.truncate("")
    assert [line.text for line in history.lines] == ["hello"]
    history.truncate("")
