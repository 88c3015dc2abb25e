"""The voices of a profile: a default, one for each language that has its own, and how words are pronounced."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.api import Tts
from bot.languages import named
from bot.spoken import Spoken, spoken
from bridge.speaking.voices.choice import in_order, is_written_so, key_of, written_in
from bridge.speaking.voices.lexicon import Lexicon
from bridge.speaking.voices.voice import Voice

_NO_LEXICON: Final = Lexicon({})


@dataclass(frozen=True, slots=True)
class Rendition:
    """One way to say a sentence."""

    voice: Voice
    aloud: str
    """What the voice reads."""
    foreign: int = 0
    """Words of it that the voice cannot read."""


@dataclass(frozen=True, slots=True)
class Voices:
    """Shared by the calls of a profile."""

    default: Voice
    by_language: Mapping[str, Voice] = field(default_factory=dict)
    """Keys as `key_of` makes them."""
    lexicons: Mapping[str, Lexicon] = field(default_factory=dict)
    """The same."""
    last: Voice | None = None
    """Says what all others fail at, as far as it can read it; a bot cannot ask for it."""

    @classmethod
    def of(cls, tts: "Tts | Voices") -> "Voices":
        """Return `tts` where it is several, else it alone."""
        return tts if isinstance(tts, Voices) else cls(Voice(type(tts).__name__, tts))

    @property
    def sample_rate(self) -> int:
        """Hertz of recordings, whoever made them: that of the default."""
        return self.default.sample_rate

    @property
    def language(self) -> str:
        """English name of what the default speaks, "" where that is not known."""
        return self.default.language

    @property
    def languages(self) -> Sequence[str]:
        """Tags or English names of all that is spoken, as far as it is known."""
        return (*self.default.languages, *self.by_language)

    @property
    def all(self) -> Sequence[Voice]:
        """Each voice once, the default first."""
        return tuple(dict.fromkeys((self.default, *self.by_language.values())))

    def each(self, make: Callable[[Voice], Voice]) -> "Voices":
        """Return these with what `make` makes of each, once, in its place."""
        made = {voice: make(voice) for voice in dict.fromkeys((*self.all, *filter(None, [self.last])))}
        by_language = {key: made[voice] for key, voice in self.by_language.items()}
        return Voices(made[self.default], by_language, self.lexicons, self.last and made[self.last])

    def voice_of(self, language: str) -> Voice | None:
        """Return who speaks `language`, None where nobody says so."""
        key = key_of(language)
        known = key and any(key_of(each) == key for each in self.default.languages)
        return self.by_language.get(key) or (self.default if known else None)

    def summary(self) -> Iterator[str]:
        """Yield each voice with what it speaks: "hibari: English"."""
        yield f"{self.default.name}: {self.default.language or 'its language is not known'}"
        for key, voice in self.by_language.items():
            yield f"{voice.name}: {named(key)}"

    def begins_in(self, expected: str) -> str:
        """Return what is spoken first: `expected`, which callers are to speak, where a voice of its own does."""
        return expected if self.by_language and self.voice_of(expected) else self.language

    def named(self, name: str, now: Voice) -> Voice:
        """Return the voice that a bot calls `name`: one of these, or another of the engine of `now` or of these.

        Raises:
            RuntimeError: there is none.
        """
        for voice in self.all:
            if voice.name == name:
                return voice
        plugin, _, variant = name.partition(":")
        for voice in self.all:
            if variant and voice.name.partition(":")[0] == plugin:
                return voice.variant(variant)
        return now.variant(name)

    def lexicon_of(self, language: str) -> Lexicon:
        """Return how the words of `language` are pronounced that are not read by rule."""
        return self.lexicons.get(key_of(language), _NO_LEXICON)


class CallVoices:
    """Which voice speaks on one call, in which language."""

    def __init__(self, voices: Voices, *, language: str | None = None, reading: Spoken = spoken) -> None:
        """`language`: what the bot speaks until it says otherwise; None is what the default voice speaks.

        `reading`: turns a written sentence into the words that a voice reads.
        """
        self._voices, self._reading = voices, reading
        self._usual = voices.language if language is None else language
        self._set = self._followed = ""
        self._chosen: dict[str, Voice] = {}  # by the language that was spoken then

    @property
    def language(self) -> str:
        """What is spoken now: what the bot has set, else what the caller speaks where a voice does, else the usual."""
        return self._set or self._followed or self._usual

    @language.setter
    def language(self, language: str) -> None:
        """Set what is spoken from the next sentence on; "" is as it was at the beginning."""
        self._set = language

    @property
    def now(self) -> Voice:
        """Who speaks what is in the language and its script."""
        chosen = self._chosen.get(key_of(self.language))
        return chosen or self._voices.voice_of(self.language) or self._voices.default

    def follow(self, language: str) -> None:
        """Note what the caller speaks: the bot answers in it, unless it has set a language or no voice speaks it."""
        self._followed = language if self._voices.voice_of(language) else ""

    def set_voice(self, name: str) -> None:
        """Have the voice `name` speak what is in the language of now.

        Raises:
            RuntimeError: there is none of this name.
        """
        self._chosen[key_of(self.language)] = self._voices.named(name, self.now)

    def renditions(self, text: str) -> Sequence[Rendition]:
        """Return how `text`, a sentence as written, may be said, the best first; none where no voice can read it."""
        used, read = written_in(text), dict[tuple[str, bool], str]()

        def aloud(voice: Voice) -> str:
            language = self._read_in(used, voice)
            key = (language, voice.takes_ipa)
            if key not in read:
                lexicon = self._voices.lexicon_of(language)
                read[key] = lexicon.apply(self._reading(text, language), ipa=voice.takes_ipa)
            return read[key]

        order = in_order(
            text,
            self.language,
            chosen=self._chosen.get(key_of(self.language)),
            by_language=self._voices.by_language,
            default=self._voices.default,
            last=self._voices.last,
            aloud=aloud,
        )
        return [Rendition(*one) for one in order]

    def _read_in(self, used: str, voice: Voice) -> str:
        """Return the language that figures and names are read in: another where the letters are not of the call's."""
        if is_written_so(self.language, used):
            return self.language
        spoken_by = next((key for key, each in self._voices.by_language.items() if each is voice), voice.language)
        return spoken_by or self.language
