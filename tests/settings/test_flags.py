"""The two helps: what a newcomer needs on one screen, and everything."""

import argparse
import re

import pytest

from bridge.settings import add_flags, add_help
from bridge.settings.describe import flag
from bridge.settings.options import FIRST_OPTIONS, OPTIONS, SECRETS, Settings


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    parser = argparse.ArgumentParser(prog="bridge serve", description="answer calls", add_help=False)
    add_help(parser)
    add_flags(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(arguments)
    output, errors = capsys.readouterr()
    assert (ended.value.code, bool(errors)) in {(0, False), (2, True)}
    return output + errors


def flags_in(text: str) -> list[str]:
    """Return the flags that `text` explains, in their order."""
    return re.findall(r"^  (?:-h, )?(--[\w-]+)", text, flags=re.MULTILINE)


def test_help_is_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--help")
    assert text == printed(capsys, "-h")
    assert len(text.splitlines()) <= 62
    assert 15 <= len(flags_in(text)) <= 25
    assert "--help-all" in text


def test_help_shows_the_first_options_with_what_they_are_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--help")
    assert flags_in(text) == ["--help", "--config", *map(flag, FIRST_OPTIONS)]
    assert re.search(r"--port NUMBER +TCP port; 0 takes a free one \(default: 8000\)\n", text)
    assert "\nWho may come in:\n" in text


def test_help_all_shows_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    shown = [flag(name) for name in OPTIONS if name not in SECRETS]
    assert flags_in(printed(capsys, "--help-all")) == ["--help", "--help-all", "--config", *shown]


def test_both_helps_have_one_order(capsys: pytest.CaptureFixture[str]) -> None:
    everything = flags_in(printed(capsys, "--help-all"))
    first = flags_in(printed(capsys, "--help"))
    assert first == [name for name in everything if name in first]


def test_each_first_option_is_explained_in_a_sentence_that_stands_alone() -> None:
    for name in FIRST_OPTIONS:
        sentence = (Settings.model_fields[name].description or "").partition(". ")[0]
        assert 10 < len(sentence) <= 100, name
        assert not sentence.endswith((" e.g", " i.e")), name


def test_a_wrong_flag_is_not_answered_with_a_hundred_others(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--no-such-flag")
    assert text.splitlines()[0] == "usage: bridge serve [options]"
    assert len(text.splitlines()) == 2
