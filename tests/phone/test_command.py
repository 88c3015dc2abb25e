"""The command of the benchmark, where there is nothing to call."""

import signal
import sys
from pathlib import Path

import pytest
from phone.__main__ import main

SILENT = "seed = 1\n[[call]]\nname = 'silence-1'\ngroup = 'silence'\nsteps = [{ silent_ms = 20 }]\n"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str | int | None:
    """Return the exit code of the command."""
    monkeypatch.setattr(sys, "argv", ["phone", *arguments])
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its own
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run",), "run needs the name of a server or --url"),
        (("run", "bridge", "--url", "ws://x"), "run needs the name of a server or --url"),
        (("run", "nobody"), "invalid choice"),
        (("run", "--url", "ws://127.0.0.1:9", "--scenarios", "absent.toml"), "absent.toml"),
        (("run", "--url", "ws://127.0.0.1:9", "--header", "nothing"), "write it as NAME: VALUE"),
        (("run", "--url", "ws://127.0.0.1:9", "--sign", "NO_SUCH_VARIABLE"), "there is no such variable"),
        (("run", "--url", "ws://127.0.0.1:9"), "ws://127.0.0.1:9: no call: ClientConnectorError"),
        (("table", "absent.json"), "absent.json"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scenarios = tmp_path / "scenarios.toml"
    scenarios.write_text(SILENT)
    if arguments[0] == "run" and "--scenarios" not in arguments:
        arguments = (*arguments, "--scenarios", str(scenarios))
    assert run(monkeypatch, *arguments) in {1, 2}
    assert message in capsys.readouterr().err
