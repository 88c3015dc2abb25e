"""Folders of the user: where the environment names them, and where it does not."""

from pathlib import Path

import pytest

from bot.folders import xdg_folder
from bot.tts.places import data_folder
from bridge.settings import Settings
from bridge.settings.state import state_dir


@pytest.mark.parametrize("named", ["", ".", "state", "~/state"])
def test_what_is_no_absolute_path_names_no_folder(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, named)
        assert xdg_folder(variable) is None
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_dir(Settings()) == tmp_path / ".local/state/voice-bridge"
    assert data_folder() == tmp_path / ".local/share/voice-bridge"


def test_an_absolute_path_does_and_an_option_goes_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert xdg_folder("XDG_STATE_HOME") is None
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_dir(Settings()) == tmp_path / "voice-bridge"
    assert state_dir(Settings(state_dir=Path("here"))) == Path("here")
