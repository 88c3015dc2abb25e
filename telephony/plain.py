"""The plain WebSocket protocol: JSON text and raw samples in, transcripts out."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from telephony.client_audio import MAX_AUDIO_BYTES, SAMPLE_RATE, ClientAudio
from telephony.errors import LocalProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Capabilities,
    Command,
    Encoding,
    Event,
    Finalize,
    Malformed,
    Media,
    Problem,
    Transcript,
)
from telephony.jsontext import (
    FieldRefused,
    Fields,
    json_object,
    number_of,
    refusal,
    text_of,
    to_json,
    truth_of,
    whole_of,
)
from telephony.malformed import MAX_MALFORMED_OF_CLIENTS, Malformations, Refused
from telephony.recognition import RecognitionOptions

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
MAX_CONTEXT_CHARS: Final = 10_000
MAX_LANGUAGE_CHARS: Final = 100
MAX_LANGUAGES: Final = 100
SCRIPTS: Final = ("native", "latin")
"""In which transcripts of languages of India are written."""


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
        max_bytes: int = MAX_AUDIO_BYTES,
    ) -> None:
        """`max_bytes`: audio in one message.

        `scripts`: those that transcripts can be written in.
        `refuse_language` takes an English name, or None for any; it returns "", or why the engine cannot do it.
        """
        self._session_id, self._refuse_language, self._scripts = session_id, refuse_language, scripts
        self._taken = dict[str, Any]()  # what was right of configs so far
        self._configured = False  # a config has come, right or not
        self._started: CallStarted | None = None  # set by the first config, audio or finalize
        self._max_bytes = max_bytes
        self._hear_in(DEFAULT_FORMAT)
        self._malformations = Malformations(at_most=MAX_MALFORMED_OF_CLIENTS)

    def open(self) -> Sequence[str | bytes]:
        return [to_json(type="session_created", session_id=self._session_id)]

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means.

        Raises:
            RemoteProtocolError: MAX_MALFORMED_OF_CLIENTS more messages were malformed than good.
        """
        try:
            if isinstance(message, bytes):
                events = self._audio(message)
            else:
                fields = json_object(message)
                if fields.get("type") == "config":
                    return self._config(fields)
                events = self._control(fields)
        except Refused as why:
            return self._malformed(why)
        self._malformations.good()
        return events

    def quiet(self) -> Sequence[Event]:
        """Nothing has come for a moment: begin, where a config has come of which not all was right."""
        return self._begin() if self._configured else ()

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
            words = [{"word": word, "start_ms": start, "end_ms": end} for word, start, end in transcript.words]
            timed = {"words": words} if self._started.options.words else {}
            return [to_json(type="final", **fields, is_speech_final=True, **timed)]
        return [to_json(type="partial", **fields)] if self._started.options.partials else ()

    def _malformed(self, why: Refused) -> Sequence[Malformed]:
        if isinstance(why, FieldRefused):
            why = Refused(f"{why.what}: got {_shown(why.value)}; allowed: {why.allowed}")
        return self._malformations.tell(why)

    def _control(self, message: Fields) -> Sequence[Event]:
        match message.get("type"):
            case "finalize":
                return [*self._begin(), Finalize()]
            case other:
                raise refusal("type", other, ", ".join(f'"{name}"' for name in self.types))

    def _config(self, message: Fields) -> Sequence[Event]:
        """Take what is right of `message`, and name the rest: then a better config may follow, before audio."""
        if self._started is not None:
            raise Refused(
                'field type: got "config" when the session has begun; allowed: one, before audio and finalize'
            )
        self._configured = True
        faults = dict[str, Refused]()
        for name in message.keys() & _READERS.keys():
            try:
                self._taken[name] = self._accepted(name, _READERS[name](message, name))
            except Refused as why:
                faults[name] = why
        if unknown := sorted(message.keys() - _READERS.keys() - {"type"}):
            faults["unknown"] = _unknown(unknown)
        self._hear_in(_format(self._taken))
        if faults:
            return [fault for _, why in sorted(faults.items()) for fault in self._malformed(why)]
        self._malformations.good()
        return self._begin()

    def _accepted(self, name: str, value: object) -> object:
        """Return `value`, unless it is a language that the engine does not know, or a script that it does not write."""
        for language in value if isinstance(value, tuple) else [value] if name == "language" else []:
            if why := self._refuse_language(None if language is None else str(language)):
                raise Refused(f"field {name}: got {_shown(language)}; {why}")
        if name == "script" and value and value not in self._scripts:
            raise Refused(
                f"field script: got {_shown(value)}; allowed: {', '.join(map(_shown, self._scripts))}"
                + ("; latin needs the extra transliteration on the server" if value in SCRIPTS else "")
            )
        return value

    def _hear_in(self, audio: AudioFormat) -> None:
        name = next(name for name, encoding in ENCODINGS.items() if encoding is audio.encoding)
        self._heard = ClientAudio(audio, name=name, max_bytes=self._max_bytes)

    def _begin(self) -> Sequence[CallStarted]:
        """Begin with what was taken of configs so far, and with the defaults for the rest."""
        if self._started is not None:
            return []
        options = {name: value for name, value in self._taken.items() if name not in _FORMAT}
        recognition = replace(RecognitionOptions(), **options)
        self._started = CallStarted(self._session_id, self._heard.audio, options=recognition)
        return [self._started]

    def _audio(self, payload: bytes) -> Sequence[Event]:
        heard = self._heard.take(payload)
        return [*self._begin(), *heard] if any(isinstance(event, Media) for event in heard) else heard


