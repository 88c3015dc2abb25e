"""FreeSWITCH's two media sockets: one text of metadata, then binary audio, signed 16 bit, as the sound is heard.

jambonz `listen` and drachtio's mod_audio_fork: https://docs.jambonz.org/verbs/verbs/listen and the articles on
bidirectional audio there. mod_audio_stream: https://github.com/amigniter/mod_audio_stream. Neither can be had from a
package index, so these rules are those of their documents, and were tested with their examples only.
"""

import json
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from reprlib import repr as shown
from typing import Final

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
    Mark,
    Play,
    Played,
    Problem,
    Reply,
    Transcript,
)
from telephony.jsontext import Fields, json_object, key_of, object_of, text_of
from telephony.malformed import Malformations, Refused
from telephony.media_time import MediaTime

RATES: Final = (8000, 16_000, 24_000, 32_000, 48_000, 64_000)
"""Sample rates, hertz."""
MAX_MALFORMED: Final = 100
"""Malformed messages a call survives."""
_MAX_PARAMETERS: Final = 50
_CALL_IDS: Final = ("callSid", "call_sid", "callId", "uuid")
_CALLERS: Final = ("from", "caller")
_CALLEES: Final = ("to", "callee")


class _ForkProtocol:
    """One socket: CREATED -metadata, or audio at once-> STARTED. Its end is the end of the call."""

    capabilities: Capabilities

    def __init__(self, call_id: str) -> None:
        """`call_id`: of a call whose metadata name none."""
        self._call_id = call_id
        self._time: MediaTime | None = None  # set by the first message
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[str | bytes]:
        """Return nothing: FreeSWITCH speaks first."""
        return ()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means; texts that are not known mean nothing.

        Raises:
            RemoteProtocolError: the metadata are unusable, or more than MAX_MALFORMED messages were malformed.
        """
        try:
            if isinstance(message, bytes):
                return self._audio(message)
            fields = json_object(message)
            return self._told(fields) if self._time else [self._start(fields)]
        except Refused as why:
            return self._malformations.tell(why)

    def _told(self, fields: Fields) -> Sequence[Event]:
        """Return what a text after the metadata means."""
        return ()

    def _start(self, metadata: Fields) -> CallStarted:
        told = metadata.get("sampleRate", 8000)
        rate = next((known for known in RATES if known == told), 0)  # 8000.0 is 8000, too
        if not rate:
            raise RemoteProtocolError(f"unusable metadata: sampleRate is {shown(told)}; allowed: {RATES}")
        if metadata.get("mixType") == "stereo":
            raise RemoteProtocolError(
                "unusable metadata: mixType is 'stereo'; allowed: 'mono', so that the caller is heard"
            )
        self._time = MediaTime(AudioFormat(Encoding.L16, rate))
        parameters = _parameters(metadata)
        return CallStarted(
            call_id=_first(parameters, _CALL_IDS) or self._call_id,
            format=self._time.audio,
            caller=_first(parameters, _CALLERS),
            callee=_first(parameters, _CALLEES),
            parameters=parameters,
        )

    def _audio(self, payload: bytes) -> Sequence[Event]:
        if not payload or len(payload) % 2:
            raise Refused(f"audio: got {len(payload)} bytes; allowed: whole samples of two bytes")
        started = [] if self._time else [self._start({})]
        assert self._time
        return [*started, self._time.place(payload)]

    def _rate_of_play(self) -> int:
        if self._time is None:
            raise LocalProtocolError("audio before FreeSWITCH's metadata: its rate is not known yet")
        return self._time.audio.sample_rate


class AudioForkProtocol(_ForkProtocol):
    """jambonz `listen` with `bidirectionalAudio: {enabled, streaming}` at the same rate, or mod_audio_fork alike."""

    capabilities = Capabilities(audio_out=True, clear=True, mark=True, hangup=True, send_ahead_ms=2000)

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`.

        Raises:
            LocalProtocolError: audio before the metadata, or what this socket cannot do.
        """
        match command:
            case Play(payload):
                self._rate_of_play()
                return [payload]
            case Mark(name):
                self._rate_of_play()
                return [_message("mark", {"name": name})]
            case Clear():
                return [_message("killAudio")]
            case Hangup():
                return [_message("disconnect")]
            case Problem() | Transcript() | Reply():
                return ()
            case _:
                raise LocalProtocolError(f"an audio fork cannot carry {type(command).__name__}")

    def _told(self, fields: Fields) -> Sequence[Event]:
        if fields.get("event") == "dtmf":
            return [key_of(fields, "dtmf")]
        if fields.get("type") == "mark":  # played, or cleared with what was before it
            return [Played(text_of(object_of(fields, "data"), "name", where="data"))]
        return ()


class AudioStreamProtocol(_ForkProtocol):
    """mod_audio_stream, playback included: its releases from 1.0.3 on. What lies unplayed there cannot be cleared."""

    capabilities = Capabilities(audio_out=True, hangup=True, send_ahead_ms=200)

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`. To hang up is to close the socket, and so brings none.

        Raises:
            LocalProtocolError: audio before the first message, or what this socket cannot do.
        """
        match command:
            case Play(payload):
                data = {
                    "audioDataType": "raw",
                    "sampleRate": self._rate_of_play(),
                    "audioData": b2a_base64(payload, newline=False).decode(),
                }
                return [_message("streamAudio", data)]
            case Hangup() | Problem() | Transcript() | Reply():
                return ()
            case _:
                raise LocalProtocolError(f"an audio stream cannot carry {type(command).__name__}")


def _message(kind: str, data: Mapping[str, object] | None = None) -> str:
    return json.dumps({"type": kind, **({"data": data} if data else {})}, separators=(",", ":"))


def _parameters(metadata: Fields) -> dict[str, str]:
    """Return what in the metadata is a plain value; they may hold a whole request."""
    plain = {name: str(value) for name, value in metadata.items() if isinstance(value, str | int | float | bool)}
    return dict(list(plain.items())[:_MAX_PARAMETERS])


def _first(parameters: Mapping[str, str], names: Sequence[str]) -> str:
    return next((parameters[name] for name in names if parameters.get(name)), "")
