"""The plain WebSocket protocol: JSON text and raw samples in, transcripts out."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from telephony.errors import LocalProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Capabilities,
    Command,
    Encoding,
    Event,
    Finalize,
    Problem,
    RecognitionOptions,
    Transcript,
)
from telephony.jsontext import FieldRefused, Fields, json_object, number_of, refusal, text_of, truth_of, whole_of
from telephony.malformed import Malformations, Refused
from telephony.media_time import MediaTime

ENCODINGS: Final = {
    "float32": Encoding.FLOAT32,
    "int16": Encoding.L16,
    "mulaw": Encoding.MULAW,
    "alaw": Encoding.ALAW,
}
DEFAULT_FORMAT: Final = AudioFormat(Encoding.FLOAT32, 16_000)
UNFIXED: Final = (0, 100)
"""Allowed for unfixed_chunk_num and unfixed_token_num; beyond it every partial is decoded from scratch anyway."""
CHUNK_SIZE_SEC: Final = (0.1, 30.0)
"""Ten partials a second at most; 30 s is the longest window of the recognisers."""
MAX_NEW_TOKENS: Final = (1, 1024)
"""1024 is more than anybody says in 30 s, in any script."""
SAMPLE_RATE: Final = (8000, 48_000)
"""From telephone to studio."""
MAX_CONTEXT_CHARS: Final = 10_000
MAX_LANGUAGE_CHARS: Final = 100
MAX_LANGUAGES: Final = 100
SCRIPTS: Final = ("native", "latin")
"""In which transcripts of languages of India are written."""
MAX_BINARY_BYTES: Final = 1024 * 1024
"""16 s of float32 at 16 kHz in one message."""
MAX_PEAK: Final = 2.0
"""Samples a little beyond [-1, 1] are clipped; beyond this their scale is wrong."""
MAX_MALFORMED: Final = 1000
"""Malformed messages, beyond the good ones, that a session survives."""


class PlainProtocol:
    """One session: CREATED -config, audio or finalize-> STARTED. The peer ends it by closing the socket."""

    capabilities = Capabilities(transcripts=True)
    types: tuple[str, ...] = ("config", "finalize")
    """What a text message may be."""

    def __init__(
        self,
        session_id: str,
        *,
        refuse_language: Callable[[str | None], str],
        scripts: Sequence[str] = SCRIPTS,
        max_bytes: int = MAX_BINARY_BYTES,
    ) -> None:
        """`max_bytes`: audio in one message.

        `scripts`: those that transcripts can be written in.
        `refuse_language` takes an English name, or None for any; it returns "", or why the engine cannot do it.
        """
        self._session_id, self._refuse_language, self._scripts = session_id, refuse_language, scripts
        self._started: CallStarted | None = None  # set by the first good config, audio or finalize
        self._max_bytes = max_bytes
        self._time = MediaTime(DEFAULT_FORMAT)
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[str | bytes]:
        return [to_json(type="session_created", session_id=self._session_id)]

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means.

        Raises:
            RemoteProtocolError: MAX_MALFORMED more messages were malformed than good.
        """
        try:
            events = self._audio(message) if isinstance(message, bytes) else self._control(json_object(message))
        except FieldRefused as why:
            return self._malformations.tell(Refused(f"{why.what}: got {_shown(why.value)}; allowed: {why.allowed}"))
        except Refused as why:
            return self._malformations.tell(why)
        self._malformations.good()
        return events

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`; none for a partial that the client did not want.

        Raises:
            LocalProtocolError: a transcript before the session began, or what this wire cannot do.
        """
        match command:
            case Transcript():
                return self._transcript(command)
            case Problem(message):
                return [to_json(type="error", message=message)]
        raise LocalProtocolError(f"the plain protocol has no message for {type(command).__name__}")

    def _transcript(self, transcript: Transcript) -> Sequence[str]:
        if self._started is None or self._started.options is None:
            raise LocalProtocolError("transcript before the session began")
        fields = {"language": transcript.language, "text": transcript.text, "timestamp": transcript.timestamp}
        if transcript.final:
            return [to_json(type="final", **fields, is_speech_final=True)]
        return [to_json(type="partial", **fields)] if self._started.options.partials else ()

    def _control(self, message: Fields) -> Sequence[Event]:
        match message.get("type"):
            case "config":
                return [self._config(message)]
            case "finalize":
                return [*self._begin(), Finalize()]
            case other:
                raise refusal("type", other, ", ".join(f'"{name}"' for name in self.types))

    def _config(self, message: Fields) -> CallStarted:
        if self._started is not None:
            raise Refused(
                'field type: got "config" when the session has begun; allowed: one, before audio and finalize'
            )
        audio, options = _format(message), _options(message)
        if unknown := set(message) - _CONFIG_FIELDS:
            name = min(unknown)
            raise Refused(f"field {_shown(name)}: unknown in config; allowed: {', '.join(sorted(_CONFIG_FIELDS))}")
        if why := self._refuse_language(options.language):
            raise Refused(f"field language: got {_shown(options.language)}; {why}")
        for language in options.languages:
            if why := self._refuse_language(language):
                raise Refused(f"field languages: got {_shown(language)}; {why}")
        if options.script and options.script not in self._scripts:
            raise Refused(
                f"field script: got {_shown(options.script)}; allowed: {', '.join(map(_shown, self._scripts))}"
                + ("; latin needs the extra transliteration on the server" if options.script in SCRIPTS else "")
            )
        self._time = MediaTime(audio)
        self._started = CallStarted(self._session_id, audio, options=options)
        return self._started

    def _begin(self) -> Sequence[CallStarted]:
        """Begin with the defaults where no config came first."""
        if self._started is not None:
            return ()
        self._started = CallStarted(self._session_id, DEFAULT_FORMAT, options=RecognitionOptions())
        return (self._started,)

    def _audio(self, payload: bytes) -> Sequence[Event]:
        audio = self._time.audio
        size = audio.encoding.sample_bytes
        if len(payload) > self._max_bytes:
            raise Refused(f"audio: got {len(payload)} bytes in one message; allowed: at most {self._max_bytes}")
        if len(payload) % size:
            raise Refused(
                f"audio: got {len(payload)} bytes; allowed: a multiple of {size}, as samples are {_name(audio)}"
            )
        if not payload:
            return ()
        if audio.encoding is Encoding.FLOAT32:
            payload = _checked(payload)
        return [*self._begin(), self._time.place(payload)]


def _format(config: Fields) -> AudioFormat:
    encoding = config.get("encoding", "float32")
    if not isinstance(encoding, str) or encoding not in ENCODINGS:
        raise refusal("encoding", encoding, ", ".join(f'"{name}"' for name in ENCODINGS))
    sample_rate = whole_of(config, "sample_rate", DEFAULT_FORMAT.sample_rate, between=SAMPLE_RATE)
    return AudioFormat(ENCODINGS[encoding], sample_rate)


def _options(config: Fields) -> RecognitionOptions:
    default = RecognitionOptions()
    language = config.get("language")
    return RecognitionOptions(
        context=text_of({"context": "", **config}, "context", at_most=MAX_CONTEXT_CHARS),
        language=None if language is None else text_of(config, "language", at_most=MAX_LANGUAGE_CHARS),
        unfixed_chunk_num=whole_of(config, "unfixed_chunk_num", default.unfixed_chunk_num, between=UNFIXED),
        unfixed_token_num=whole_of(config, "unfixed_token_num", default.unfixed_token_num, between=UNFIXED),
        chunk_size_sec=number_of(config, "chunk_size_sec", default.chunk_size_sec, between=CHUNK_SIZE_SEC),
        max_new_tokens=whole_of(config, "max_new_tokens", default.max_new_tokens, between=MAX_NEW_TOKENS),
        partials=truth_of(config, "partials", default.partials),
        languages=_languages(config),
        script=text_of({"script": "", **config}, "script", at_most=MAX_LANGUAGE_CHARS),
    )


def _languages(config: Fields) -> tuple[str, ...]:
    named = config.get("languages", [])
    if not isinstance(named, list) or len(named) > MAX_LANGUAGES:
        raise refusal("languages", named, f"a list of at most {MAX_LANGUAGES} English names")
    return tuple(text_of({"languages": name}, "languages", at_most=MAX_LANGUAGE_CHARS) for name in named)


_CONFIG_FIELDS: Final = frozenset(
    "type context language languages script unfixed_chunk_num unfixed_token_num chunk_size_sec max_new_tokens "
    "partials sample_rate encoding".split()
)


def _checked(payload: bytes) -> bytes:
    """Return float32 samples clipped to [-1, 1]."""
    samples = np.frombuffer(payload, "<f4")
    peak = float(max(samples.max(), -samples.min()))
    if not math.isfinite(peak):
        worst = samples[~np.isfinite(samples)][0]
        raise Refused(f"audio: got a sample that is {worst}; allowed: finite numbers in [-1, 1]")
    if peak > MAX_PEAK:
        raise Refused(f"audio: got a peak of {peak:g}; allowed: [-1, 1]; int16 samples go as such or divided by 32768")
    return bytes(samples.clip(-1.0, 1.0)) if peak > 1.0 else payload


def _shown(value: object) -> str:
    """Return the beginning of `value` as the client wrote it."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return json.dumps(value if len(value) <= 60 else value[:60] + "...", ensure_ascii=False)
        case _:
            return json.dumps(value)[:60]


def _name(audio: AudioFormat) -> str:
    return next(name for name, encoding in ENCODINGS.items() if encoding is audio.encoding)


def to_json(**fields: object) -> str:
    """Return one line of readable JSON: Devanagari stays Devanagari; what is no text at all becomes "?"."""
    return json.dumps(fields, ensure_ascii=False).encode(errors="replace").decode()
