"""espeak-ng as a voice: any of its 100 languages, at once and for nothing, and it sounds like a machine."""

import asyncio
import io
import subprocess
import wave
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Final, Self

import numpy as np

from bot.api import Samples
from bot.languages import named
from bot.tts.espeak.program import LIMIT_S, program, readable, voices
from bot.tts.finishing import finish, gain_of
from bot.tts.local_voice import WARM_UPS, VoiceSettings

SAMPLE_RATE: Final = 22_050
_WORDS_A_MINUTE: Final = 160  # espeak-ng's own 175 is fast for a telephone
_AT_ONCE: Final = 4  # a sentence takes 20 ms


class EspeakTts:
    """A voice for all calls (`Tts`), one process a sentence."""

    sample_rate = SAMPLE_RATE

    def __init__(self, voice: str, *, threads: ThreadPoolExecutor | None = None) -> None:
        """`voice`: a language of espeak-ng ("de"), with a variant where wanted ("de+f3"), or its English name.

        Raises:
            RuntimeError: espeak-ng is not installed, or has no such voice.
        """
        known = voices()
        tag, _, variant = voice.partition("+")
        tag = next((each for each in known if named(each) == tag and "-" not in each), tag)
        if tag not in known:
            raise RuntimeError(f"espeak-ng has no voice {voice!r}: {', '.join(known)}")
        self.language = named(tag)
        self._command = [program(), "--stdout", "-v", f"{tag}+{variant}" if variant else tag]
        self._pace = ("-s", str(_WORDS_A_MINUTE))
        self._gain = 1.0
        self._gain = gain_of(self._made(WARM_UPS.get(self.language, WARM_UPS["English"])), SAMPLE_RATE)
        self._threads = threads or ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="espeak")

    @classmethod
    def from_settings(cls, _settings: VoiceSettings) -> Self:
        """Return the English voice, from which the others come.

        Raises:
            RuntimeError: espeak-ng is not installed.
        """
        return cls("en-us")

    @classmethod
    def voices(cls) -> Mapping[str, str]:
        """Return the language of each voice, by its name."""
        try:
            return {tag: named(tag) for tag in voices()}
        except RuntimeError:
            return {}

    def voice(self, name: str) -> Self:
        """Return the voice of that name, e.g. "de", "de+f3" or "German"; it is closed with this one.

        Raises:
            RuntimeError: there is none of that name.
        """
        return type(self)(name, threads=self._threads)

    def at_speed(self, speed: float) -> Self:
        """Return the same voice, faster (above 1) or slower; it is closed with this one."""
        other = copy(self)
        other._pace = ("-s", str(round(_WORDS_A_MINUTE * speed)))  # noqa: SLF001 - a copy of ourselves
        return other

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        """Yield `text` as one array, or nothing where nothing of it is heard.

        Raises:
            RuntimeError: the voice failed, or is closed.
        """
        if any(map(str.isalnum, text)):
            sound = await asyncio.get_running_loop().run_in_executor(self._threads, self._made, text)
            if len(sound):
                yield sound

    def close(self) -> None:
        """Take no more text; what was asked for before is still made."""
        self._threads.shutdown(wait=False)

    def _made(self, text: str) -> Samples:
        try:
            done = subprocess.run(
                [*self._command, *self._pace, "--stdin"],
                input=readable(text).encode(),
                capture_output=True,
                timeout=LIMIT_S,
                check=True,
            )
            with wave.open(io.BytesIO(done.stdout)) as recording:
                pcm = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
        except (OSError, subprocess.SubprocessError, wave.Error, EOFError) as error:
            raise RuntimeError(f"espeak-ng does not speak {text[:80]!r}: {error}") from error
        return finish((pcm / 32768).astype(np.float32), SAMPLE_RATE, gain=self._gain)
