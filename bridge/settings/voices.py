"""The default among voices by language: another name for the option `tts`."""

from collections.abc import Mapping
from typing import Final

from bridge.settings.types import split_pairs

_DEFAULT: Final = "default"


def with_default_voice(values: Mapping[str, object]) -> dict[str, object]:
    """Return `values`, options of one source, with the default of `voices` as `tts`, which it goes before."""
    named = split_pairs(values.get("voices"))
    if not isinstance(named, Mapping) or _DEFAULT not in named:
        return dict(values)
    others = {language: voice for language, voice in named.items() if language != _DEFAULT}
    return {**values, "tts": named[_DEFAULT], "voices": others}
