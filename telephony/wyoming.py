"""Wyoming, Home Assistant's protocol for speech services over TCP: audio for transcripts, texts for audio.

Names and order of messages as in https://github.com/OHF-Voice/wyoming (README) and its Python package 1.10. There is no
authentication. Who asks for what cannot be given would wait for ever: a refusal is an `error`, and the connection ends.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from telephony.client_audio import MAX_AUDIO_BYTES, SAMPLE_RATE, ClientAudio
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Command,
    Encoding,
    Event,
    Media,
    Owed,
    Problem,
    Transcript,
)
from telephony.jsontext import Fields, object_of, refusal, text_of, whole_of
from telephony.malformed import Refused
from telephony.recognition import RecognitionOptions
from telephony.wyoming_messages import MAX_NAME, WyomingMessage, WyomingMessages, message

MAX_INPUT: Final = 4096
"""Characters to be said."""


@dataclass(frozen=True, slots=True)
class Synthesis:
    """The client wants `text` to be said."""

    text: str
    voice: str = ""
    """Name of the voice; "" is the server's usual one."""
    language: str = ""
    """Tag of the language ("en-US"); "" is the usual one."""


def error(text: str) -> bytes:
    """Return the message that says what went wrong."""
    return message("error", text=text, code="refused")


class WyomingProtocol:
    """One connection: any number of utterances, one after the other, each a call from audio-start to audio-stop."""

    capabilities = Capabilities(transcripts=True)

    def __init__(
        self,
        session_id: str,
        *,
        info: Mapping[str, object] | None = None,
        language_of: Callable[[str], str] = lambda tag: tag,
        max_bytes: int = MAX_AUDIO_BYTES,
    ) -> None:
        """`info`: what `describe` is answered with. `language_of`: as for `listen_options`. `max_bytes`: a payload."""
        self._id, self._info, self._language_of, self._max_bytes = session_id, info or {}, language_of, max_bytes
        self._messages = WyomingMessages(max_bytes=max_bytes)
        self._calls = 0
        self._language: str | None = None  # asked for by the newest `transcribe`
        self._audio: ClientAudio | None = None  # between audio-start and audio-stop
        self._finals = list[Transcript]()  # of this utterance

    def open(self) -> Sequence[bytes]:
        """Return nothing: the client speaks first."""
        return ()

    def receive(self, data: bytes, /) -> Sequence[Event | Synthesis]:
        """Return what `data`, any piece of the stream, means.

        Raises:
            RemoteProtocolError: it is none of Wyoming's, or asks for what cannot be given.
        """
        events: list[Event | Synthesis] = []
        try:
            for each in self._messages.feed(data):
                events += self._understand(each)
        except Refused as why:
            raise RemoteProtocolError(str(why)) from None
        return events

    def send(self, command: Command, /) -> Sequence[bytes]:
        """Return the messages that carry out `command`: the final of a piece of the utterance, as it comes.

        Raises:
            LocalProtocolError: what this wire cannot do.
        """
        match command:
            case Transcript(final=False) | Problem():
                return ()
            case Transcript(text=text):
                begun = bool(self._finals)
                if text:
                    self._finals.append(command)
                    piece = message("transcript-chunk", text=f" {text}" if begun else text)
                    return [piece] if begun else [message("transcript-start"), piece]
                return ()
        raise LocalProtocolError(f"Wyoming has no message for {type(command).__name__}")

    def over(self) -> Sequence[bytes]:
        """Return what ends an utterance: all of its text, for clients that take no pieces, too."""
        finals, self._finals = self._finals, []
        text = " ".join(final.text for final in finals)
        whole = [message("transcript", text=text), message("transcript-stop")]
        return whole if finals else [message("transcript-start"), *whole]

    def _understand(self, asked: WyomingMessage) -> Sequence[Event | Synthesis]:
        data = asked.data
        match asked.kind:
            case "describe":
                return [Owed([message("info", **self._info)])]
            case "ping":
                return [
                    Owed([message("pong", **({"text": data["text"]} if isinstance(data.get("text"), str) else {}))])
                ]
            case "transcribe":
                tag = _optional(data, "language")
                self._language = self._language_of(tag) if tag else None
                return ()
            case "audio-start":
                if self._audio:
                    raise Refused("audio-start: the audio before it has not ended; allowed: audio-stop first")
                return self._start(_format(data))
            case "audio-chunk":
                return self._chunk(_format(data), asked.payload)
            case "audio-stop":
                return self._stop()
            case "synthesize":
                return [_synthesis(data)]
        allowed = '"describe", "ping", "transcribe", "audio-start", "audio-chunk", "audio-stop", "synthesize"'
        raise refusal("type", asked.kind, allowed)

    def _start(self, audio: AudioFormat) -> Sequence[Event]:
        self._calls += 1
        self._audio = ClientAudio(audio, name="signed 16 bit", max_bytes=self._max_bytes)
        options = RecognitionOptions(language=self._language, partials=False)
        return [CallStarted(f"{self._id}-{self._calls}", audio, options=options)]

    def _chunk(self, audio: AudioFormat, payload: bytes) -> Sequence[Event]:
        started = () if self._audio else self._start(audio)
        assert self._audio
        if audio != self._audio.audio:
            raise Refused(f"rate: got {audio.sample_rate}; allowed: {self._audio.audio.sample_rate}, as before")
        return [*started, *(each for each in self._audio.take(payload) if isinstance(each, Media))]

    def _stop(self) -> Sequence[Event]:
        if self._audio is None:  # a stream that held nothing has no words
            return [Owed(self.over())]
        self._audio = None
        return [CallEnded("the audio has ended")]


def _optional(data: Fields, name: str, *, where: str = "") -> str:
    return "" if data.get(name) is None else text_of(data, name, where=where, at_most=MAX_NAME)


def _format(data: Fields) -> AudioFormat:
    for name, only in (("width", 2), ("channels", 1)):
        if data.get(name) != only:
            raise refusal(name, data.get(name), str(only))
    return AudioFormat(Encoding.L16, whole_of(data, "rate", 0, between=SAMPLE_RATE))


def _synthesis(data: Fields) -> Synthesis:
    text = text_of(data, "text", at_most=MAX_INPUT)
    if not text.strip():
        raise Refused("field text: there is nothing to say")
    voice = object_of(data, "voice") if data.get("voice") is not None else {}
    if voice.get("speaker"):
        raise refusal("speaker", voice["speaker"], "none: each voice is one speaker", where="voice")
    return Synthesis(text, _optional(voice, "name", where="voice"), _optional(voice, "language", where="voice"))
