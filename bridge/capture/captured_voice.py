"""The voices of a call, of which all that they say is kept."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from bot.api import Samples
from bridge.capture.call_capture import CallCapture, each
from bridge.capture.notation import sound
from bridge.speaking.voices.voice import Voice
from bridge.speaking.voices.voices import Voices


class CapturedVoice(Voice):
    """`voice`, with `capture` beside it."""

    def __init__(self, voice: Voice, capture: CallCapture, variant: str = "") -> None:
        vars(self).update(vars(voice))  # it is that voice to whoever chooses one
        self._voice, self._capture, self._variant = voice, capture, variant
        self._captured: dict[str, CapturedVoice] = {}

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        """See Voice."""
        asked = self._capture.begin("speak", {"voice": self.name, "variant": self._variant, "text": text})
        async with aclosing(self._voice.speak(text)) as chunks:
            rate = self.sample_rate
            kept = each(asked, chunks, lambda samples: {"sound": sound(samples, rate)}, self._capture.clock_s)
            async with aclosing(kept) as samples_kept:
                async for samples in samples_kept:
                    yield samples

    def variant(self, name: str) -> Voice:
        """See Voice."""
        if name not in self._captured:
            try:
                self._captured[name] = CapturedVoice(self._voice.variant(name), self._capture, name)
            except RuntimeError as error:
                self._capture.note("variant", {"voice": self.name, "name": name, "refused": str(error)})
                raise
            self._capture.note("variant", {"name": name, **described(self._captured[name])})
        return self._captured[name]


def captured_voices(voices: Voices, capture: CallCapture) -> Voices:
    """Return `voices` with `capture` beside each."""
    return voices.each(lambda voice: CapturedVoice(voice, capture))


def described(voice: Voice) -> Mapping[str, object]:
    """Return what a line says of a voice: all by which sentences are given to it."""
    return {
        "voice": voice.name,
        "rate": voice.sample_rate,
        "language": voice.language,
        "languages": list(voice.languages),
        "scripts": list(voice.scripts),
        "takes_ipa": voice.takes_ipa,
    }