def _encoding(config: Fields, name: str) -> str:
    encoding = config.get(name)
    if not isinstance(encoding, str) or encoding not in ENCODINGS:
        raise refusal(name, encoding, ", ".join(f'"{known}"' for known in ENCODINGS))
    return encoding


def _language(config: Fields, name: str) -> str | None:
    return None if config.get(name) is None else text_of(config, name, at_most=MAX_LANGUAGE_CHARS)


def _languages(config: Fields, name: str) -> tuple[str, ...]:
    named = config.get(name)
    if not isinstance(named, list) or len(named) > MAX_LANGUAGES:
        raise refusal(name, named, f"a list of at most {MAX_LANGUAGES} English names")
    return tuple(text_of({name: each}, name, at_most=MAX_LANGUAGE_CHARS) for each in named)


def _whole(between: tuple[int, int]) -> Callable[[Fields, str], int]:
    return lambda config, name: whole_of(config, name, 0, between=between)


_READERS: Final[Mapping[str, Callable[[Fields, str], object]]] = {
    "context": lambda config, name: text_of(config, name, at_most=MAX_CONTEXT_CHARS),
    "language": _language,
    "languages": _languages,
    "script": lambda config, name: text_of(config, name, at_most=MAX_LANGUAGE_CHARS),
    "unfixed_chunk_num": _whole(UNFIXED),
    "unfixed_token_num": _whole(UNFIXED),
    "chunk_size_sec": lambda config, name: number_of(config, name, 0.0, between=CHUNK_SIZE_SEC),
    "max_new_tokens": _whole(MAX_NEW_TOKENS),
    "partials": lambda config, name: truth_of(config, name, True),
    "words": lambda config, name: truth_of(config, name, False),
    "sample_rate": _whole(SAMPLE_RATE),
    "encoding": _encoding,
}
"""The fields of a config: each returns its value, or refuses it."""
_FORMAT: Final = {"sample_rate", "encoding"}


def _format(taken: Mapping[str, Any]) -> AudioFormat:
    return AudioFormat(
        ENCODINGS[taken.get("encoding", "float32")], taken.get("sample_rate", DEFAULT_FORMAT.sample_rate)
    )


def _unknown(names: Sequence[str]) -> Refused:
    """Return the refusal of fields that there are not; it names a few of many."""
    shown = ", ".join(_shown(name) for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    known = ", ".join(sorted({"type", *_READERS}))
    return Refused(f"field{'s' * (len(names) > 1)} {shown}{more}: unknown in config; allowed: {known}")


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
