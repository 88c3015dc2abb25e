"""What judges the end of a turn, by name, and the waits, by settings."""

from dataclasses import fields
from pathlib import Path

import pytest

from bridge.plugins import PluginError
from bridge.server.call_rules import endpoint_rules
from bridge.server.plugin_loading import load_ending
from bridge.settings import Settings
from bridge.settings.groups.end_of_turn import CallerPausesOptions, EndOfTurnOptions
from bridge.speech.api import ModelMissing, Samples
from bridge.speech.backends.text_ending import TextEnding
from bridge.turns.caller_pauses import CallerPausesRules
from bridge.turns.endpointing import EndpointRules


class Certain:
    """Takes every pause for the end, as the settings want it."""

    def __init__(self, probability: float = 1.0) -> None:
        self.value = probability

    @classmethod
    def from_settings(cls, settings: Settings) -> "Certain":
        return cls(settings.turn_sure)

    async def probability(self, audio: Samples, text: str, language: str, /) -> float:
        return self.value

    def close(self) -> None:
        """It holds nothing."""


class Plain(Certain):
    from_settings = None  # type: ignore[assignment]  # made by calling it


class TooSure(Certain):
    async def probability(self, audio: Samples, text: str, language: str, /) -> float:
        return 1.5


def test_the_default_reads() -> None:
    assert isinstance(load_ending(Settings()), TextEnding)


def test_none_judges_nothing() -> None:
    assert load_ending(Settings(ending="none")) is None


def test_a_plug_in_is_made_from_the_settings_or_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    configured = load_ending(Settings(ending="test_endings:Certain", turn_sure=0.7))
    plain = load_ending(Settings(ending="test_endings:Plain"))
    assert getattr(configured, "value", None) == 0.7
    assert getattr(plain, "value", None) == 1.0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("test_endings:TooSure", "1.5, must be from 0 to 1"),
        ("test_endings:Path", "--ending test_endings:Path: "),
        ("clairvoyant", "no such plug-in; installed: smart-turn, text"),
    ],
)
def test_one_that_cannot_judge_shows_at_start_up(name: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    with pytest.raises(PluginError, match=told):
        load_ending(Settings(ending=name))


def test_smart_turn_names_the_file_it_misses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(ModelMissing, match=r"absent\.onnx: no such file"):
        load_ending(Settings(ending="smart-turn", ending_model_path=tmp_path / "absent.onnx"))
    with pytest.raises(ModelMissing, match="bridge models fetch smart-turn"):
        load_ending(Settings(ending="smart-turn"))


def test_the_settings_are_the_rules_and_their_defaults_agree() -> None:
    assert endpoint_rules(Settings()) == EndpointRules()


WAITS = [
    name
    for group in (EndOfTurnOptions, CallerPausesOptions)
    for name in group.model_fields
    if not name.startswith("ending")
]


def test_every_rule_is_one_setting_and_every_setting_one_rule() -> None:
    off = {"eagerness": "off"}  # the line of waits goes before it, so it would change as well
    base = endpoint_rules(Settings.model_validate(off))
    changed = [
        _differences(endpoint_rules(Settings.model_validate({**off, name: _less(name)})), base) for name in WAITS
    ]
    assert [len(rules) for rules in changed] == [1] * len(WAITS)
    every = {field.name for rules in (EndpointRules, CallerPausesRules) for field in fields(rules)} - {
        "caller_pauses",
        "cost",
    }
    assert set().union(*changed) == every


def _less(name: str) -> float | str:
    if name == "eagerness":
        return "high"
    value: float = getattr(Settings(), name)
    return 0.9 * value


@pytest.mark.parametrize(
    ("eagerness", "cut_ms"), [("off", 0), ("low", 1200), ("medium", 600), ("high", 300), ("750", 750)]
)
def test_eagerness_is_what_a_cut_turn_is_worth(eagerness: str, cut_ms: int) -> None:
    assert endpoint_rules(Settings(eagerness=eagerness)).cut_ms == cut_ms


@pytest.mark.parametrize("name", ["turn_sure", "turn_sure_silence", "turn_unsure", "turn_unsure_silence"])
def test_who_chose_the_line_of_waits_keeps_it(name: str) -> None:
    assert endpoint_rules(Settings.model_validate({name: _less(name), "eagerness": "high"})).cut_ms == 0
    default = getattr(Settings(), name)
    assert endpoint_rules(Settings.model_validate({name: default})).cut_ms > 0, "a printed configuration chose nothing"


@pytest.mark.parametrize("wrong", ["", "Medium", "99", "20001", "-5", "1e3", "\u0665\u0660\u0660", "9" * 5000])
def test_an_eagerness_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="eagerness"):
        Settings(eagerness=wrong)


def _differences(rules: EndpointRules, base: EndpointRules) -> set[str]:
    pairs = ((rules, base), (rules.caller_pauses, CallerPausesRules()))
    return {
        field.name
        for ours, default in pairs
        for field in fields(default)
        if field.name != "caller_pauses" and getattr(ours, field.name) != getattr(default, field.name)
    }
