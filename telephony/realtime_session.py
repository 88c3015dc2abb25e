"""The session of OpenAI's Realtime protocol: what a client may set, what it is told of it, and what is refused.

Field names as in OpenAI's reference and SDKs of November 2026, and as in the beta before (`OpenAI-Beta: realtime=v1`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from telephony.events import AudioFormat, Encoding
from telephony.jsontext import Fields
from telephony.malformed import Refused
from telephony.recognition import RecognitionOptions

FORMATS: Final[Mapping[str, AudioFormat]] = {
    "audio/pcm": AudioFormat(Encoding.L16, 24_000),
    "audio/pcmu": AudioFormat(Encoding.MULAW, 8000),
    "audio/pcma": AudioFormat(Encoding.ALAW, 8000),
}
_OF_THE_BETA: Final = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_BETA_NAMES: Final = {new: old for old, new in _OF_THE_BETA.items()}
SILENCE_MS: Final = (200, 10_000)
WHEN_ASKED_MS: Final = 10 * 60_000
"""The silence that ends an utterance where the client says when it ends: it never comes to that."""
MAX_TEXT: Final = 20_000
MAX_KEYWORDS: Final = 100


class NotGiven(Refused):
    """A field that cannot be given, or not any more."""

    def __init__(self, param: str, why: str, code: str = "invalid_value") -> None:
        super().__init__(f"{param}: {why}")
        self.param, self.why, self.code = param, why, code


@dataclass(frozen=True, slots=True)
class RealtimeSession:
    """What is in force."""

    transcription_only: bool = False
    audio: str = "audio/pcm"
    """Of FORMATS, both ways."""
    transcribes: bool = False
    """Whether the client is told what was said; a session for transcripts always is."""
    model: str = ""
    """Of the transcription, as the client calls it."""
    language: str = ""
    """As the client wrote it, e.g. "en"."""
    prompt: str = ""
    keywords: tuple[str, ...] = ()
    detection: str = "server_vad"
    """Or "semantic_vad", or "" where the client says itself where an utterance ends."""
    silence_ms: int | None = None
    create_response: bool = True
    instructions: str = ""

    @property
    def format(self) -> AudioFormat:
        return FORMATS[self.audio]

    def recognition(self, language_of: Callable[[str], str]) -> RecognitionOptions:
        """Return what the recogniser is asked for."""
        return RecognitionOptions(
            context=" ".join(filter(None, [self.prompt, ", ".join(self.keywords)])),
            language=language_of(self.language) if self.language else None,
            partials=self.transcribes,
            endpoint_ms=self.silence_ms if self.detection else WHEN_ASKED_MS,
        )


def update(
    session: RealtimeSession, asked: Fields, *, begun: bool, language_of: Callable[[str], str]
) -> tuple[RealtimeSession, Sequence[NotGiven]]:
    """Return `session` with what of `asked` can be given, and why the rest cannot.

    `begun`: audio has come, so that only some fields may change. `language_of`: as for `listen_options`.
    """
    faults: list[NotGiven] = []
    for param, value in sorted(_leaves(asked, "session"), key=lambda leaf: "output" in leaf[0]):  # as the input says
        try:
            session = _set(session, param, value, begun=begun, language_of=language_of)
        except NotGiven as why:
            faults.append(why)
        except Refused as why:
            faults.append(NotGiven(param, str(why)))
    return session, faults


def check_response(session: RealtimeSession, asked: Fields) -> None:
    """Check that a response can be as `asked`, the `response` of `response.create`.

    Raises:
        NotGiven: it cannot: here it is as the session says.
    """
    for name, taken in _OF_RESPONSES.items():
        if not taken(asked.get(name)):
            raise NotGiven(f"response.{name}", "cannot be given here", "unsupported_value")
    rest = {name: value for name, value in asked.items() if name not in _OF_RESPONSES}
    changed, faults = update(session, rest, begun=True, language_of=lambda tag: tag)
    for fault in faults:
        raise NotGiven(fault.param.replace("session", "response", 1), fault.why, fault.code)
    if changed != session:
        raise NotGiven("response", "it is as the session says", "unsupported_value")


def _leaves(fields: Fields, path: str) -> Sequence[tuple[str, object]]:
    """Return every field with its path; those of `audio` and what is in it, each by itself."""
    found: list[tuple[str, object]] = []
    for name, value in fields.items():
        inner = f"{path}.{name[:60]}"
        if inner in _BRANCHES and isinstance(value, dict):
            found += _leaves(value, inner)
        else:
            found.append((inner, value))
    return found


_BRANCHES: Final = {"session.audio", "session.audio.input", "session.audio.output"}


def _set(
    session: RealtimeSession,
    param: str,
    value: object,
    *,
    begun: bool,
    language_of: Callable[[str], str],
) -> RealtimeSession:
    match param.removeprefix("session."):
        case "type":
            own = "transcription" if session.transcription_only else "realtime"
            if value != own:
                raise NotGiven(
                    param, f"this session is of type {own!r}; ?intent=transcription of the address says which"
                )
            return session
        case "audio.input.format" | "audio.output.format" | "input_audio_format" | "output_audio_format":
            return _with_audio(session, param, value)
        case "audio.input.transcription" | "input_audio_transcription":
            changed = _with_transcription(session, param, value, language_of)
        case "audio.input.turn_detection" | "turn_detection":
            changed = _with_detection(session, param, value)
        case "instructions":
            if not isinstance(value, str) or len(value) > MAX_TEXT:
                raise NotGiven(param, f"allowed: text of at most {MAX_TEXT} characters")
            changed = replace(session, instructions=value)
        case name:
            if name not in _TAKEN or not _TAKEN[name](value):
                raise NotGiven(param, _WHY.get(name, "cannot be given here"), "unsupported_value")
            return session
    if begun and changed != replace(session, transcribes=changed.transcribes, model=changed.model):
        raise NotGiven(param, "cannot change once audio has come", "session_begun")
    return changed


def _with_audio(session: RealtimeSession, param: str, value: object) -> RealtimeSession:
    name = value.get("type") if isinstance(value, dict) else _OF_THE_BETA.get(value if isinstance(value, str) else "")
    if not isinstance(name, str) or name not in FORMATS:
        raise NotGiven(param, f"allowed: {', '.join(FORMATS)}")
    if isinstance(value, dict) and value.get("rate", FORMATS[name].sample_rate) != FORMATS[name].sample_rate:
        raise NotGiven(f"{param}.rate", f"allowed: {FORMATS[name].sample_rate}")
    if "output" in param and name != session.audio:
        raise NotGiven(param, f"audio goes both ways in one format, which is {session.audio}")
    return replace(session, audio=name)


def _with_transcription(
    session: RealtimeSession,
    param: str,
    value: object,
    language_of: Callable[[str], str],
) -> RealtimeSession:
    if value is None:
        return replace(session, transcribes=session.transcription_only)
    if not isinstance(value, dict):
        raise NotGiven(param, "allowed: an object, or null")
    if unknown := sorted(value.keys() - {"model", "language", "prompt", "keywords"}):
        raise NotGiven(f"{param}.{unknown[0][:60]}", "cannot be given here", "unsupported_value")
    model, language, prompt = (_text(value, name, param) for name in ("model", "language", "prompt"))
    if language:
        language_of(language)
    keywords = value.get("keywords") or []
    if not isinstance(keywords, list) or len(keywords) > MAX_KEYWORDS or any(not isinstance(k, str) for k in keywords):
        raise NotGiven(f"{param}.keywords", f"allowed: at most {MAX_KEYWORDS} texts")
    return replace(
        session, transcribes=True, model=model, language=language, prompt=prompt, keywords=tuple(map(str, keywords))
    )


def _text(fields: Fields, name: str, param: str) -> str:
    text = fields.get(name) or ""
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise NotGiven(f"{param}.{name}", f"allowed: text of at most {MAX_TEXT} characters")
    return text


def _with_detection(session: RealtimeSession, param: str, value: object) -> RealtimeSession:
    if value is None:
        return replace(session, detection="", create_response=False)
    if not isinstance(value, dict):
        raise NotGiven(param, "allowed: an object, or null")
    if unknown := sorted(value.keys() - _DETECTION):
        raise NotGiven(f"{param}.{unknown[0][:60]}", "cannot be given here", "unsupported_value")
    kind = value.get("type", "server_vad")
    if kind not in {"server_vad", "semantic_vad"}:
        raise NotGiven(f"{param}.type", "allowed: server_vad, semantic_vad, or null for the whole")
    silence_ms = value.get("silence_duration_ms")
    if silence_ms is not None:
        if not isinstance(silence_ms, int) or isinstance(silence_ms, bool):
            raise NotGiven(f"{param}.silence_duration_ms", "allowed: a whole number")
        silence_ms = min(max(SILENCE_MS[0], silence_ms), SILENCE_MS[1])
    if value.get("interrupt_response") is False:
        raise NotGiven(f"{param}.interrupt_response", "who speaks interrupts here, unless the bot forbids it")
    if value.get("idle_timeout_ms") is not None:
        raise NotGiven(f"{param}.idle_timeout_ms", "--no-input-timeout of the server says it", "unsupported_value")
    created = value.get("create_response", True) is not False
    return replace(session, detection=kind, silence_ms=silence_ms, create_response=created)


_DETECTION: Final = frozenset(
    {
        *("type", "silence_duration_ms", "create_response", "interrupt_response", "idle_timeout_ms"),
        *("threshold", "prefix_padding_ms", "eagerness"),  # of no effect: the server's settings say these
    }
)
_NOTHING: Final[Sequence[object]] = (None, [], {}, "")
_TAKEN: Final[Mapping[str, Callable[[object], bool]]] = {
    "model": lambda value: isinstance(value, str),
    "voice": lambda value: value is None or isinstance(value, str | dict),
    "audio.output.voice": lambda value: value is None or isinstance(value, str | dict),
    "audio.output.speed": lambda value: value in (None, 1),
    "speed": lambda value: value in (None, 1),
    "modalities": lambda value: isinstance(value, list) and "audio" in value,
    "output_modalities": lambda value: value in (None, ["audio"]),
    "temperature": lambda value: value is None or isinstance(value, int | float),
    "max_response_output_tokens": lambda value: value in (None, "inf"),
    "max_output_tokens": lambda value: value in (None, "inf"),
    "tools": lambda value: value in _NOTHING,
    "tool_choice": lambda value: value in (None, "auto", "none"),
    "parallel_tool_calls": lambda value: value is None,
    "include": lambda value: value in _NOTHING,
    "prompt": lambda value: value is None,
    "reasoning": lambda value: value is None,
    "tracing": lambda value: value is None,
    "truncation": lambda value: value in (None, "auto"),
    "audio.input.noise_reduction": lambda value: value is None,
    "input_audio_noise_reduction": lambda value: value is None,
    "id": lambda value: isinstance(value, str),
    "object": lambda value: isinstance(value, str),
    "expires_at": lambda value: value is None or isinstance(value, int),
    "client_secret": lambda value: value is None,
}
"""What may be said and has no effect: what is the server's own here, and what asks for nothing."""
_OF_RESPONSES: Final[Mapping[str, Callable[[object], bool]]] = {
    "conversation": lambda value: value in (None, "auto"),
    "input": lambda value: value is None,
    "instructions": lambda value: value in (None, ""),
    "metadata": lambda value: value in (None, {}),
}
"""What only a response has; the rest of it is said of a session, too."""
_WHY: Final = {
    "tools": "the bot has tools of its own",
    "output_modalities": "the bot speaks",
    "modalities": "the bot speaks",
    "audio.input.noise_reduction": "--enable-noise-suppression of the server says it",
    "input_audio_noise_reduction": "--enable-noise-suppression of the server says it",
    "audio.output.speed": "--tts-speed of the server says it",
    "include": "the recogniser gives no probabilities",
}


