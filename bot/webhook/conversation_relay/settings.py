"""What an application sets of its ConversationRelay session: in its TwiML, and during the call. Pure.

Names and defaults: https://www.twilio.com/docs/voice/twiml/connect/conversationrelay, and for changes during the call
https://www.twilio.com/docs/voice/conversationrelay/dynamic-configuration.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeVar

from bot.languages import named
from bot.webhook.fields import Fields, WrongField

T = TypeVar("T")


class InterruptedBy(StrEnum):
    """What of the caller ends what the bot says."""

    ANY = "any"
    SPEECH = "speech"
    DTMF = "dtmf"
    NONE = "none"

    @property
    def speech(self) -> bool:
        """Words do."""
        return self in {InterruptedBy.ANY, InterruptedBy.SPEECH}

    @property
    def keys(self) -> bool:
        """A key does."""
        return self in {InterruptedBy.ANY, InterruptedBy.DTMF}


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """Those that hold now. Languages are tags, e.g. "de-DE"; "" is what the bridge would take by itself."""

    interruptible: InterruptedBy = InterruptedBy.ANY
    greeting: str = ""
    greeting_interruptible: InterruptedBy = InterruptedBy.ANY
    preemptible: bool = False
    """What is said next may end it."""
    dtmf_detection: bool = True
    """Keys are told."""
    partial_prompts: bool = False
    """It is told what the caller seems to be saying."""
    speaker_events: bool = False
    """It is told when one side begins or ends to speak."""
    tokens_played: bool = False
    """It is told what the caller has heard."""
    hints: str = ""
    """Words that the caller may say, between commas."""
    tts_language: str = ""
    transcription_language: str = ""
    voice: str = ""
    voices: Mapping[str, str] = field(default_factory=dict)
    """By language."""

    def with_language(self, *, tts: str = "", transcription: str = "") -> "RelaySettings":
        """Return these with other languages, and the voice that was declared for what is spoken."""
        tts, transcription = tts or self.tts_language, transcription or self.transcription_language
        voice = self.voices.get(tts, self.voice)
        return replace(self, tts_language=tts, transcription_language=transcription, voice=voice)


def language_of(tag: str) -> str:
    """Return the English name; "" where the language is to be found out, or is not told."""
    return "" if tag.lower() == "multi" else named(tag)


# ------------------------------------------------------------ values


def interrupted_by(value: object, name: str) -> InterruptedBy:
    """Return what `value` names; true is any, false is none.

    Raises:
        WrongField: nothing that is known.
    """
    word = str(value).lower() if isinstance(value, str | bool) else ""
    word = {"true": "any", "false": "none"}.get(word, word)
    if word not in set(InterruptedBy):
        raise WrongField(name, value, f"one of {', '.join(InterruptedBy)}, true or false")
    return InterruptedBy(word)


def truth(value: object, name: str) -> bool:
    """Return true or false, which an attribute of TwiML spells.

    Raises:
        WrongField: it is neither.
    """
    known = {"true": True, "false": False}
    word = str(value).lower() if isinstance(value, str | bool) else ""
    if word not in known:
        raise WrongField(name, value, "true or false")
    return known[word]


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise WrongField(name, value, "a text")
    return value


def _words(value: object, name: str) -> str:
    """Texts are one text with commas: both forms are sent."""
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return ", ".join(value)
    if not isinstance(value, str):
        raise WrongField(name, value, "a text with commas, or a list of texts")
    return ", ".join(word.strip() for word in value.split(",") if word.strip())


def _events(settings: RelaySettings, value: object, name: str) -> RelaySettings:
    wanted = _text(value, name).replace(",", " ").split()
    return replace(
        settings,
        speaker_events=settings.speaker_events or "speaker-events" in wanted,
        tokens_played=settings.tokens_played or "tokens-played" in wanted,
    )


_Change = Callable[[RelaySettings, object, str], RelaySettings]


def _sets(field_name: str, read: Callable[[object, str], T]) -> _Change:
    def change(settings: RelaySettings, value: object, name: str) -> RelaySettings:
        return replace(settings, **{field_name: read(value, name)})  # type: ignore[arg-type]  # `read` is of its type

    return change


def _both(settings: RelaySettings, value: object, name: str) -> RelaySettings:
    tag = _text(value, name)
    return settings.with_language(tts=tag, transcription=tag)


_CHANGES: Final[Mapping[str, _Change]] = {
    "interruptible": _sets("interruptible", interrupted_by),
    "welcomeGreeting": _sets("greeting", _text),
    "welcomeGreetingInterruptible": _sets("greeting_interruptible", interrupted_by),
    "preemptible": _sets("preemptible", truth),
    "dtmfDetection": _sets("dtmf_detection", truth),
    "partialPrompts": _sets("partial_prompts", truth),
    "hints": _sets("hints", _words),
    "voice": _sets("voice", _text),
    "language": _both,
    "ttsLanguage": lambda settings, value, name: settings.with_language(tts=_text(value, name)),
    "transcriptionLanguage": lambda settings, value, name: settings.with_language(transcription=_text(value, name)),
    "events": _events,
    "debug": _events,
}
"""In the order in which they are taken: what is said of one language comes behind what is said of both."""

UNUSED: Final = frozenset(
    """
    transcriptionProvider ttsProvider speechModel textNormalization elevenlabsTextNormalization deepgramSmartFormat
    reportInputDuringAgentSpeech speechTimeout echoPromptFiltering interruptSensitivity ignoreBackchannel
    profanityFilter eotThreshold intelligenceService conversationConfiguration applicationReconnect
    """.split()
)
"""What Twilio has and the bridge decides by itself: the same voices and recognisers are not here."""


def changed(settings: RelaySettings, fields: Fields) -> RelaySettings:
    """Return `settings` with what `fields`, by Twilio's names, say; what is not in `_CHANGES` is left alone.

    Raises:
        WrongField: a field holds something of another kind.
    """
    for name, change in _CHANGES.items():
        if fields.get(name) is not None:
            settings = change(settings, fields[name], name)
    return settings


def unused(fields: Fields) -> list[str]:
    """Return the names of `fields` that change nothing here.

    Raises:
        WrongField: one of them is no name that Twilio has.
    """
    for name in fields:
        if name not in _CHANGES and name not in UNUSED:
            known = ", ".join(sorted({*_CHANGES, *UNUSED}))
            raise WrongField(name, fields[name], f"left out: what can be set is {known}")
    return sorted(UNUSED & fields.keys())
