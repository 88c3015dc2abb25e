"""The scenarios of the benchmark: the public set is whole, and a wrong one is refused by name."""

from pathlib import Path

import numpy as np
import pytest
from known_bot import tone
from phone import material, scenarios
from phone.panel import CLEAN, CONDITIONS
from phone.scenarios import Step

from telephony.codec import decode
from telephony.events import Encoding


def test_the_public_set_has_a_call_for_each_row_of_the_panel() -> None:
    public = scenarios.load()
    assert {call.group for call in public.calls} == {*CLEAN, *CONDITIONS, "interruption", "selectivity", "silence"}
    steps = [step for call in public.calls for step in call.steps]
    assert {step.over for step in steps} == {"", "interruption", "backchannel", "cough", "side-talk", "nothing"}
    pauses = {step.break_ms or max(step.pauses_ms, default=0) for step in steps}
    assert {300, 500, 800, 1200} <= pauses
    assert {call.snr_db for call in public.calls} == {None, 10.0, 5.0}


def test_one_group_can_be_chosen_and_an_unknown_one_is_named() -> None:
    public = scenarios.load()
    assert {call.group for call in public.of({"loss", "jitter"}).calls} == {"loss", "jitter"}
    assert public.of(set()) == public
    with pytest.raises(ValueError, match=r"no group losses; there are .*loss"):
        public.of({"losses"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("calls = 3", "seed"),
        ("seed = 1\ncall = 3", "tuple"),
        ("seed = 1\n[[call]]\nname = 'a'\ngroup = 'b'\nsteps = []", "steps"),
        ("seed = 1\n[[call]]\nname = 'a'\ngroup = 'b'\nsteps = [{ say = ['x'], digits = '1' }]", "a step has one of"),
        ("seed = 1\n[[call]]\nname = 'a'\ngroup = 'b'\nsteps = [{ over = 'cough' }]", "a step has one of"),
        ("seed = 1\n[[call]]\nname = 'a'\ngroup = 'b'\nsteps = [{ over = 'nothing' }]", "need `ask`"),
        ("seed = 1\n[[call]]\nname = 'a'\ngroup = 'b'\nsteps = [{ say = ['x'], pauses_ms = [1] }]", "1 stretches"),
        ("seed = 1\n[[call]]\nname = 'a'\ngroup = 'b'\nsteps = [{ shout = ['x'] }]", "shout"),
        ("seed = 1\n[[call]]\nname = 'a'\ngroup = 'b'\nloss = 1.0\nsteps = [{ silent_ms = 1 }]", "loss"),
        (
            "seed = 1\n" + 2 * "[[call]]\nname = 'a'\ngroup = 'b'\nsteps = [{ silent_ms = 1 }]\n",
            "two calls are named a",
        ),
        ("seed = ", "Invalid value"),
    ],
)
def test_a_wrong_scenario_is_refused_with_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "scenarios.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        scenarios.load(path)


def test_a_turn_has_its_pauses_where_the_step_says() -> None:
    sounds = {"a": decode(tone(200), Encoding.MULAW), "b": decode(tone(300), Encoding.MULAW)}
    turn = material.turn_of(Step(say=("a", "b"), pauses_ms=(500,)), sounds)
    assert turn.stretches == ((0.0, 200.0), (700.0, 1000.0))
    assert len(turn.audio) == 8000
    assert not turn.audio[1600:5600].any()


def test_a_break_is_made_at_the_quietest_place() -> None:
    loud = decode(tone(400), Encoding.MULAW)
    sound = np.concatenate([loud, 0.05 * loud[:400], loud])
    turn = material.turn_of(Step(say=("a",), break_ms=300), {"a": sound})
    (first, second) = turn.stretches
    assert first[1] == pytest.approx(425, abs=35)
    assert second[0] - first[1] == 300


def test_the_hash_of_a_set_tells_whether_two_heard_the_same_callers() -> None:
    sounds = {"a": decode(tone(200), Encoding.MULAW)}
    assert material.fingerprint(sounds) == material.fingerprint(dict(sounds))
    assert material.fingerprint(sounds) != material.fingerprint({"a": 0.5 * sounds["a"]})


def test_noise_and_coughs_are_those_of_their_seed() -> None:
    call = next(call for call in scenarios.load().calls if call.snr_db == 5.0)
    noise = material.noise_of(call, 1)
    assert np.array_equal(noise, material.noise_of(call, 1))
    level = 10 * np.log10(np.mean(noise**2))
    assert level == pytest.approx(material.SPEECH_DBFS - 5, abs=0.1)
    assert np.array_equal(material.cough(np.random.default_rng(1)), material.cough(np.random.default_rng(1)))
