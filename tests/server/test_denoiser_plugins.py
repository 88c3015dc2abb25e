"""A denoiser of one's own, from start-up to hang-up: made for each call, or made once and opened for each."""

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import cast

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes import FakeAsr

from bridge.plugins import PluginError
from bridge.server.app import make_app
from bridge.server.app_keys import METRICS
from bridge.server.plugin_loading import load_denoisers
from bridge.server.resources import Resources
from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, Denoiser
from bridge.speech.denoising import OnePerCall
from bridge.speech.pool import Pool

DOCS = Path(__file__).parents[2] / "docs" / "denoising.md"
OWN = """
    import numpy as np

    made = []

    class Halver:
        delay = 160

        def __init__(self):
            self.late, self.heard, self.closed = np.zeros(self.delay, np.float32), 0, 0
            made.append(self)

        def __call__(self, samples):
            self.heard += len(samples)
            late = np.concatenate((self.late, samples / 2))
            self.late = late[len(samples):]
            return late[:len(samples)]

        def close(self):
            self.closed += 1

    class Shared:
        name = "halver, for all"

        def __init__(self, threads):
            self.threads, self.closed = threads, 0

        @classmethod
        def from_settings(cls, settings):
            return cls(settings.denoiser_threads)

        async def open(self):
            return Halver()

        def close(self):
            self.closed += 1

    class Loud:
        def __init__(self, threshold, sample_rate):
            pass

        def is_speech(self, audio):
            return float(np.abs(audio).max() > 0.1)
"""
Write = Callable[[str], ModuleType]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes the module `mine`, imports it and forgets it afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def module(text: str) -> ModuleType:
        (tmp_path / "mine.py").write_text(dedent(text))
        return __import__("mine")

    yield module
    sys.modules.pop("mine", None)


def settings(name: str, **options: object) -> Settings:
    fakes = {"asr": "fakes:FakeAsr", "tts": "fakes:FakeTts", "bot": "fakes:ScriptBot", "vad": "mine:Loud"}
    return Settings.model_validate({**fakes, "enable_noise_suppression": True, "denoiser": name, **options})


async def whole_call(options: Settings, resources: Resources) -> str:
    """Send a second of loud audio over /ws; return the final."""
    loud = np.full(SAMPLE_RATE, 0.8, np.float32) * np.sign(np.sin(np.arange(SAMPLE_RATE)))
    app = make_app(options, resources)
    async with TestClient(TestServer(app)) as client, client.ws_connect("/ws") as socket:
        for piece in np.split(loud.astype(np.float32), 50):
            await socket.send_bytes(piece.tobytes())
        await socket.send_str('{"type": "finalize"}')
        while (message := await socket.receive_json(timeout=5))["type"] != "final":
            assert message["type"] in {"session_created", "partial"}
    assert b'bridge_denoiser_bypassed_ms_total{wire="plain"} 0.0' in app[METRICS].text()
    return str(message["text"])


@pytest.mark.parametrize("name", ["mine:Halver", "mine:Shared"])
async def test_a_whole_call_is_heard_through_it(write: Write, name: str) -> None:
    mine = write(OWN)
    options = settings(name)
    resources = await asyncio.to_thread(Resources.load, options)
    tried = len(mine.made)
    assert await whole_call(options, resources)
    [denoiser] = mine.made[tried:]
    assert (denoiser.heard, denoiser.closed) == (SAMPLE_RATE, 1)
    [member] = cast(Pool, resources.asr)._roster.members
    peaks = [float(np.abs(request.audio).max()) for request in cast(FakeAsr, member.engine).requests]
    assert peaks and peaks == pytest.approx([0.4] * len(peaks))
    await asyncio.to_thread(resources.close)


async def test_each_call_has_one_of_its_own_and_what_was_tried_is_closed(write: Write) -> None:
    mine = write(OWN)
    denoisers = await asyncio.to_thread(load_denoisers, settings("mine:Halver"))
    assert isinstance(denoisers, OnePerCall)
    assert [each.closed for each in mine.made] == [1] * len(mine.made)
    assert await denoisers.open() is not await denoisers.open()


async def test_one_for_all_is_made_once_from_the_settings_and_closed_with_the_server(write: Write) -> None:
    mine = write(OWN)
    resources = await asyncio.to_thread(Resources.load, settings("mine:Shared", denoiser_threads=3))
    assert isinstance(shared := resources.denoisers, mine.Shared)
    assert (getattr(shared, "threads", 0), getattr(shared, "closed", 1)) == (3, 0)
    await asyncio.to_thread(resources.close)
    assert getattr(shared, "closed", 0) == 1


async def test_one_that_cannot_be_opened_costs_its_call_the_denoiser_and_nothing_else(
    write: Write, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = write(OWN)
    resources = await asyncio.to_thread(Resources.load, settings("mine:Shared"))
    monkeypatch.setattr(mine, "Halver", None)
    assert await resources.open_denoising() is None
    assert "this call goes without denoiser" in caplog.text
    await asyncio.to_thread(resources.close)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            "delay = 0\n    def __call__(self, samples): return samples",
            "Mine has no close; see Denoiser in bridge/speech/",
        ),
        ("def open(self): return None", "Mine has no close; see Denoisers in bridge/speech/api.py"),
        ("async def open(self): return 7\n    def close(self): pass", "int has no delay and no __call__ and no close"),
        ("def __init__(self): raise OSError('no model')", "no model"),
        (
            "delay = 0\n    def close(self): pass\n    def __call__(self, samples): return samples[1:]",
            "320 samples in, shape (319,) out",
        ),
        (
            "delay = 0.5\n    def close(self): pass\n    def __call__(self, samples): return samples",
            "delay is 0.5, must be a whole number of samples",
        ),
        ("delay = 0\n    def close(self): pass\n    def __call__(self, samples): raise KeyError('gain')", "gain"),
    ],
)
def test_what_is_no_denoiser_says_so_at_start_up(write: Write, body: str, why: str) -> None:
    write(f"class Mine:\n    {body}\n")
    with pytest.raises(PluginError) as caught:
        load_denoisers(settings("mine:Mine"))
    assert str(caught.value).startswith("--denoiser mine:Mine: ")
    assert why in str(caught.value)


def tone(hertz: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)


def loudness(denoiser: Denoiser, hertz: int) -> float:
    """Return what `denoiser` leaves of a tone, 1.0 is all."""
    clean = np.concatenate([denoiser(piece) for piece in np.split(tone(hertz), 50)])
    return float(np.std(clean) / np.std(tone(hertz)))


async def test_the_documented_example_takes_hum_away_and_leaves_speech(write: Write) -> None:
    [example] = re.findall(r"```python\n# hum\.py\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)
    write(example)
    denoisers = await asyncio.to_thread(load_denoisers, settings("mine:HumFilter"))
    assert loudness(await denoisers.open(), 50) < 0.5
    assert loudness(await denoisers.open(), 1000) > 0.9