def as_json(session: RealtimeSession, session_id: str, *, voice: str, bot: str, beta: bool) -> dict[str, object]:
    """Return what is in force, as the client is told it. `voice`, `bot`: those of the server."""
    detection = {
        "type": session.detection,
        "silence_duration_ms": session.silence_ms,
        "create_response": session.create_response,
        "interrupt_response": True,
    }
    detects = {name: value for name, value in detection.items() if value is not None} if session.detection else None
    transcribing = {"model": session.model, "language": session.language or None, "prompt": session.prompt}
    transcription = transcribing if session.transcribes else None
    named = {"id": session_id, "object": "realtime.session"}
    if beta:
        audio = _BETA_NAMES[session.audio]
        heard = {"input_audio_format": audio, "input_audio_transcription": transcription, "turn_detection": detects}
        spoken = {"output_audio_format": audio, "modalities": ["audio", "text"], "voice": voice}
        own = {"model": bot, "instructions": session.instructions, "tools": [], "tool_choice": "auto"}
        return {**named, **heard} if session.transcription_only else {**named, **heard, **spoken, **own}
    form = {"type": session.audio, "rate": session.format.sample_rate}
    form = form if session.audio == "audio/pcm" else {"type": session.audio}
    hears = {"format": form, "transcription": transcription, "noise_reduction": None, "turn_detection": detects}
    if session.transcription_only:
        return {**named, "type": "transcription", "audio": {"input": hears}}
    says = {"format": form, "voice": voice, "speed": 1.0}
    own = {"model": bot, "instructions": session.instructions, "output_modalities": ["audio"], "tools": []}
    return {**named, "type": "realtime", **own, "audio": {"input": hears, "output": says}}
