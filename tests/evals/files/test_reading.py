"""Scenario files: what they mean, and errors with line, field and fix."""

from pathlib import Path

import pytest
from evals_support import written

from bridge.commands.phone.line_faults import Fault
from bridge.evals.files.reading import find_scenarios, read_scenario
from bridge.evals.files.yaml_tree import BadScenario
from bridge.evals.scenario import (
    BackgroundNoise,
    Check,
    HangUpNow,
    ModelChat,
    PressKeys,
    Speak,
    SpeechKind,
    StaySilent,
    WaitForBot,
)

WHOLE = """
name: everything
about: All there is.
settings: {bot: "mybot:MyBot", turn-silence: 0.5, enable_noise_suppression: true, asr: [whisper, openai]}
parameters: {shop: 0007}
voice: espeak
noise: babble
snr: 12 dB
faults: [none, jitter]
times: 3
own_server: true
patience: 1s
limit: 2m
steps:
  - wait: end
    limit: 4s
  - say: Hello there.
    speed: 1.2
    expect:
      - says: [good, morning]
      - within: 800ms
        soft: true
      - calls_tool: book
        with: {day: /Fri.*/, n: 3}
  - interrupt: No!
    after: 500ms
    expect: [{yields_within: 0.5s}]
  - backchannel: Okay.
  - cough: true
  - press: 12#
  - silence: 3s
  - noise: "off"
  - chat: Get a table.
    persona: In a hurry.
    turns: 4
  - hang_up
expect:
  - ended_by: caller
  - no_talking_over: true
"""


