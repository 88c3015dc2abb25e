"""Deepgram's streaming socket, `/v1/listen`: raw samples in, transcripts out.

Messages and their fields as in Deepgram's documents and SDKs of November 2026. To the client: Results, SpeechStarted,
UtteranceEnd, Metadata, Error. From the client: binary audio, KeepAlive, Finalize, CloseStream.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from telephony.client_audio import MAX_AUDIO_BYTES, ClientAudio
from telephony.deepgram_query import ListenOptions
from telephony.errors import LocalProtocolError
from telephony.events import (
    CallEnded,
    CallStarted,
    Capabilities,
    Command,
    Event,
    Finalize,
    Malformed,
    Media,
    Owed,
    Problem,
    SpeechStarted,
    SpeechStopped,
    StillThere,
    Transcript,
)
from telephony.jsontext import Fields, json_object, refusal, to_json
from telephony.malformed import MAX_MALFORMED_OF_CLIENTS, Malformations, Refused
from telephony.wire_protocol import Closing

_NO_AUDIO: Final = "NET-0001"
"""What Deepgram calls the end of a stream on which nothing comes; here each end that the client did not ask for."""
_INTERNAL_ERROR: Final = 1011
_ECHOED_CHARS: Final = 500
_CHANNEL: Final = [0, 1]
"""The first of one."""


class DeepgramProtocol:
    """One stream: it begins by itself, with the format of its query."""

    capabilities = Capabilities(transcripts=True, speech_events=True)

    def __init__(
        self,
        request_id: str,
        options: ListenOptions | None = None,
        *,
        model: str = "bridge",
        created: str = "1970-01-01T00:00:00.000Z",
        max_bytes: int = MAX_AUDIO_BYTES,
    ) -> None:
        """`model`: the recogniser, as the client is told. `created`: when the stream began. `max_bytes`: a message."""
        self._id, self._options, self._model, self._created = request_id, options or ListenOptions(), model, created
        self._audio = ClientAudio(self._options.audio, name=self._options.encoding, max_bytes=max_bytes)
        self._extra = {"extra": dict(self._options.extra)} if self._options.extra else {}
        self._sha256 = hashlib.sha256()
        self._begun = self._closed = False
        self._speech_ms = 0  # where the speech of now began, or the newest final ended
        self._flushing = 0  # Finalize messages whose final has not been told
        self._word_end_ms: int | None = None  # of the newest final, while its UtteranceEnd is to be told
        self._malformations = Malformations(at_most=MAX_MALFORMED_OF_CLIENTS)

    def open(self) -> Sequence[str | bytes]:
        return ()

    def quiet(self) -> Sequence[Event]:
        """Begin: the query has said it all."""
        return self._begin()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means.

        Raises:
            RemoteProtocolError: MAX_MALFORMED_OF_CLIENTS more messages were malformed than good.
        """
        if self._closed:
            return ()
        try:
            events = self._heard(message) if isinstance(message, bytes) else self._told(json_object(message))
        except Refused as why:
            told = message[:_ECHOED_CHARS] if isinstance(message, str) else ""
            return [*self._begin(), *_error(*self._malformations.tell(why), message=told)]
        self._malformations.good()
        return [*self._begin(), *events]

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`; none for what the client has not asked for.

        Raises:
            LocalProtocolError: what this wire cannot do.
        """
        match command:
            case Transcript():
                return self._results(command)
            case SpeechStarted(at_ms):
                self._speech_ms, self._word_end_ms = at_ms, None
                return [_message("SpeechStarted", timestamp=_s(at_ms))] if self._options.vad_events else ()
            case SpeechStopped():
                return ()
            case Problem(message):
                return [to_json(type="Error", variant="ServerError", description=message)]
        raise LocalProtocolError(f"Deepgram's stream has no message for {type(command).__name__}")

    def closing(self, reason: str) -> Closing:
        """Return how the stream ends: with its metadata where the client closed it."""
        metadata = to_json(
            type="Metadata",
            transaction_key="deprecated",
            request_id=self._id,
            sha256=self._sha256.hexdigest(),
            created=self._created,
            duration=_s(self._audio.now_ms),
            channels=1,
            **self._extra,
        )
        return Closing([metadata]) if self._closed else Closing([], _INTERNAL_ERROR, f"{_NO_AUDIO}: {reason}")

    def _begin(self) -> Sequence[CallStarted]:
        if self._begun:
            return ()
        self._begun = True
        return [CallStarted(self._id, self._options.audio, options=self._options.recognition)]

    def _heard(self, payload: bytes) -> Sequence[Event]:
        if not payload:  # how clients of old ended their streams
            return self._close()
        heard: list[Event] = []
        for event in self._audio.take(payload):
            if isinstance(event, Media):
                self._sha256.update(event.payload)
                heard.append(event)
            else:
                heard += _error(event)
        return [*heard, *self._utterance_end()]

    def _told(self, message: Fields) -> Sequence[Event]:
        match message.get("type"):
            case "KeepAlive":
                return [StillThere()]
            case "Finalize":
                if message.get("channel") not in (None, 0):
                    raise refusal("channel", message["channel"], "0, as there is one")
                self._flushing += 1
                return [Finalize()]
            case "CloseStream":
                return self._close()
            case other:
                raise refusal("type", other, '"KeepAlive", "Finalize", "CloseStream"')

    def _close(self) -> Sequence[Event]:
        self._closed = True
        return [CallEnded("the client closed the stream")]

    def _utterance_end(self) -> Sequence[Owed]:
        """Tell that nothing was said for long enough, once: by the audio itself."""
        end_ms, options = self._word_end_ms, self._options
        if end_ms is None or not options.utterance_end_ms or self._audio.now_ms - end_ms < options.utterance_end_ms:
            return ()
        self._word_end_ms = None
        return [Owed([_message("UtteranceEnd", last_word_end=_s(end_ms))])]

    def _results(self, transcript: Transcript) -> Sequence[str]:
        if not transcript.final and not self._options.recognition.partials:
            return ()
        begin_ms, end_ms = transcript.span_ms or (self._speech_ms, max(self._speech_ms, self._audio.now_ms))
        flushed = bool(transcript.final and transcript.ends_turn and self._flushing)
        if transcript.final:
            self._flushing -= flushed
            self._speech_ms = end_ms
            if transcript.text:
                self._word_end_ms = transcript.words[-1][2] if transcript.words else end_ms
        alternative = {
            "transcript": transcript.text,
            "confidence": 1.0 if transcript.text else 0.0,  # no engine of ours tells
            "words": [_word(word, begin, end) for word, begin, end in transcript.words],
        }
        return [
            to_json(
                type="Results",
                channel_index=_CHANNEL,
                start=_s(begin_ms),
                duration=_s(end_ms - begin_ms),
                is_final=transcript.final,
                speech_final=transcript.final and transcript.ends_turn and self._options.endpointing,
                from_finalize=flushed,
                channel={"alternatives": [alternative]},
                metadata={
                    "request_id": self._id,
                    "model_info": {"name": self._model, "version": "", "arch": self._model},
                    "model_uuid": self._model,
                    **self._extra,
                },
            )
        ]


def _error(fault: Malformed, *, message: str = "") -> Sequence[Event]:
    """Return what tells the client of `fault` in Deepgram's words, where it does not know, and what counts it."""
    error = to_json(type="Error", variant="SchemaError", description=fault.message, message=message)
    return [*([Owed([error])] if fault.told else ()), Malformed(fault.message, told=False)]


def _message(kind: str, **fields: object) -> str:
    return to_json(type=kind, channel=_CHANNEL, **fields)


def _word(word: str, begin_ms: int, end_ms: int) -> dict[str, object]:
    bare = word.strip().strip(".,;:!?\"'()[]…").lower()
    times = {"start": _s(begin_ms), "end": _s(end_ms)}
    return {"word": bare or word, **times, "confidence": 1.0, "punctuated_word": word}


def _s(ms: int) -> float:
    return ms / 1000
