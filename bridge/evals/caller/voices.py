"""What simulated callers say, made by a local voice before their calls begin. Each text is made once."""

import asyncio
from pathlib import Path
from typing import Final

import numpy as np

from bot.api import Samples
from bridge.commands.recording import RATE, Recording, load, speech_span
from bridge.settings import Settings
from bridge.speaking.voices.loading import LoadedVoices
from bridge.speaking.voices.voice import Voice
from bridge.speech.resample import resample_whole
from telephony.codec import encode
from telephony.events import Encoding

USUAL: Final = "hibari"
_LOWER: Final = 0.875
"""The usual voice is the usual bot's, too: played so much slower it is deeper, and somebody else."""


class CallerVoices:
    """The voices of callers, loaded when they are first needed."""

    def __init__(self, usual: str = "", settings: Settings | None = None) -> None:
        """`usual`: the voice of who has none of their own; "" is one that is not the bot's. `settings`: of voices."""
        self._usual, self._settings = usual, settings or Settings()
        self._loaded = LoadedVoices()
        self._made: dict[tuple[str, str, float], Recording] = {}
        self._one_at_a_time = asyncio.Lock()

    async def say(self, text: str, *, voice: str = "", speed: float = 1.0) -> Recording:
        """Return `text` as it is said on the telephone.

        Raises:
            PluginError, ModelMissing: the voice does not load, or fails.
            ValueError: it makes no sound of the text.
        """
        key = (text, voice or self._usual, speed)
        if key not in self._made:
            async with self._one_at_a_time:
                self._made[key] = await self._make(*key)
        return self._made[key]

    def close(self) -> None:
        """Free what was loaded."""
        self._loaded.close()

    async def _make(self, text: str, name: str, speed: float) -> Recording:
        deeper = _LOWER if not name else 1.0
        spoken = await asyncio.to_thread(self._load, name or USUAL, speed / deeper)
        parts = [samples async for samples in spoken.speak(text)]
        sound = np.concatenate(parts) if parts else np.empty(0, np.float32)
        return recording(resample_whole(sound, round(spoken.sample_rate * deeper), RATE), text)

    def _load(self, name: str, speed: float) -> Voice:
        return self._loaded.load(name, self._settings.model_copy(update={"tts_speed": speed}))


def recording(sound: Samples, name: str) -> Recording:
    """Return `sound`, float32 at 8 kHz, as something to say.

    Raises:
        ValueError: there is nothing to be heard in it.
    """
    try:
        begins_ms, ends_ms = speech_span(sound)
    except ValueError as error:
        raise ValueError(f"{name[:80]!r}: {error}") from None
    return Recording(name, encode(sound, Encoding.MULAW), begins_ms, ends_ms)


def from_file(path: Path) -> Recording:
    """Return the WAV file at `path`; blocks.

    Raises:
        OSError, ValueError: it cannot be read, is no 16-bit WAV, or silent.
    """
    try:
        return load(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
