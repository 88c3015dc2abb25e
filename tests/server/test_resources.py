"""What is loaded once: plug-ins by name, and that a broken one shows at start-up."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from fakes import FakeAsr, FakeTts, ScriptBot

from bridge.metrics import Metrics
from bridge.plugins import PluginError
from bridge.server.resources import Resources
from bridge.settings import Settings
from bridge.speaking.voices.voices import Voices
from bridge.speech.api import EngineFailed, ModelMissing, Request, Samples
from bridge.speech.plain_vad import PlainVad

SILENCE = np.zeros(512, np.float32)
NAMES = {"asr": "fakes:FakeAsr", "tts": "fakes:FakeTts", "bot": "fakes:ScriptBot", "vad": "custom:CustomVAD"}
CUSTOM_VAD = """
    import numpy as np

    class CustomVAD:
        made = []

        def __init__(self, threshold: float = 0.5, sample_rate: int = 16000):
            self.threshold = threshold
            self.sample_rate = sample_rate
            self.heard = 0
            CustomVAD.made.append(self)

        def is_speech(self, audio: np.ndarray) -> float:
            self.heard += 1
            return float(np.abs(audio).max())
"""

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module that plug-ins are taken from; all of them are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = set(sys.modules)

    def module(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(dedent(text))

    module("custom", CUSTOM_VAD)
    yield module
    for name in set(sys.modules) - before:
        if not getattr(sys.modules[name], "__file__", None) or str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def load(**names: object) -> Resources:
    return Resources.load(Settings.model_validate(NAMES | names))


def refused(**names: object) -> str:
    with pytest.raises((PluginError, ModelMissing)) as caught:
        load(**names)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---------------------------------------------------------------- what works


def test_engines_bots_and_voices_are_loaded_by_module_and_attribute(write: Write) -> None:
    resources = load()
    assert resources.asr.name == "fake"
    assert [voice.name for voice in Voices.of(resources.tts).all] == ["fakes:FakeTts"]
    assert isinstance(resources.make_bot(), ScriptBot)
    assert resources.make_bot() is not resources.make_bot(), "a bot belongs to one call"
    assert resources.denoisers is None
    resources.close()


async def test_the_vad_class_of_the_original_server_works_as_it_stands(write: Write) -> None:
    namespace: dict[str, type] = {}
    exec(dedent(CUSTOM_VAD), namespace)
    vad = PlainVad(namespace["CustomVAD"](threshold=0.7, sample_rate=16_000))
    assert vad.window == 512
    assert await vad(np.full(512, 0.25, np.float32)) == 0.25
    assert await vad(SILENCE) == 0.0


def test_each_call_has_a_vad_of_its_own_made_with_the_threshold(write: Write) -> None:
    resources = load(vad_threshold=0.7)
    first, second = resources.open_vad(), resources.open_vad()
    assert first is not second
    made = sys.modules["custom"].CustomVAD.made[-2:]
    assert made[0] is not made[1]
    assert {(vad.threshold, vad.sample_rate, vad.heard) for vad in made} == {(0.7, 16_000, 0)}


def test_a_vad_with_load_is_loaded_once_and_opened_for_each_call(write: Write) -> None:
    write(
        "shared",
        """
        class Shared:
            loaded = opened = 0
            window = 256

            @classmethod
            def load(cls):
                cls.loaded += 1
                return cls()

            def open(self):
                Shared.opened += 1
                return Stream()

        class Stream:
            window = 256

            async def __call__(self, samples):
                return 0.0 if samples.shape == (256,) else 1 / 0
        """,
    )
    resources = load(vad="shared:Shared")
    shared = sys.modules["shared"].Shared
    before = shared.opened
    assert resources.open_vad() is not resources.open_vad()
    assert (shared.loaded, shared.opened - before) == (1, 2)


def test_the_fallback_is_recorded_with_the_voice(write: Write) -> None:
    fallback = load(fallback_text="Sorry about that.").fallback
    assert fallback is not None
    samples, text = fallback
    assert text == "Sorry about that."
    assert len(samples) == 3 * 1200


async def test_the_metrics_are_told_what_the_engines_do(write: Write) -> None:
    resources, metrics = await asyncio.to_thread(load), Metrics()
    resources.observe(metrics.decodes)
    await resources.asr.decode(Request(np.full(16_000, 0.5, np.float32), final=True))
    assert b'bridge_decode_seconds_count{engine="fake",kind="final"} 1.0' in metrics.text()
    assert b'bridge_engine_up{engine="fake"} 1.0' in metrics.text()
    resources.close()


async def test_without_a_denoiser_a_call_gets_none() -> None:
    resources = Resources(
        asr=FakeAsr(),
        open_vad=lambda: PlainVad(Failing()),
        denoisers=None,
        workers=None,
        tts=FakeTts(),
        make_bot=ScriptBot,
        fallback=None,
    )
    assert await resources.open_denoising() is None


# ---------------------------------------------------------------- what does not


class Failing:
    def is_speech(self, audio: Samples, /) -> float:
        raise ZeroDivisionError("no samples")


async def test_a_custom_vad_that_fails_in_a_call_is_named() -> None:
    with pytest.raises(EngineFailed, match=r"Failing\.is_speech failed: no samples"):
        await PlainVad(Failing())(SILENCE)


async def test_a_custom_vad_that_returns_no_number_is_named() -> None:
    class Wordy:
        def is_speech(self, audio: Samples, /) -> float:
            return "yes"  # type: ignore[return-value]

    with pytest.raises(EngineFailed, match=r"Wordy\.is_speech failed: could not convert"):
        await PlainVad(Wordy())(SILENCE)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("def is_speech(self, audio): return 0.0", "takes no arguments"),
        ("def __init__(self, **_): raise OSError('no model')\n    def is_speech(self, audio): return 0.0", "no model"),
        ("def __init__(self, **_): pass\n    def is_speech(self): return 0.0", "is_speech failed"),
        ("def __init__(self, **_): pass\n    def is_speech(self, audio): return None", "is_speech failed"),
        ("def __init__(self, **_): pass\n    def is_speech(self, audio): return 7", "P(speech) of silence is 7.0"),
        ("def __init__(self, **_): pass\n    def is_speech(self, audio): return float('nan')", "is nan"),
        ("def hears(self, audio): return 0.0", "no attribute 'open'"),
        ("def open(self): return None", "no attribute 'window'"),
    ],
)
def test_a_broken_vad_says_so_at_start_up(write: Write, body: str, why: str) -> None:
    write("broken", f"class Vad:\n    {body}\n")
    message = refused(vad="broken:Vad")
    assert message.startswith("--vad broken:Vad: ")
    assert why in message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("from bot.api import Bot\nclass Mine(Bot):\n    def __init__(self): raise KeyError('SHOP_URL')", "SHOP_URL"),
        ("from bot.api import Bot\nclass Mine(Bot):\n    def __init__(self, url): pass", "required positional"),
        ("class Mine:\n    pass", "it makes a Mine, not a bot.api.Bot"),
        ("from bot.api import Bot\nMine = Bot()", "'Bot' object is not callable"),
        ("Mine = 1 / 0", "does not import"),
        ("class Other: pass", "Mine"),
    ],
)
def test_a_broken_bot_says_so_at_start_up(write: Write, text: str, why: str) -> None:
    write("mybot", text)
    message = refused(bot="mybot:Mine")
    assert message.startswith("--bot mybot:Mine: ")
    assert why in message


def test_a_voice_that_is_not_installed_says_what_to_install_and_nothing_else(write: Write) -> None:
    write(
        "voice",
        """
        class Voice:
            @classmethod
            def load(cls):
                raise RuntimeError("hibari-tts is not installed: pip install it")
        """,
    )
    assert refused(tts="voice:Voice") == ("--tts voice:Voice: hibari-tts is not installed: pip install it")


def test_a_voice_that_cannot_speak_says_so_at_start_up(write: Write) -> None:
    write(
        "voice",
        """
        from functools import partial

        from fakes import FakeTts

        Broken = partial(FakeTts, broken=True)
        NoVoice = object
        """,
    )
    assert refused(tts="voice:Broken") == "--tts voice:Broken: no voice"
    assert "no attribute 'speak'" in refused(tts="voice:NoVoice")


def test_a_recogniser_that_is_none_says_so(write: Write) -> None:
    assert refused(asr="builtins:object").startswith("--asr builtins:object: object has no name")


def test_a_plugin_that_is_not_there_is_named(write: Write) -> None:
    assert refused(bot="nowhere:Bot").startswith("--bot nowhere:Bot: ")
    assert "no such plug-in" in refused(vad="psychic")
