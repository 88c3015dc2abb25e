"""What a client asks for in the query of Deepgram's streaming socket, as far as it can be given here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from telephony.client_audio import SAMPLE_RATE
from telephony.events import AudioFormat, Encoding
from telephony.jsontext import refusal
from telephony.malformed import Refused
from telephony.recognition import RecognitionOptions

ENCODINGS: Final = {
    "linear16": Encoding.L16,
    "linear32": Encoding.FLOAT32,
    "mulaw": Encoding.MULAW,
    "alaw": Encoding.ALAW,
}
ENDPOINTING_MS: Final = (0, 10_000)
SHORTEST_ENDPOINT_MS: Final = 200
"""A shorter `endpointing` counts as this: utterances are decoded whole, and less silence is a gap between words."""
UTTERANCE_END_MS: Final = (1000, 5000)
"""As Deepgram has it."""
MAX_KEYTERMS: Final = 100
MAX_TERM_CHARS: Final = 200
MAX_EXTRA: Final = 20
MAX_EXTRA_CHARS: Final = 2048
"""As Deepgram has it."""
_ANY: Final = frozenset({"model", "version", "tag", "mip_opt_out", "token"})
"""Taken and of no effect: they name Deepgram's models, its billing and what it may keep."""
_ALWAYS_ON: Final = frozenset({"punctuate", "smart_format"})
"""The recogniser writes marks and figures by itself: whether or not they are asked for, it does."""
_NEVER: Final = frozenset(
    {
        "diarize",
        "multichannel",
        "numerals",
        "dictation",
        "profanity_filter",
        "redact",
        "detect_entities",
        "detect_language",
        "filler_words",
        "measurements",
        "no_delay",
        "sentiment",
        "summarize",
        "topics",
        "intents",
    }
)
"""What is not done here: it may be told to be off."""


_USUAL: Final = AudioFormat(Encoding.L16, 16_000)


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """What one stream was asked for."""

    audio: AudioFormat = _USUAL
    encoding: str = "linear16"
    recognition: RecognitionOptions = field(default_factory=lambda: RecognitionOptions(words=True, partials=False))
    endpointing: bool = True
    """Whether `speech_final` is told."""
    utterance_end_ms: int = 0
    """Silence after the last word that `UtteranceEnd` tells; 0: it is not told."""
    vad_events: bool = False
    """Whether `SpeechStarted` is told."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """What the client wants to find in the metadata again."""


def listen_options(query: Iterable[tuple[str, str]], *, language_of: Callable[[str], str]) -> ListenOptions:
    """Return what `query`, pairs of name and value, asks for.

    `language_of` returns the English name of the language that a tag ("en-US") means here.

    Raises:
        Refused: something is unknown, wrong, or cannot be given here; the text names it. So does `language_of`.
    """
    asked = dict[str, list[str]]()
    for name, value in query:
        asked.setdefault(name.removesuffix("[]"), []).append(value)
    known = _ANY | _ALWAYS_ON | _NEVER | _READ
    if unknown := sorted(asked.keys() - known):
        raise Refused(f"query {unknown[0][:60]!r}: cannot be given here; allowed: {', '.join(sorted(_READ))}")
    for name in sorted(asked.keys() & _NEVER):
        if _truth(asked, name):
            raise Refused(f"query {name}: cannot be given here; leave it out, or false")
    for name in asked.keys() & _ALWAYS_ON:
        _truth(asked, name)
    encoding = _encoding(asked)
    _whole(asked, "channels", 1, between=(1, 1))
    endpointing, endpoint_ms = _endpointing(asked)
    interim = _truth(asked, "interim_results")
    utterance_end_ms = _whole(asked, "utterance_end_ms", 0, between=UTTERANCE_END_MS)
    if utterance_end_ms and not interim:
        raise Refused("query utterance_end_ms: needs interim_results=true")
    sample_rate = _whole(
        asked, "sample_rate", 8000 if ENCODINGS[encoding].sample_bytes == 1 else 0, between=SAMPLE_RATE
    )
    recognition = RecognitionOptions(
        context=", ".join(_terms(asked)),
        language=_language(asked, language_of),
        partials=interim,
        words=True,
        endpoint_ms=endpoint_ms,
    )
    return ListenOptions(
        AudioFormat(ENCODINGS[encoding], sample_rate),
        encoding,
        recognition,
        endpointing=endpointing,
        utterance_end_ms=utterance_end_ms,
        vad_events=_truth(asked, "vad_events"),
        extra=_extra(asked),
    )


_READ: Final = frozenset(
    {
        "encoding",
        "sample_rate",
        "channels",
        "endpointing",
        "interim_results",
        "utterance_end_ms",
        "vad_events",
        "language",
        "keyterm",
        "keywords",
        "extra",
    }
)
"""What has an effect."""
_Asked = Mapping[str, Sequence[str]]


def _encoding(asked: _Asked) -> str:
    if "encoding" not in asked:
        raise Refused(
            f"query encoding: got nothing; needed, as audio in a container is not read: {', '.join(ENCODINGS)}"
        )
    encoding = asked["encoding"][-1]
    if encoding not in ENCODINGS:
        raise refusal("encoding", encoding, ", ".join(ENCODINGS), where="query")
    return encoding


def _endpointing(asked: _Asked) -> tuple[bool, int | None]:
    """Return whether ends of speech are told, and the silence that is one; None is what the settings say."""
    value = asked.get("endpointing", ["true"])[-1].lower()
    if value in {"true", "false"}:
        return value == "true", None
    return True, max(SHORTEST_ENDPOINT_MS, _whole(asked, "endpointing", 0, between=ENDPOINTING_MS))


def _language(asked: _Asked, language_of: Callable[[str], str]) -> str | None:
    tag = asked.get("language", ["multi"])[-1]
    return None if tag.lower() == "multi" else language_of(tag)


def _terms(asked: _Asked) -> Sequence[str]:
    """Return the words to expect; how much each is wanted, behind its colon, is nothing that our engines take."""
    keywords = [term.rpartition(":")[0] or term for term in asked.get("keywords", ())]
    terms = [*asked.get("keyterm", ()), *keywords]
    if len(terms) > MAX_KEYTERMS or any(len(term) > MAX_TERM_CHARS for term in terms):
        raise Refused(f"query keyterm, keywords: at most {MAX_KEYTERMS} of at most {MAX_TERM_CHARS} characters each")
    return terms


def _extra(asked: _Asked) -> Mapping[str, str]:
    pairs = asked.get("extra", ())
    if len(pairs) > MAX_EXTRA or any(len(pair) > MAX_EXTRA_CHARS or ":" not in pair for pair in pairs):
        raise Refused(f"query extra: at most {MAX_EXTRA} of KEY:VALUE, at most {MAX_EXTRA_CHARS} characters each")
    return {key: value for key, _, value in (pair.partition(":") for pair in pairs)}


def _truth(asked: _Asked, name: str) -> bool:
    value = asked.get(name, ["false"])[-1].lower()
    if value not in {"true", "false"}:
        raise refusal(name, value, "true, false", where="query")
    return value == "true"


def _whole(asked: _Asked, name: str, default: int, *, between: tuple[int, int]) -> int:
    """Return a whole number; `default`, which need not lie in between, where it was not asked for and is not 0."""
    text = asked.get(name, [""])[-1]
    if name not in asked and (default or name == "utterance_end_ms"):
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and between[0] <= int(text) <= between[1]):
        raise refusal(name, text, f"a whole number from {between[0]} to {between[1]}", where="query")
    return int(text)
