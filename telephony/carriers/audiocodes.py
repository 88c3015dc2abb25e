"""AudioCodes Bot API in WebSocket mode (VoiceAI Connect, Live Hub): JSON texts, 16 bit in base64, streams with names.

Protocol: https://techdocs.audiocodes.com/voice-ai-connect/#Bot-API/ac-bot-api-mode-websocket.htm. A conversation
outlives its socket: `session.resume` on another one goes on with it. No marks; `abortPrompts` stops what plays.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from telephony.carriers.json_stream import MAX_EARLY_CHARS, SMALL_CHARS
from telephony.carriers.stream_fields import base64_text, fields_of, plain_texts
from telephony.early import with_early
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Encoding,
    Event,
    Hangup,
    Owed,
    Play,
    Problem,
    Reply,
    Transcript,
    Transfer,
)
from telephony.jsontext import Fields, as_text, audio_of, json_object, key_of, text_of
from telephony.malformed import MAX_MALFORMED, Malformations
from telephony.stream_audio import StreamAudio

FORMATS: Final[Mapping[str, int]] = {"raw/lpcm16": 16_000, "raw/lpcm16_8": 8000, "raw/lpcm16_24": 24_000}
"""Media types that we speak, the one that we like best first -> hertz."""
MAX_PAYLOAD_BYTES: Final = 64 * 1024
_PLAY_MS: Final = 1000
_ALLOWED: Final = ", ".join(FORMATS)


class AudioCodesProtocol:
    """One conversation: CREATED -session.initiate-> OPEN -session.end-> ENDED. `told`: what is known before."""

    capabilities = Capabilities(audio_out=True, clear=True, hangup=True, transfer=True, send_ahead_ms=5000)

    def __init__(self, told: Mapping[str, str] | None = None) -> None:
        self._told = told or {}
        self.resumable = False
        """Whether another socket may come after this one: between `session.initiate` and the conversation's end."""
        self._ended = False
        self._conversation = ""  # set by `session.initiate`
        self._format_name = ""
        self._audio = StreamAudio[Fields](waits_for="session.initiate", at_most=MAX_EARLY_CHARS)
        self._streams, self._playing = 0, False  # of ours
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[str | bytes]:
        """Return nothing: AudioCodes speaks first."""
        return ()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means; types that are not known mean nothing.

        Raises:
            RemoteProtocolError: no audio that we speak is offered, or MAX_MALFORMED more messages were malformed than
                good.
        """
        if self._ended:
            return ()
        return self._malformations.weigh(lambda: self._understand(json_object(message)))

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`.

        Raises:
            LocalProtocolError: it comes before the session, or is what a session cannot do.
        """
        match command:
            case Play(payload):
                return [*self._started_stream(), *self._chunks(payload)]
            case Clear():
                return [*self._stopped_stream(), self._activity("abortPrompts")]
            case Hangup(reason):
                return [self._activity("hangup", hangupReason=reason)] if self._audio.begun else ()
            case Transfer(target):
                to = target if ":" in target else f"tel:{target}"
                return [*self._stopped_stream(), self._activity("transfer", transferTarget=to)]
            case Problem() | Transcript() | Reply():
                return ()
            case _:
                raise LocalProtocolError(f"a conversation of AudioCodes cannot carry {command}")

    # ------------------------------------------------------------ what comes in

    def _understand(self, message: Fields) -> Sequence[Event]:
        match text_of(message, "type"):
            case "session.initiate":
                return () if self._audio.begun else self._initiated(message)
            case "session.resume":  # its server gives it to the conversation that it names
                return [self._accepted()] if self._audio.begun else ()
            case "session.end":
                self._ended, self.resumable = True, False
                return [CallEnded("caller hung up")]
            case "connection.validate":
                return [Owed([json.dumps({"type": "connection.validated", "success": True})])]
            case "userStream.start" | "userStream.stop" | "userStream.chunk" | "activities" if not self._audio.begun:
                return self._audio.keep(message, size=SMALL_CHARS + len(as_text(message.get("audioChunk"))))
            case "userStream.start":
                return [Owed([self._message("userStream.started")])]
            case "userStream.stop":
                return [Owed([self._message("userStream.stopped")])]
            case "userStream.chunk":
                return self._audio.take(audio_of(message, "audioChunk", where="", at_most=MAX_PAYLOAD_BYTES))
            case "activities":
                listed = message.get("activities")
                return [event for one in (listed if isinstance(listed, list) else ()) for event in self._told_by(one)]
            case _:
                return ()

    def _initiated(self, message: Fields) -> Sequence[Event]:
        offered = message.get("supportedMediaFormats")
        names = [name for name in FORMATS if isinstance(offered, list) and name in offered]
        if not names:
            shown = as_text(offered)[:80]
            raise RemoteProtocolError(f"unusable session.initiate: {shown} offered; allowed: {_ALLOWED}")
        self._format_name, self._conversation = names[0], text_of(message, "conversationId", at_most=256)
        self.resumable, audio = True, AudioFormat(Encoding.L16, FORMATS[names[0]])
        early = self._audio.begin(audio, self._understand)
        parameters = {
            **{name: as_text(message[name]) for name in ("botName", "participant") if message.get(name)},
            **plain_texts(fields_of(message, "parameters")),
            **self._told,
        }
        started = CallStarted(
            call_id=self._conversation,
            format=audio,
            caller=as_text(message.get("caller")),
            callee=parameters.get("callee", ""),
            parameters=parameters,
        )
        return [with_early(started, early), self._accepted(), *early]

    def _accepted(self) -> Owed:
        return Owed([self._message("session.accepted", mediaFormat=self._format_name)])

    def _told_by(self, activity: object) -> Sequence[Event]:
        if not isinstance(activity, dict) or activity.get("type") != "event" or activity.get("name") != "dtmf":
            return ()
        digits = as_text(activity.get("value"))[:32]
        return [key_of({"value": digit}, "value", where="activities") for digit in digits]

    # ------------------------------------------------------------ what goes out

    def _started_stream(self) -> Sequence[str]:
        if self._playing:
            return ()
        self._streams, self._playing = self._streams + 1, True
        return [self._message("playStream.start", streamId=str(self._streams), mediaFormat=self._format_name)]

    def _stopped_stream(self) -> Sequence[str]:
        if not self._playing:
            return ()
        self._playing = False
        return [self._message("playStream.stop", streamId=str(self._streams))]

    def _chunks(self, payload: bytes) -> Sequence[str]:
        parts = self._audio.time.audio.pieces(payload, at_most_ms=_PLAY_MS)
        about = {"streamId": str(self._streams)}
        return [self._message("playStream.chunk", **about, audioChunk=base64_text(part)) for part in parts]

    def _activity(self, name: str, **parameters: str) -> str:
        told = {"activityParams": parameters} if parameters else {}
        return self._message("activities", activities=[{"type": "event", "name": name, **told}])

    def _message(self, kind: str, **fields: object) -> str:
        if not self._audio.begun:
            raise LocalProtocolError(f"{kind} before session.initiate: there is no conversation yet")
        return json.dumps({"type": kind, "conversationId": self._conversation, **fields}, separators=(",", ":"))
