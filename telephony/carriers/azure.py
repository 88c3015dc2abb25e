"""Azure Communication Services, media streaming of Call Automation: JSON texts, 16 bit in base64.

Messages: https://learn.microsoft.com/azure/communication-services/how-tos/call-automation/audio-streaming-quickstart.
Names are in small letters on their way in (kind, audioData) and in capitals on their way out (Kind, AudioData). No
marks; `StopAudio` throws away what plays. The end of the socket is the end of the call.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from reprlib import repr as shown
from typing import Final
from uuid import uuid4

from telephony.carriers.json_stream import MAX_EARLY_CHARS, MAX_PAYLOAD_BYTES
from telephony.carriers.stream_fields import base64_text, shown_fields
from telephony.early import with_early
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Encoding,
    Event,
    Hangup,
    Notice,
    Play,
    Problem,
    Reply,
    ReplyOver,
    SpeechStarted,
    SpeechStopped,
    Transcript,
)
from telephony.jsontext import Fields, as_text, audio_of, json_object, key_of, object_of, text_of
from telephony.malformed import MAX_MALFORMED, Malformations
from telephony.stream_audio import StreamAudio

RATES: Final = (16_000, 24_000)
TONES: Final[Mapping[str, str]] = {
    **dict(zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True)),
    "*": "asterisk",
    "#": "pound",
    "A": "a",
    "B": "b",
    "C": "c",
    "D": "d",
}
"""Keys, and how the REST API calls them. How the stream writes the star and the pound is in no document."""
_KEYS: Final = {name: key for key, name in TONES.items()}
_PLAY_MS: Final = 200
"""Audio in one message to Azure."""
_STOP: Final = json.dumps({"Kind": "StopAudio", "AudioData": None, "StopAudio": {}}, separators=(",", ":"))


class AzureProtocol:
    """One stream: CREATED -AudioMetadata-> STARTED. `told`: what is known of the call before its stream begins."""

    capabilities = Capabilities(audio_out=True, clear=True, hangup=True, send_ahead_ms=5000)

    def __init__(
        self, told: Mapping[str, str] | None = None, *, new_id: Callable[[], str] = lambda: uuid4().hex
    ) -> None:
        """`new_id`: names a call that nobody names."""
        self._told, self._new_id = told or {}, new_id
        self._audio = StreamAudio[Fields](waits_for="Azure's AudioMetadata", at_most=MAX_EARLY_CHARS)
        self._heard: str | None = None  # whom we listen to where voices are not mixed; set by the first that is told
        self._others = False  # somebody else was heard, which is told once
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[str | bytes]:
        """Return nothing: Azure speaks first."""
        return ()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means; kinds that are not known mean nothing.

        Raises:
            RemoteProtocolError: the audio is none that we speak, or MAX_MALFORMED more messages were malformed than
                good.
        """
        return self._malformations.weigh(lambda: self._understand(json_object(message)))

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`. To hang up is the REST API's, and so brings none.

        Raises:
            LocalProtocolError: audio before the metadata, or what a stream cannot do.
        """
        match command:
            case Play(payload):
                return [_spoken(piece) for piece in self._audio.time.audio.pieces(payload, at_most_ms=_PLAY_MS)]
            case Clear():
                return [_STOP]
            case Hangup() | Problem() | Transcript() | SpeechStarted() | SpeechStopped() | Reply() | ReplyOver():
                return ()
            case _:
                raise LocalProtocolError(f"a stream of Azure cannot carry {command}: use Azure's REST API")

    def _understand(self, message: Fields) -> Sequence[Event]:
        match text_of(message, "kind"):
            case "AudioMetadata":
                return () if self._audio.begun else self._start(object_of(message, "audioMetadata"))
            case "AudioData" | "DtmfData" if not self._audio.begun:
                return self._audio.keep(message, size=len(shown_fields(message)) + _audio_chars(message))
            case "AudioData":
                return self._spoken_by(object_of(message, "audioData"))
            case "DtmfData":
                name = text_of(object_of(message, "dtmfData"), "data", where="dtmfData")
                return [key_of({"data": _KEYS.get(name.lower(), name)}, "data", where="dtmfData")]
            case _:
                return ()

    def _start(self, metadata: Fields) -> Sequence[Event]:
        audio = _format(metadata)
        early = self._audio.begin(audio, self._understand)
        started = CallStarted(
            call_id=self._told.get("CallSid") or as_text(metadata.get("subscriptionId"))[:256] or self._new_id(),
            format=audio,
            caller=self._told.get("From", ""),
            callee=self._told.get("To", ""),
            parameters=self._told,
            caller_name=self._told.get("CallerName", ""),
        )
        return [with_early(started, early), *early]

    def _spoken_by(self, audio: Fields) -> Sequence[Event]:
        speaker = as_text(audio.get("participantRawID"))
        self._heard = self._heard or speaker
        if speaker != self._heard and speaker:
            return self._not_heard(speaker)
        return self._audio.take(audio_of(audio, "data", where="audioData", at_most=MAX_PAYLOAD_BYTES))

    def _not_heard(self, speaker: str) -> Sequence[Event]:
        """Return what is to be said of somebody who is not the first that spoke: two at a time are no audio."""
        if self._others:
            return ()
        self._others = True
        return [Notice(f"{shown(speaker)} is not heard: order the stream mixed to hear all of a call")]


def _spoken(payload: bytes) -> str:
    audio = {"Kind": "AudioData", "AudioData": {"Data": base64_text(payload)}, "StopAudio": None}
    return json.dumps(audio, separators=(",", ":"))


def _audio_chars(message: Fields) -> int:
    audio = message.get("audioData")
    return len(as_text(audio.get("data"))) if isinstance(audio, dict) else 0


def _format(metadata: Fields) -> AudioFormat:
    """Return the format that the metadata tell.

    Raises:
        RemoteProtocolError: it is none that we speak.
    """
    told = [metadata.get("encoding", "PCM"), metadata.get("sampleRate", RATES[0]), metadata.get("channels", 1)]
    rate = next((rate for rate in RATES if told == ["PCM", rate, 1]), None)
    if rate is None:
        what = shown_fields(metadata)
        raise RemoteProtocolError(f"unusable start: audioMetadata is {what}; allowed: PCM, 16000 or 24000, 1 channel")
    return AudioFormat(Encoding.L16, rate)
