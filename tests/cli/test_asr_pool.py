"""`bridge asr-pool` before it reaches Ray; the rest is in tests/integration/test_ray_pool.py."""

from importlib.util import find_spec

import pytest

from bridge.cli import main
from bridge.cli.asr_pool import replicas


@pytest.mark.parametrize(("text", "both"), [("4", (4, 4)), ("1-8", (1, 8)), ("2-2", (2, 2))])
def test_replicas_are_a_number_or_two(text: str, both: tuple[int, int]) -> None:
    assert replicas(text) == both


@pytest.mark.parametrize("text", ["", "0", "0-3", "3-1", "-1", "1-", "many", "1.5", "٣", "1-8-9", "99999"])
def test_others_are_refused_by_name(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["asr-pool", f"--replicas={text}"]) == 1
    assert capsys.readouterr().err == f"bridge: --replicas {text!r} is neither a number above 0 nor two like 1-8\n"


def test_an_option_that_is_wrong_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["asr-pool", "--asr", "whisper", "--asr-threads", "none"]) == 2
    assert "--asr-threads" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed here")
@pytest.mark.parametrize("command", [["asr-pool", "--asr", "whisper"]])
def test_without_ray_the_command_that_installs_it_is_told(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 1
    assert "[ray]'" in capsys.readouterr().err
