"""The example client: the recordings it reads, and what it says where something is missing."""

import importlib.util
import struct
import subprocess
import sys
import tempfile
import wave
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

CLIENT = Path(__file__).parents[1] / "examples" / "websocket_client.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("websocket_client", CLIENT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


client: Any = load()
TONE = 0.5 * np.sin(np.arange(4410) * 2 * np.pi * 440 / 44_100)


def riff(
    audio: bytes, *, kind: int = 1, channels: int = 1, rate: int = 16_000, bits: int = 16, size: int = -1
) -> bytes:
    block = channels * bits // 8
    layout = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)
    if kind == 0xFFFE:
        layout += struct.pack("<HHIH", 22, bits, 0, 1) + bytes(14)
    chunks = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"fmt " + struct.pack("<I", len(layout)) + layout
    chunks += b"data" + struct.pack("<I", len(audio) if size < 0 else size) + audio
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def coded(kind: int, bits: int) -> bytes:
    if kind == 3:
        return TONE.astype(f"<f{bits // 8}").tobytes()
    if bits == 8:
        return bytes(np.round(TONE * 127 + 128).astype(np.uint8))
    whole = np.round(TONE * (2.0 ** (bits - 1) - 1)).astype("<i8")
    return b"".join(int(each).to_bytes(bits // 8, "little", signed=True) for each in whole)


@pytest.mark.parametrize(
    ("kind", "bits"), [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (0xFFFE, 16), (0xFFFE, 24)]
)
def test_wav_files_of_all_sample_formats_are_read(tmp_path: Path, kind: int, bits: int) -> None:
    (tmp_path / "said.wav").write_bytes(riff(coded(kind, bits), kind=kind, bits=bits, rate=44_100))
    samples, rate = client.read_wav(str(tmp_path / "said.wav"))
    assert rate == 44_100 and samples.dtype == np.float32
    assert np.abs(samples - TONE).max() < (0.01 if bits == 8 else 1e-4)


def test_channels_are_mixed(tmp_path: Path) -> None:
    both = np.column_stack((TONE, np.zeros_like(TONE))).ravel()
    (tmp_path / "said.wav").write_bytes(riff((both * 32767).astype("<i2").tobytes(), channels=2))
    samples, _ = client.read_wav(str(tmp_path / "said.wav"))
    assert samples == pytest.approx(TONE / 2, abs=1e-3)


def test_a_recording_that_was_broken_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "said.wav").write_bytes(riff(coded(1, 16) + b"\1", size=10_000_000))
    assert len(client.read_wav(str(tmp_path / "said.wav"))[0]) == len(TONE)


@pytest.mark.parametrize(
    ("rate", "sent"), [(8000, 8000), (11_025, 11_025), (48_000, 48_000), (96_000, 16_000), (6000, 16_000)]
)
def test_rates_that_the_server_does_not_take_are_changed(rate: int, sent: int) -> None:
    tone = np.sin(np.arange(rate) * 2 * np.pi * 300 / rate).astype(np.float32)
    samples, now = client.telephone_rate(tone, rate)
    assert now == sent and len(samples) == sent
    assert np.abs(np.fft.rfft(samples)).argmax() == 300


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no WAV file"),
        (b"ID3\4" + bytes(100), "no WAV file"),
        (riff(b"")[:20], "without a format"),
        (riff(b"ab", kind=7, bits=8), "kind 7 with 8 bits"),
        (riff(b"ab", bits=12), "12 bits"),
        (riff(b"ab", bits=0), "kind 1 with 0 bits"),
        (riff(b"ab", channels=0), "0 channels"),
        (riff(b"ab", rate=0), "0 a second"),
    ],
)
def test_a_file_that_is_no_recording_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(client.Failed, match=why) as failed:
        client.read_wav(str(tmp_path / "x.wav"))
    assert "x.wav" in str(failed.value)


@given(st.binary(max_size=200), st.integers(0, 70))
def test_whatever_a_file_holds_it_is_read_or_refused(noise: bytes, keep: int) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(riff(bytes(8))[:keep] + noise)
        file.flush()
        try:
            samples, rate = client.read_wav(file.name)
        except client.Failed:
            return
    assert samples.dtype == np.float32 and rate > 0


# ------------------------------------------------------------ as a command


def run(*arguments: str, path: Path | None = None) -> tuple[int, str]:
    """Return the exit code and the last line of standard error; `path`: a folder with modules that hide others."""
    more = {"PYTHONPATH": str(path)} if path else {}
    done = subprocess.run(
        [sys.executable, str(CLIENT), *arguments], capture_output=True, text=True, timeout=60, check=False, env=more
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.strip().splitlines()[-1]


def said(tmp_path: Path) -> str:
    with wave.open(str(tmp_path / "said.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    return str(tmp_path / "said.wav")


def test_a_file_that_is_not_there_is_named() -> None:
    assert run("--audio-file", "none.wav") == (1, "websocket_client: none.wav: No such file or directory")


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, error = run("--audio-file", said(tmp_path), "--port", "1")
    assert code == 1 and "ws://localhost:1/ws" in error


def test_an_address_that_is_none_is_named(tmp_path: Path) -> None:
    code, error = run("--audio-file", said(tmp_path), "--url", "localhost:8000")
    assert code == 1 and "--url is 'localhost:8000'; it begins with ws:// or wss://" in error


def test_an_option_that_is_none_is_refused() -> None:
    assert run("--hots", "x")[0] == 2


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("raise ImportError('No module named sounddevice')", "pip install sounddevice"),
        ("raise OSError('PortAudio library not found')", "PortAudio library not found): apt install libportaudio2"),
        (
            "class PortAudioError(Exception): pass\ndef InputStream(*a, **k): raise PortAudioError('device -1')\n",
            "no microphone (device -1); --audio-file",
        ),
    ],
)
async def test_a_microphone_that_is_not_there_is_told(
    module: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sounddevice.py").write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(client.Failed) as failed:
        await anext(client.microphone())
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    assert why in str(failed.value)
