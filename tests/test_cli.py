"""The command line: exit codes, and what is said on them."""

import logging
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import bridge
from bridge.cli import main

pytestmark = pytest.mark.heavy

FAKES = ["--asr", "fakes:FakeAsr", "--tts", "fakes:FakeTts", "--bot", "fakes:ScriptBot"]


@pytest.fixture(autouse=True)
def _nothing_of_the_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No options from the environment, an empty current directory, and the logging of the tests afterwards."""
    for name in [name for name in os.environ if name.startswith("BRIDGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    sys.modules.pop("hermes", None)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command line; return its exit code, standard output and standard error."""
    try:
        code: object = main(arguments)
    except SystemExit as ended:  # argparse's way out
        code = ended.code
    printed = capsys.readouterr()
    return int(str(code)), printed.out, printed.err


def said_by_a_process(*arguments: str) -> tuple[int, str, str]:
    """Run the command line as a process: what it does before the first call may block."""
    path = os.pathsep.join((str(Path(bridge.__file__).parents[1]), str(Path(__file__).parent / "support")))
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


# ---------------------------------------------------------------- bridge config


def test_config_prints_toml_that_gives_the_same_options_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, toml, _ = said(capsys, "config", "--port", "9000", "--vad-threshold", "0.7")
    assert code == 0
    options = tomllib.loads(toml)
    assert (options["port"], options["vad_threshold"], options["host"]) == (9000, 0.7, "127.0.0.1")
    (tmp_path / "bridge.toml").write_text(toml)
    assert said(capsys, "config", "--config", "bridge.toml") == (0, toml, "")


def test_config_shows_what_is_in_force_flags_before_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_PORT", "7000")
    monkeypatch.setenv("BRIDGE_TURN_SILENCE", "0.9")
    options = tomllib.loads(said(capsys, "config", "--port", "9000")[1])
    assert (options["port"], options["turn_silence"]) == (9000, 0.9)


def test_config_masks_secrets_wherever_they_come_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BRIDGE_API_TOKEN", "hush-hush")
    (tmp_path / "twilio").write_text("even-more-so\n")
    code, toml, errors = said(capsys, "config", "--twilio-auth-token-file", "twilio")
    assert code == 0
    assert "hush-hush" not in toml + errors
    assert "even-more-so" not in toml + errors
    assert toml.count("********") == 2
    tomllib.loads(toml)


def test_a_secret_is_no_flag_and_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = said(capsys, "config", "--api-token", "hush-hush")
    assert code == 2
    assert output == ""


# ---------------------------------------------------------------- wrong options


@pytest.mark.parametrize("command", ["config", "serve"])
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "70000"], ["--port", "70000", "65535"]),
        (["--port", "eighty"], ["--port", "'eighty'"]),
        (["--vad-threshold", "1.5"], ["--vad-threshold", "1.5", "0 to 1"]),
        (["--turn-silence", "nan"], ["--turn-silence", "nan"]),
        (["--log-level", "LOUD"], ["--log-level", "LOUD", "DEBUG"]),
        (["--bot", "no spaces allowed"], ["--bot", "no spaces allowed"]),
        (["--config", "none.toml"], ["--config", "none.toml"]),
        (["--api-token-file", "none"], ["--api-token-file", "none"]),
        (["--no-such-option"], ["--no-such-option"]),
        (["--port"], ["--port"]),
        (["--port", "0", "extra"], ["extra"]),
    ],
)
def test_a_bad_option_is_named_with_its_value_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], command: str, arguments: list[str], named: list[str]
) -> None:
    code, output, errors = said(capsys, command, *arguments)
    assert (code, output) == (2, "")
    for name in named:
        assert name in errors
    assert "Traceback" not in errors


def test_all_bad_options_are_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    errors = said(capsys, "config", "--port", "-1", "--vad-threshold", "2")[2]
    assert "--port" in errors
    assert "--vad-threshold" in errors