def test_everything_that_can_be_written_is_read() -> None:
    found = written(WHOLE)
    assert found.settings == {
        "bot": "mybot:MyBot", "turn_silence": "0.5", "enable_noise_suppression": True, "asr": "whisper,openai"
    }  # fmt: skip
    assert found.parameters == {"shop": "0007"}
    assert found.background == BackgroundNoise(sound="babble", snr_db=12)
    assert (found.faults, found.times, found.own_server) == ((Fault.NONE, Fault.JITTER), 3, True)
    assert (found.patience_ms, found.limit_ms) == (1000, 120_000)
    acts = [step.act for step in found.steps]
    assert acts == [
        WaitForBot(finished=True, limit_ms=4000),
        Speak(kind=SpeechKind.SAY, text="Hello there.", speed=1.2),
        Speak(kind=SpeechKind.INTERRUPT, text="No!", after_ms=500),
        Speak(kind=SpeechKind.BACKCHANNEL, text="Okay.", after_ms=600),
        Speak(kind=SpeechKind.COUGH, after_ms=600),
        PressKeys(keys="12#"),
        StaySilent(ms=3000),
        BackgroundNoise(sound="off", snr_db=15),
        ModelChat(goal="Get a table.", persona="In a hurry.", turns=4),
        HangUpNow(),
    ]
    says, within, tool = found.steps[1].expects
    assert (says.texts, says.line) == (("good", "morning"), 20)
    assert (within.limit_ms, within.soft) == (800, True)
    assert (tool.check, tool.arguments) == (Check.CALLS_TOOL, {"day": "/Fri.*/", "n": "3"})
    assert [one.check for one in found.expects] == [Check.ENDED_BY, Check.NO_TALKING_OVER]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x", "one.yaml:1: steps is missing; add it"),
        ("- say: x", "one.yaml:1: the file: got a list; write a mapping"),
        ("steps: []", "one.yaml:1: steps: got a list; write a list, as - say: Hello"),
        ("step: []\nsteps: [say: x]", "one.yaml:1: step is no field, did you mean steps?; known here: "),
        ("steps:\n  - sey: x", "one.yaml:2: step 1: 'sey' is no step, did you mean say?; there are say, play"),
        ("steps:\n  - say: x\n    press: 1", "one.yaml:3: step 1: say and press are steps each; make two items"),
        ("steps:\n  - say: x\n    loud: true", "one.yaml:3: step 1.loud is no field"),
        ("steps:\n  - say: ''", "one.yaml:2: step 1.say: it is empty; write a text"),
        ("steps:\n  - say: [a]", "one.yaml:2: step 1.say: got a list; write a text"),
        ("steps:\n  - say: x\n    speed: 9", "one.yaml:3: step 1.speed: got '9'; write a number from 0.5 to 2"),
        ("steps:\n  - say: x\n    speed: nan", "one.yaml:3: step 1.speed: got 'nan'"),
        ("steps:\n  - silence: 3", "one.yaml:2: step 1.silence: got '3'; write a time with its unit, as 800ms"),
        ("steps:\n  - silence: 9000000s", "one.yaml:2: step 1.silence: got '9000000s'; at most an hour"),
        ("steps:\n  - press: A", "one.yaml:2: step 1.press: got 'A'; write up to 40 of 0-9 * #"),
        ("steps:\n  - cough: yes", "one.yaml:2: step 1.cough: got 'yes'; write true or false"),
        ("steps:\n  - play: none.wav", "one.yaml:2: step 1.play: there is no file 'scenarios/none.wav'"),
        ("steps:\n  - wait: over", "one.yaml:2: step 1.wait: got 'over'; write begin or end"),
        ("noise: " + "rain" * 99 + "\nsteps: [say: x]", "one.yaml:1: noise: there is no file 'scenarios/rainrain"),
        (
            "steps: [say: x]\nexpect:\n  - matches: '[[a]'",
            "one.yaml:3: expect[1].matches: got '[[a]', no regular expression",
        ),
        ("noise: rain\nsteps: [say: x]", "one.yaml:1: noise: there is no file 'scenarios/rain'"),
        ("faults: [snow]\nsteps: [say: x]", "one.yaml:1: faults[0]: got 'snow'; write none, jitter"),
        ("times: 0\nsteps: [say: x]", "one.yaml:1: times: got '0'; write a number from 1 to 1000"),
        ("times: 1.5\nsteps: [say: x]", "one.yaml:1: times: got '1.5'; write a whole number"),
        ("settings: [a]\nsteps: [say: x]", "one.yaml:1: settings: got a list; write options, as {bot: mybot:MyBot}"),
        (
            "steps:\n  - say: x\n    expect:\n    - sais: y",
            "yaml:4: step 1.expect[1]: 'sais' is no expectation, did you mean says?",
        ),
        ("steps:\n  - say: x\n    expect: y", "one.yaml:3: step 1.expect: got 'y'; write a list, as - says: Hello"),
        (
            "steps:\n  - say: x\n    expect:\n    - matches: '['",
            "one.yaml:4: step 1.expect[1].matches: got '[', no regular expression",
        ),
        (
            "steps:\n  - say: x\n    expect:\n    - calls_tool: b\n      with: {a: '/[/'}",
            "one.yaml:5: step 1.expect[1].with.a: got '['",
        ),
        (
            "steps:\n  - say: x\n    expect:\n    - ended_by: bot",
            "one.yaml:4: step 1.expect[1]: ended_by is of the whole call",
        ),
        ("steps: [say: x]\nexpect:\n  - goes_on: true", "one.yaml:3: expect[1]: goes_on is of one step"),
        ("steps: [say: x]\nexpect:\n  - no_gaps: false", "one.yaml:3: expect[1].no_gaps: got 'false'; leave it out"),
        ("steps: [say: x]\nexpect:\n  - says: a\n    with: {b: c}", "one.yaml:4: expect[1].with is no field"),
        ('steps: [say: "a\\u0007b"]', "control character"),
    ],
)
def test_an_error_names_line_field_value_and_fix(text: str, said: str) -> None:
    with pytest.raises(BadScenario) as caught:
        written(text)
    assert said in str(caught.value)


def test_all_errors_of_a_file_are_told_at_once() -> None:
    with pytest.raises(BadScenario) as caught:
        written("steps:\n  - sey: x\n  - press: A\n  - say: x\n    expect:\n    - within: 3\nexpect:\n  - nothing: x\n")
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["2", "3", "6", "8"]


def test_files_beside_the_scenario_are_found(tmp_path: Path) -> None:
    (tmp_path / "hello.wav").write_bytes(b"")
    (tmp_path / "x.scenario.yaml").write_text("steps:\n  - play: hello.wav\n")
    found = read_scenario(tmp_path / "x.scenario.yaml")
    assert found.name == "x"
    assert found.steps[0].act == Speak(kind=SpeechKind.PLAY, file=tmp_path / "hello.wav")


def test_folders_are_searched_and_two_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text("steps: [say: x]")
    assert [one.name for one in find_scenarios([tmp_path, tmp_path / "a.yaml"])] == ["a", "b"]
    (tmp_path / "c.yml").write_text("name: a\nsteps: [say: x]")
    with pytest.raises(BadScenario, match=r"c\.yml: name is 'a', which .*a\.yaml has too"):
        find_scenarios([tmp_path])
    with pytest.raises(BadScenario, match=r"none\.yaml: No such file"):
        find_scenarios([tmp_path / "none.yaml"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadScenario, match=r"no \.yaml file"):
        find_scenarios([tmp_path / "empty"])
