"""`bridge voices`: what is listed, and what a text sounds like to a caller."""

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from bot import installing
from bridge import plugins
from bridge.cli import main
from bridge.commands import voices
from bridge.settings import Settings

HINDI = "\u0928\u092e\u0938\u094d\u0924\u0947\u0964"


def test_voices_are_listed_with_their_language_their_place_and_what_is_in_force() -> None:
    text = voices.listing(Settings(tts="sounding:English", voices={"German": "sounding:German"}))
    lines = [line.split() for line in text.splitlines()]
    assert ["hibari", "English", "bot.tts.hibari,", "voice-bridge", "0.1.0"] in lines
    assert ["sounding:English", "in", "force:", "the", "default"] in lines
    assert ["sounding:German", "German", "in", "force"] in lines


def test_a_voice_that_lacks_a_package_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "find_spec", lambda _: None)
    assert f"not installed: {installing.extra('embedded')}" in voices.listing(Settings())


def test_the_voices_of_a_plug_in_are_listed_by_language(monkeypatch: pytest.MonkeyPatch) -> None:
    from sounding import Chorus

    monkeypatch.setattr(plugins, "load", lambda _, name: Chorus)
    listed = [line.split()[:2] for line in voices.listing(Settings()).splitlines() if "hibari" in line]
    assert listed[:3] == [["hibari", "Spanish"], ["hibari:bo", "Catalan"], ["hibari:ana", "Spanish"]]


def test_a_text_is_said_by_the_voices_of_a_call_and_saved_as_a_caller_hears_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "said.wav"
    options = ["--tts", "sounding:English", "--voices", "Hindi=sounding:Hindi", "--wav", str(path)]
    assert main(["voices", *options, "--say", f"It is 5. {HINDI}"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("sounding:English: first audio 0.") and printed[0].endswith("-18 dBov: It is five.")
    assert printed[1].startswith("sounding:Hindi: ") and printed[1].endswith(HINDI)
    with wave.open(str(path)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
        assert (file.getframerate(), file.getnchannels()) == (8000, 1)
    assert len(sound) == pytest.approx(3200, abs=500)
    assert float(np.median(np.abs(sound))) == pytest.approx(0.12, abs=0.01)


def test_the_wav_may_have_the_rate_of_the_voice(tmp_path: Path) -> None:
    path = tmp_path / "said.wav"
    assert main(["voices", "--tts", "sounding:English", "--say", "One.", "--wav", str(path), "--full-band"]) == 0
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnframes()) == (24_000, 2400)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--wav", "x.wav"], "--wav needs what to say"),
        (["--tts", "nobody", "--say", "x"], "--tts nobody: no such plug-in"),
        (["--tts", "sounding:English", "--say", "x", "--wav", "/no/such/x.wav"], "No such file"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["voices", *arguments]) == 1
    assert why in capsys.readouterr().err


def test_a_text_without_a_sound_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["voices", "--tts", "sounding:English", "--say", HINDI]) == 1
    assert "no voice reads it" in capsys.readouterr().out


def test_it_needs_no_server() -> None:
    program = "import sys, bridge.cli as cli; cli.main(['voices']); print('bridge.server.app' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert run.stdout.endswith("False\n")
