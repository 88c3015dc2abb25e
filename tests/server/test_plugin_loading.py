"""From the names in --asr to one recogniser; what is wrong with an engine shows at start-up, in one line."""

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from bridge.plugins import PluginError
from bridge.server.plugin_loading import automatic, load_recogniser
from bridge.settings import Settings
from bridge.speech.api import ModelMissing
from bridge.speech.pool import Pool

ENGINES = """
    from fakes import FakeEngine

    made = []

    class Simple(FakeEngine):
        def __init__(self):
            super().__init__("simple")
            made.append(self)

    class Served(FakeEngine):
        @classmethod
        def from_settings(cls, settings):
            engines = [cls(f"{settings.asr_model_path or 'own default'} at {url}") for url in settings.asr_url]
            made.extend(engines)
            return engines
"""
Write = Callable[[str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes the module `mine` that engines are taken from; it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])

    def module(text: str) -> None:
        (tmp_path / "mine.py").write_text(dedent(text))

    yield module
    sys.modules.pop("mine", None)


def load(*names: str, **options: object) -> Pool:
    return load_recogniser(Settings.model_validate({"asr": names, **options}))


def refused(*names: str, **options: object) -> str:
    with pytest.raises((PluginError, ModelMissing)) as caught:
        load(*names, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---------------------------------------------------------------- what works


async def test_an_engine_without_settings_is_called_without_arguments(write: Write) -> None:
    write(ENGINES)
    pool = load("mine:Simple")
    assert pool.name == "simple"
    pool.close()
    assert sys.modules["mine"].made[0].closed == 1


def test_each_server_is_an_engine_of_the_pool(write: Write) -> None:
    write(ENGINES)
    pool = load("mine:Served", "mine:Simple", asr_url="http://a:1,http://b:2")
    assert pool.name == "own default at http://a:1, own default at http://b:2, simple"


def test_the_model_is_for_the_first_engine_named(write: Write) -> None:
    write(ENGINES)
    options = {"asr_url": "http://a:1", "asr_model_path": "/models/x"}
    assert load("mine:Served", **options).name == "/models/x at http://a:1"
    assert load("mine:Simple", "mine:Served", **options).name == "simple, own default at http://a:1"


def test_an_engine_named_twice_is_loaded_once(write: Write) -> None:
    write(ENGINES)
    assert load("mine:Simple", "mine:Simple").name == "simple"


@pytest.mark.heavy
def test_the_embedded_engine_is_what_auto_finds_without_vllm(caplog: pytest.LogCaptureFixture) -> None:
    if automatic_here() != "whisper":
        pytest.skip("this machine has vllm and a GPU")
    with caplog.at_level(logging.INFO):
        pool = load("auto", "whisper", asr_threads=1)
    pool.close()
    assert pool.name == "whisper-tiny.en"
    assert pool.device == "CPU, int8, 1 decodes at once"
    assert "--asr auto is whisper: " in caplog.text


def automatic_here() -> str:
    from importlib.util import find_spec

    return automatic(vllm_is_there=find_spec("vllm") is not None, has_gpu=any(Path("/dev").glob("nvidia[0-9]*")))[0]


@pytest.mark.parametrize(
    ("vllm_is_there", "has_gpu", "engine", "why"),
    [
        (False, False, "whisper", "vllm is not installed"),
        (False, True, "whisper", "vllm is not installed"),
        (True, False, "whisper", "no /dev/nvidia0"),
        (True, True, "vllm", "there is an NVIDIA GPU"),
    ],
)
def test_auto_is_vllm_only_where_it_is_installed_and_has_a_gpu(
    vllm_is_there: bool, has_gpu: bool, engine: str, why: str
) -> None:
    found, reason = automatic(vllm_is_there=vllm_is_there, has_gpu=has_gpu)
    assert found == engine
    assert why in reason


# ---------------------------------------------------------------- what does not


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            "class Mine:\n    name = 'old'\n    def decode(self, r): pass\n    def close(self): pass",
            "Mine has no capabilities and no healthy; see Asr in bridge/speech/api.py",
        ),
        (
            "from fakes import FakeEngine\nMine = lambda: FakeEngine(capabilities={'prefix': True})",
            "capabilities of FakeEngine is {'prefix': True}, must be an AsrCapabilities",
        ),
        ("class Mine:\n    def __init__(self, url): pass", "missing 1 required positional argument: 'url'"),
        ("Mine = 7", "7 can be neither loaded nor called"),
        ("class Mine:\n    @classmethod\n    def from_settings(cls, s): return []", "from_settings returned []"),
        ("class Mine:\n    @classmethod\n    def from_settings(cls, s): return cls()", "one engine or more in a list"),
    ],
)
def test_what_is_no_engine_says_so(write: Write, body: str, why: str) -> None:
    write(body)
    message = refused("mine:Mine")
    assert message.startswith("--asr mine:Mine: ")
    assert why in message


def test_an_engine_that_fails_to_load_says_why_and_nothing_else(write: Write) -> None:
    write(
        "from bridge.speech.api import EngineFailed\nclass Mine:\n    @classmethod\n"
        "    def from_settings(cls, s): raise EngineFailed('model x does not load: bad magic')"
    )
    assert refused("mine:Mine") == "--asr mine:Mine: model x does not load: bad magic"


def test_a_missing_model_is_told_as_it_is(write: Write) -> None:
    write(
        "from bridge.speech.api import ModelMissing\nclass Mine:\n    @classmethod\n"
        "    def from_settings(cls, s): raise ModelMissing('pip install it')"
    )
    assert refused("mine:Mine") == "pip install it"


def test_engines_loaded_before_one_that_fails_are_closed(write: Write) -> None:
    write(ENGINES + "\n    class Broken:\n        def __init__(self): raise OSError('no GPU')\n")
    assert "no GPU" in refused("mine:Simple", "mine:Broken")
    assert [engine.closed for engine in sys.modules["mine"].made] == [1]


def test_a_language_that_no_engine_knows_is_refused_and_the_engines_closed(write: Write) -> None:
    write(
        ENGINES.replace('super().__init__("simple")', 'super().__init__("simple", capabilities=ENGLISH)')
        + "\n    from bridge.speech.api import AsrCapabilities"
        + "\n    ENGLISH = AsrCapabilities(languages=frozenset({'English'}))\n"
    )
    assert refused("mine:Simple", language="Hindi") == ("--language Hindi: language is 'Hindi'; simple knows English")
    assert [engine.closed for engine in sys.modules["mine"].made] == [1]


def test_an_engine_that_is_not_there_lists_those_that_are() -> None:
    assert "installed: " in refused("psychic") and "whisper" in refused("psychic")


@pytest.mark.parametrize("name", ["vllm", "openai"])
def test_our_other_engines_say_in_one_line_why_they_do_not_load(name: str, tmp_path: Path) -> None:
    message = refused(
        name, asr_model_path=str(tmp_path / "nowhere"), asr_url="http://127.0.0.1:9", vllm_start_timeout=5
    )
    assert message