def test_a_bad_variable_is_named_as_such(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_MAX_CALLS", "many")
    code, _, errors = said(capsys, "config")
    assert code == 2
    assert "BRIDGE_MAX_CALLS" in errors


def test_without_a_command_the_commands_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, errors = said(capsys)
    assert code == 2
    assert "command" in errors
    code, output, _ = said(capsys, "--help")
    assert code == 0
    assert "serve" in output
    assert "config" in output


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = said(capsys, "--version")
    assert code == 0
    assert output.startswith("bridge ")


def test_a_command_imports_nothing_that_only_another_one_needs() -> None:
    program = "import sys, bridge.cli as cli; cli.main(['models']); print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "False"


# ---------------------------------------------------------------- bridge serve


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_serve_refuses_an_open_network_without_a_token(capsys: pytest.CaptureFixture[str], host: str) -> None:
    code, output, errors = said(capsys, "serve", "--host", host)
    assert (code, output) == (2, "")
    assert host in errors
    assert "--insecure" in errors
    assert "BRIDGE_API_TOKEN" in errors


def test_serve_refuses_certificates_that_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, errors = said(capsys, "serve", "--ssl-certfile", "none.pem")
    assert code == 2
    assert "--ssl-keyfile" in errors


def test_serve_names_a_plugin_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, errors = said(capsys, "serve", "--port", "0", "--bot", "hermes:Bot")
    assert code == 1
    assert errors.splitlines()[-1].startswith("bridge: --bot hermes:Bot: ")
    assert "Traceback" not in errors


def test_serve_says_in_one_line_what_a_voice_that_is_not_installed_needs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "hermes.py").write_text(
        "class Voice:\n"
        "    @classmethod\n"
        "    def load(cls):\n"
        "        raise RuntimeError('hibari-tts is not installed: pip install it')\n"
    )
    code, _, errors = said(capsys, "serve", "--port", "0", *FAKES, "--tts", "hermes:Voice")
    assert code == 1
    assert errors.splitlines()[-1] == "bridge: --tts hermes:Voice: hibari-tts is not installed: pip install it"
    assert "Traceback" not in errors


def test_serve_says_that_its_port_is_taken_before_it_loads_anything(tmp_path: Path) -> None:
    (tmp_path / "heavy.py").write_text("raise RuntimeError('loaded')\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output, errors = said_by_a_process("serve", "--asr", "heavy:Asr", "--port", str(port))
        assert (code, output, "loaded" in errors, "Traceback" in errors) == (1, "", False, False)
        assert f"cannot listen on 127.0.0.1, port {port}: address already in use" in errors.splitlines()[-1]
        code, _, errors = said_by_a_process(
            "serve", "--asr", "heavy:Asr", "--port", "0", "--audiosocket-port", str(port)
        )
        assert (code, "loaded" in errors) == (1, False)
        assert f"port {port}: address already in use" in errors.splitlines()[-1]


def test_a_password_in_a_url_is_shown_by_no_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    hook = "https://me:hush-hush@hook.example/turn?api_key=even-more-so"
    (tmp_path / "bridge.toml").write_text(f'[[route]]\ncallee = "1"\nwebhook_url = "{hook}"\n')
    for url in (["--webhook-url", hook], ["--config", "bridge.toml"]):
        code, toml, errors = said(capsys, "config", *url)
        assert code == 0 and "hush-hush" not in toml + errors and "even-more-so" not in toml + errors
        assert '# webhook_url = "https://me:********@hook.example/turn?api_key=********"' in toml
        tomllib.loads(toml)
    wrong = {
        "--public-url": "https://me:hush-hush@bot.example",
        "--asr-url": "http://me:hush-hush@gpu:8001",
        "--ari-url": "http://me:hush-hush@pbx:8088/ari",
        "--asterisk-url": "ws://me:hush-hush@pbx:8088/media",
        "--twilio-api-url": "https://me:hush-hush@api.twilio.com",
        "--allowed-origins": "https://me:hush-hush@page.example/x",
        "--sip-trunk": "sip:me:hush-hush@example.com x",
        "--webhook-url": "ftp://me:hush-hush@hook.example",
    }
    for flag, bad in wrong.items():
        code, _, errors = said(capsys, "serve", flag, bad)
        assert (code, "hush-hush" in errors) == (2, False), flag
        assert "me:********@" in errors, flag


# ---------------------------------------------------------------- bridge call, bridge listen


@pytest.mark.parametrize("command", ["call", "listen"])
def test_a_recording_that_is_not_there_is_named(command: str) -> None:
    code, _, errors = said_by_a_process(command, "none.wav")
    assert code == 1
    assert "none.wav" in errors
    assert "Traceback" not in errors
