import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from bot import installing
from bridge import plugins
from bridge.plugins import PluginError

GROUPS = ("bridge.asr", "bridge.vad", "bridge.denoiser", "bridge.tts", "bridge.bot")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current directory of one's own; what was imported from it is forgotten."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def install(here: Path, monkeypatch: pytest.MonkeyPatch) -> "Install":
    monkeypatch.syspath_prepend(str(here / "site"))
    return Install(here / "site")


class Install:
    """Installs distributions that have one entry point each."""

    def __init__(self, site: Path) -> None:
        self._site = site

    def __call__(self, distribution: str, group: str, entry_point: str) -> None:
        folder = self._site / f"{distribution}-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[{group}]\n{entry_point}\n")


def refusal(group: str, name: str) -> str:
    with pytest.raises(PluginError) as caught:
        plugins.load(group, name)
    return str(caught.value)


def test_a_plugin_is_found_by_the_name_of_its_entry_point() -> None:
    from bot.echo import EchoBot

    assert plugins.load("bridge.bot", "echo") is EchoBot


@pytest.mark.parametrize("group", GROUPS)
def test_ours_are_declared_where_they_are(group: str) -> None:
    ours = [point for point in entry_points(group=group) if point.value.startswith(("bridge.", "bot."))]
    assert ours
    for point in ours:
        module = Path(plugins.__file__).parents[1] / point.module.replace(".", "/")
        assert module.with_suffix(".py").is_file() or (module / "__init__.py").is_file(), point
        if plugins.EXTRAS.get((group, point.name)) in {None, "embedded"}:  # what these tests run with
            assert callable(plugins.load(group, point.name)), point


def test_a_module_and_attribute_need_no_entry_point(here: Path) -> None:
    (here / "mybot.py").write_text("class Outer:\n    class Bot: pass\n")
    assert plugins.load("bridge.bot", "mybot:Outer.Bot").__qualname__ == "Outer.Bot"


def test_a_file_in_the_current_directory_hides_nothing_installed(here: Path) -> None:
    (here / "tomllib.py").write_text("loads = None\n")
    assert plugins.load("bridge.bot", "tomllib:loads") is not None


def test_an_unknown_name_lists_those_installed() -> None:
    text = refusal("bridge.bot", "eliza")
    assert (
        text.startswith("--bot eliza: no such plug-in; installed: ") and "echo" in text and "module:attribute" in text
    )


def test_a_group_without_any_plugin_says_that_even_ours_is_missing() -> None:
    assert "none is installed, not even ours" in refusal("bridge.nothing", "x")


def test_a_module_that_is_not_there_is_named(here: Path) -> None:
    assert refusal("bridge.bot", "nobody:Bot") == "--bot nobody:Bot: No module named 'nobody'"


def test_an_attribute_that_is_not_there_is_named(here: Path) -> None:
    (here / "mybot.py").touch()
    assert refusal("bridge.bot", "mybot:Bot") == "--bot mybot:Bot: module 'mybot' has no attribute 'Bot'"


@pytest.mark.parametrize(("code", "cause"), [("1 / 0", "ZeroDivisionError"), ("def", "SyntaxError")])
def test_a_module_that_fails_on_import_gives_its_reason(here: Path, code: str, cause: str) -> None:
    (here / "mybot.py").write_text(code + "\n")
    text = refusal("bridge.bot", "mybot:Bot")
    assert text.startswith("--bot mybot:Bot: mybot does not import: ") and cause in text


@pytest.mark.parametrize("name", [":", "mybot:", ":Bot", "a:b:c", "my-bot:Bot", "my bot:Bot", "mybot:Bot [x]", "..:x"])
def test_what_is_neither_name_nor_module_and_attribute_is_refused(here: Path, name: str) -> None:
    assert refusal("bridge.bot", name) == f"--bot {name!r} is not module:attribute, e.g. mybot:Bot"


def test_a_missing_extra_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bot.tts.hibari", None)
    assert f"{installing.extra('embedded')} brings it" in refusal("bridge.tts", "hibari")


def test_every_extra_that_is_named_exists() -> None:
    from importlib.metadata import metadata

    assert set(plugins.EXTRAS.values()) <= set(metadata("voice-bridge").get_all("Provides-Extra") or [])
    for group, name in plugins.EXTRAS:
        assert entry_points(group=group, name=name)


def test_a_plugin_of_another_distribution_is_found(here: Path, install: Install) -> None:
    install("foreign", "bridge.bot", "foreign = foreign_bot:Bot")
    (here / "foreign_bot.py").write_text("Bot = 'foreign'\n")
    sys.path.append(str(here))
    assert plugins.load("bridge.bot", "foreign") == "foreign"


def test_two_distributions_with_one_name_are_refused(install: Install) -> None:
    install("one", "bridge.bot", "twin = one:Bot")
    install("two", "bridge.bot", "twin = two:Bot")
    assert refusal("bridge.bot", "twin") == "--bot twin: one:Bot and two:Bot both claim this name; give one of them"
