"""What a run has no means for is told before anybody is called."""

from dataclasses import replace

import pytest
from evals_support import written

from bridge.evals.prerequisites import CannotJudge, check_options, check_record, check_wire
from bridge.evals.run import RunOptions, run
from bridge.evals.server_under_test import CalledBridge
from bridge.settings import SettingsError

SAYS = "steps:\n  - say: x\n    expect:\n      - within: 500ms\n"


@pytest.mark.parametrize("step", ["chat: Get a table.", "say: x\n    expect: [{means: It is polite.}]"])
async def test_without_a_model_nothing_is_called_that_needs_one(step: str) -> None:
    with pytest.raises(CannotJudge, match=r"one\.yaml:\d: (chat|means) needs a language model: give --model-url"):
        await run([written(f"steps:\n  - {step}\n")], RunOptions(), lambda done, of, made: None)


def test_without_the_record_of_the_bridge_only_what_is_heard_can_be_expected() -> None:
    there = CalledBridge(url="ws://127.0.0.1:1/twilio/stream", kept=False)
    check_record([written(SAYS)], there)
    tool = written("steps:\n  - say: x\n    expect:\n      - calls_tool: book\n")
    with pytest.raises(CannotJudge, match=r"one\.yaml:4: only the record of the bridge tells calls_tool: give --token"):
        check_record([tool], there)
    check_record([tool], replace(there, kept=True))


def test_keys_are_pressed_over_wires_that_have_them() -> None:
    keys = written("steps: [{press: 1}]")
    for wire in ("twilio", "asterisk", "jambonz"):
        check_wire([keys], wire)
    with pytest.raises(CannotJudge, match=r"one\.yaml:1: there are no keys over talk"):
        check_wire([keys], "talk")


def test_an_option_that_cannot_be_is_told_with_its_scenario() -> None:
    check_options([written("settings: {bot: echo}\nsteps: [say: x]")], {})
    with pytest.raises(SettingsError, match=r"scenarios/one\.yaml: settings\.bott"):
        check_options([written("settings: {bott: echo}\nsteps: [say: x]")], {})
