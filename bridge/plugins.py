"""Engines, voices and bots by name: an installed entry point, or `module:attribute`."""

import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, Self

from bot import installing
from bridge.settings import Settings
from bridge.speech.api import ModelMissing, SpeechError

EXTRAS: Final = {
    ("bridge.asr", "ray"): "ray",
    ("bridge.asr", "vllm"): "vllm",
    ("bridge.asr", "whisper"): "embedded",
    ("bridge.vad", "silero"): "embedded",
    ("bridge.vad", "silero-torch"): "silero-torch",
    ("bridge.denoiser", "deepfilter"): "embedded",
    ("bridge.tts", "hibari"): "embedded",
    ("bridge.tts", "kokoro"): "kokoro",
    ("bridge.tts", "piper"): "piper",
    ("bridge.ending", "smart-turn"): "embedded",
    ("bridge.bot", "openai"): "openai",
}
"""The extra that each of our own plug-ins needs."""


class PluginError(Exception):
    """A plug-in is not there, or does not work. The text names its option, and what is installed or what to install."""


def load(group: str, name: str) -> Any:
    """Return what `name` stands for in `group`, e.g. "bridge.bot": an installed plug-in or `module:attribute`.

    A module may lie in the current directory. That is searched last, so that it hides nothing installed.

    Raises:
        PluginError: there is none of that name, or it does not import.
    """
    point = _spelled_out(group, name) if ":" in name else _installed(group, name)
    try:
        return point.load()
    except AttributeError as error:
        raise PluginError(f"{_option(group)} {name}: {error}") from error
    except ImportError as error:
        raise PluginError(f"{_option(group)} {name}: {error}{_remedy(group, name)}") from error
    except Exception as error:  # its author's code runs on import, and may fail in any way
        raise PluginError(f"{_option(group)} {name}: {point.module} does not import: {error!r}") from error


def make(plugin: Any) -> Any:
    """Return what `plugin` makes: `load()` where it has that, else a call of it.

    Raises:
        TypeError: it can be neither.
    """
    load = getattr(plugin, "load", plugin)
    if not callable(load):
        raise TypeError(f"{plugin!r} can be neither loaded nor called")
    return load()


@contextmanager
def trial(option: str, name: str) -> Iterator[None]:
    """Turn whatever a plug-in raises inside into a PluginError of one line that names the option."""
    try:
        yield
    except (PluginError, ModelMissing):
        raise
    except Exception as error:  # its author's code may fail in any way
        why = str(error) if isinstance(error, SpeechError | RuntimeError) else ""
        raise PluginError(f"--{option} {name}: {why or repr(error)}") from error


def with_variant(group: str, name: str) -> tuple[str, str]:
    """Return the plug-in that `name` names, and which of its voices: "kokoro:hf_alpha", where kokoro is installed.

    `module:attribute` is a plug-in by itself, and so is a name without a colon: they come without a variant.
    """
    plugin, colon, variant = name.partition(":")
    return (plugin, variant) if colon and entry_points(group=group, name=plugin) else (name, "")


def _spelled_out(group: str, name: str) -> EntryPoint:
    if not re.fullmatch(r"\w+(\.\w+)*:\w+(\.\w+)*", name):
        raise PluginError(f"{_option(group)} {name!r} is not module:attribute, e.g. mybot:Bot")
    directory = str(Path.cwd())
    if directory not in sys.path:
        sys.path.append(directory)
    return EntryPoint(name, name, group)


def _installed(group: str, name: str) -> EntryPoint:
    found = {point.value: point for point in entry_points(group=group, name=name)}
    if not found:
        raise PluginError(f"{_option(group)} {name}: no such plug-in; {_others(group)}, or give module:attribute")
    if len(found) > 1:
        raise PluginError(
            f"{_option(group)} {name}: {' and '.join(sorted(found))} both claim this name; give one of them"
        )
    return found.popitem()[1]


def _others(group: str) -> str:
    names = sorted({point.name for point in entry_points(group=group)})
    if not names:
        return f"none is installed, not even ours: run {installing.extra()}"
    return f"installed: {', '.join(names)}"


def _remedy(group: str, name: str) -> str:
    extra = EXTRAS.get((group, name))
    return f"; {installing.extra(extra)} brings it" if extra else ""


def _option(group: str) -> str:
    return "--" + group.removeprefix("bridge.")


@dataclass(frozen=True, slots=True)
class Plugin:
    """What an option names, found but not made yet."""

    option: str
    name: str
    found: object

    @classmethod
    def named(cls, option: str, name: str) -> Self:
        """Return what `name` stands for at --`option`.

        Raises:
            PluginError: there is no such plug-in, or it does not import.
        """
        return cls(option, name, load(f"bridge.{option}", name))

    def trial(self) -> AbstractContextManager[None]:
        """Turn whatever the plug-in raises inside into a PluginError that names it and its option."""
        return trial(self.option, self.name)

    @property
    def configured(self) -> bool:
        """Whether it is made from the settings."""
        return getattr(self.found, "from_settings", None) is not None

    def make(self, settings: Settings) -> object:
        """Return what it makes: `from_settings(settings)` where it has that, else `load()`, else a call of it."""
        if self.configured:
            return getattr(self.found, "from_settings")(settings)  # noqa: B009 - a plug-in has no static type
        return make(self.found)

    def key(self, settings: Settings) -> tuple[object, ...]:
        """Return what the result of `make` depends on: equal keys may share one."""
        return (self.option, self.name, settings if self.configured else None)

    def check(self, made: object, protocol: type) -> None:
        """Find out whether `made` has all that `protocol` asks for.

        Raises:
            PluginError: it has not; the text names what it lacks and where to read.
        """
        if missing := [member for member in _members(protocol) if not hasattr(made, member)]:
            where = f"{protocol.__name__} in {protocol.__module__.replace('.', '/')}.py"
            kind, lacks = type(made).__name__, " and no ".join(missing)
            raise PluginError(f"--{self.option} {self.name}: {kind} has no {lacks}; see {where}")


def _members(protocol: type) -> Iterator[str]:
    for name in (*getattr(protocol, "__annotations__", {}), *vars(protocol)):
        if not name.startswith("_") or name == "__call__":
            yield name
