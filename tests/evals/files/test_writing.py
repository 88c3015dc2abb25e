"""A call of the log becomes a scenario that reads back."""

from collections.abc import Mapping

import pytest
from evals_support import written

from bridge.evals.files.writing import as_scenario
from bridge.evals.scenario import Check, PressKeys, Speak, SpeechKind, WaitForBot
from bridge.records.entries import Entry, EntryKind

ROW = {"record": "a" * 32, "wire": "twilio", "bot": "mybot:MyBot"}


def entries(*told: tuple[EntryKind, str, Mapping[str, object]]) -> list[Entry]:
    return [Entry("a" * 32, number, 1000.0 + number, *one) for number, one in enumerate(told, 1)]


STARTED = (EntryKind.STARTED, "", {"parameters": {"shop": "7"}})
SAID = {"from_ms": 1000, "to_ms": 2000, "language": "English"}


def test_the_callers_words_and_keys_are_steps_and_the_bots_tools_are_expected() -> None:
    text = as_scenario(
        ROW,
        entries(
            STARTED,
            (EntryKind.CALLER, "A table, please.", SAID),
            (EntryKind.BOT, "Good morning!", {"played_ms": 900}),
            (EntryKind.TOOL, "free_times", {"arguments": '{"day": "Friday", "n": 4}', "result": "[]"}),
            (EntryKind.BOT, "On Friday", {"played_ms": 700, "unheard": "at ten"}),
            (EntryKind.CALLER, "No, Thursday.", SAID),
            (EntryKind.KEYS, "4711", {}),
            (EntryKind.BOT, "Thank you.", {"played_ms": 500}),
            (EntryKind.ENDED, "hung up", {"ended_by": "caller"}),
        ),
    )
    found = written(text)
    assert found.settings == {"bot": "mybot:MyBot"} and found.parameters == {"shop": "7"}
    assert [step.act for step in found.steps] == [
        WaitForBot(finished=True, limit_ms=10_000),
        Speak(kind=SpeechKind.SAY, text="A table, please."),
        Speak(kind=SpeechKind.INTERRUPT, text="No, Thursday.", after_ms=700),
        PressKeys(keys="4711"),
    ]
    [tool] = found.steps[1].expects
    assert (tool.check, tool.texts, tool.arguments) == (Check.CALLS_TOOL, ("free_times",), {"day": "Friday", "n": "4"})
    assert [one.texts for one in found.expects] == [("caller",)]
    greeting, answer = text.index("Good morning!"), text.index("On Friday")
    assert greeting < text.index("A table") < answer < text.index("No, Thursday"), (
        "each reply stands where it was heard"
    )


HOSTILE = 'x"\n- hang_up: true\n# \\ \x00\x1b\u2028\u202e\ufeff\uffff {a: b} *c &d !!e ' + "\U0001f600"


def test_whatever_was_said_is_one_text_and_no_yaml() -> None:
    text = as_scenario(
        {**ROW, "wire": HOSTILE, "bot": HOSTILE},
        entries(
            (EntryKind.STARTED, "", {"parameters": {HOSTILE: HOSTILE, "empty": "", "pattern": "/x/"}}),
            (EntryKind.CALLER, HOSTILE, SAID),
            (EntryKind.CALLER, " \x00 ", SAID),
            (EntryKind.CALLER, "long " * 4000, SAID),
            (EntryKind.KEYS, "1; rm", {}),
            (EntryKind.BOT, HOSTILE, {"played_ms": "soon", "unheard": HOSTILE}),
            (EntryKind.TOOL, HOSTILE, {"arguments": {HOSTILE: HOSTILE, "long": "x" * 5000, "p": "/[/"}}),
            (EntryKind.TOOL, "t", {"arguments": "{"}),
            (EntryKind.ENDED, HOSTILE, {"ended_by": HOSTILE}),
        ),
    )
    found = written(text)
    assert [type(step.act) for step in found.steps] == [WaitForBot, Speak, Speak]
    said = found.steps[1].act
    assert (
        isinstance(said, Speak) and said.text.startswith('x" - hang_up: true # \\') and said.text.endswith("\U0001f600")
    )
    assert found.expects == ()


def test_of_a_call_in_which_nothing_was_said_nothing_is_made() -> None:
    with pytest.raises(ValueError, match="no scenario"):
        as_scenario(ROW, entries(STARTED, (EntryKind.ENDED, "hung up", {"ended_by": "caller"})))
