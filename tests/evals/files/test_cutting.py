"""What a caller said, cut out of the recording of the call."""

import wave
from pathlib import Path

import numpy as np
import pytest
from evals_support import written

from bridge.evals.files.cutting import cut
from bridge.evals.files.writing import as_scenario
from bridge.evals.scenario import Speak, SpeechKind
from bridge.records.entries import Entry, EntryKind


def entries(recording: Path) -> list[Entry]:
    told: list[tuple[EntryKind, str, dict[str, object]]] = [
        (EntryKind.STARTED, "", {}),
        (EntryKind.CALLER, "A table.", {"from_ms": 1000, "to_ms": 2000}),
        (EntryKind.BOT, "When", {"played_ms": 400, "unheard": "exactly?"}),
        (EntryKind.CALLER, "On # Friday", {"from_ms": 2500, "to_ms": 2900}),
        (EntryKind.CALLER, "after the end", {"from_ms": 9000, "to_ms": 9900}),
        (EntryKind.CALLER, "nobody knows when", {}),
        (EntryKind.RECORDING, "", {"path": str(recording)}),
    ]
    return [Entry("a", number, 1000.0 + number, *one) for number, one in enumerate(told, 1)]


def test_each_utterance_is_a_file_of_the_callers_side_and_is_played(tmp_path: Path) -> None:
    caller = np.arange(3 * 8000) % 1000
    with wave.open(str(tmp_path / "call.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.stack([caller, -caller], axis=1).astype("<i2").tobytes())
    names = cut(entries(tmp_path / "call.wav"), tmp_path / "out", "a")
    assert names == {2: "a-01.wav", 4: "a-02.wav"}
    with wave.open(str(tmp_path / "out" / "a-01.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, 8000)
        assert np.array_equal(np.frombuffer(file.readframes(99_999), "<i2"), caller[800 * 8 : 2200 * 8])
    row = {"record": "a", "wire": "twilio", "bot": "echo"}
    found = written(as_scenario(row, entries(tmp_path), names), tmp_path / "out" / "one.yaml")
    acts = [step.act for step in found.steps[1:]]
    assert acts == [
        Speak(kind=SpeechKind.PLAY, file=tmp_path / "out" / "a-01.wav"),
        Speak(kind=SpeechKind.PLAY, file=tmp_path / "out" / "a-02.wav", after_ms=400),
        Speak(kind=SpeechKind.SAY, text="after the end"),
        Speak(kind=SpeechKind.SAY, text="nobody knows when"),
    ]


def test_a_call_without_such_a_recording_is_told(tmp_path: Path) -> None:
    for name in ("call.opus", ""):
        with pytest.raises(ValueError, match="no recording as WAV"):
            cut(entries(Path(name)), tmp_path / "out", "a")
    (tmp_path / "call.wav").write_bytes(b"RIFF and no more")
    with pytest.raises(ValueError, match="no WAV file"):
        cut(entries(tmp_path / "call.wav"), tmp_path / "out", "a")
    assert not (tmp_path / "out").exists()
