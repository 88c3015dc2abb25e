"""Genesys AudioHook, as Audio Connector uses it: JSON texts with strict numbers, and binary mu-law at 8 kHz.

Protocol: https://developer.genesys.cloud/devapps/audiohook/protocol-reference, version 2. Of what is offered mu-law of
the external channel is taken; where that comes with the internal one, as stereo, its half is heard. There are no marks.
A call is put through by the flow that the bot gives it back to: the variable `transfer_to` says where.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from telephony.carriers.json_stream import MAX_EARLY_CHARS, MULAW_8K
from telephony.carriers.stream_fields import fields_of, plain_texts
from telephony.early import with_early
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    CallEnded,
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Event,
    Hangup,
    Malformed,
    Notice,
    Owed,
    Play,
    Problem,
    Reply,
    Transcript,
    Transfer,
)
from telephony.jsontext import Fields, as_text, json_object, key_of, refusal, text_of, whole_of
from telephony.malformed import MAX_MALFORMED, Malformations
from telephony.stream_audio import StreamAudio

TARGET_VARIABLE: Final = "transfer_to"
PLAY_BYTES: Final = 1600  # in one message, 200 ms: their number and their bytes in a second are limited
_PROBE: Final = "00000000-0000-0000-0000-000000000000"  # of a connection that only tries whether we are there
_EXTERNAL: Final = "external"
_CHANNELS: Final = ([_EXTERNAL], [_EXTERNAL, "internal"], ["internal", _EXTERNAL])


class GenesysProtocol:
    """One session: CREATED -open-> OPEN -close-> CLOSED. `told`: what is known of the call before it begins."""

    capabilities = Capabilities(audio_out=True, clear=True, hangup=True, transfer=True, send_ahead_ms=5000)

    def __init__(self, told: Mapping[str, str] | None = None) -> None:
        self._told = told or {}
        self._session = ""  # set by `open`, also of a probe
        self._channels, self._channel = 1, 0  # in its audio, and which is the caller's
        self._audio = StreamAudio[bytes](waits_for="Genesys has opened the session", at_most=MAX_EARLY_CHARS)
        self._seq = self._client_seq = 0
        self._ended = False
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[str | bytes]:
        """Return nothing: Genesys speaks first."""
        return ()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means; messages that are not known mean nothing.

        Raises:
            RemoteProtocolError: no audio that we speak is offered, or MAX_MALFORMED more messages were malformed than
                good.
        """
        if self._ended:
            return ()
        if isinstance(message, bytes):
            return self._malformations.weigh(lambda: self._heard(message))
        return self._malformations.weigh(lambda: self._understand(json_object(message)))

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`.

        Raises:
            LocalProtocolError: it comes before the session is open, or is what a session cannot do.
        """
        match command:
            case Play(payload):
                self._audio.check_begun()
                return [payload[begin : begin + PLAY_BYTES] for begin in range(0, len(payload), PLAY_BYTES)]
            case Clear():
                self._audio.check_begun()
                return [self._message("event", {"entities": [{"type": "barge_in", "data": {}}]})]
            case Hangup(reason):
                goodbye = {"reason": "completed", "info": reason}
                return [self._message("disconnect", goodbye)] if self._audio.begun else ()
            case Transfer(target):
                self._audio.check_begun()
                given = {"reason": "completed", "outputVariables": {TARGET_VARIABLE: target}}
                return [self._message("disconnect", given)]
            case Problem() | Transcript() | Reply():
                return ()
            case _:
                raise LocalProtocolError(f"a session of Genesys cannot carry {command}")

    def _understand(self, message: Fields) -> Sequence[Event]:
        kind = text_of(message, "type")
        if kind != "open" and not self._session:
            raise refusal("type", kind, "'open', first")
        if self._session and message.get("id", self._session) != self._session:
            raise refusal("id", message.get("id"), repr(self._session))
        return [*self._numbered(message), *self._meant(kind, message, fields_of(message, "parameters"))]

    def _meant(self, kind: str, message: Fields, about: Fields) -> Sequence[Event]:
        match kind:
            case "open":
                return () if self._session else self._opened(message, about)
            case "ping":
                return [Owed([self._message("pong", {})])]
            case "dtmf":
                return [key_of(about, "digit", where="parameters")]
            case "close":
                self._ended = True
                why = as_text(about.get("reason"))[:40]
                ended = "caller hung up" if why in {"", "end"} else f"Genesys ended it: {why}"
                return [Owed([self._message("closed", {})]), CallEnded(ended)]
            case "error" | "discarded":
                return [Notice(f"Genesys says {kind}: {as_text(about)[:200]}")]
            case _:  # paused, resumed, update, playback_started, playback_completed: nothing that the call has to know
                return ()

    def _numbered(self, message: Fields) -> Sequence[Event]:
        """Note the number of a message; one that does not follow is told of, and heard all the same."""
        number, due = whole_of(message, "seq", 0, between=(0, 1 << 53)), self._client_seq + 1
        self._client_seq = max(number, self._client_seq)
        return [] if number == due else [Malformed(f"field seq: got {number}; allowed: {due}", told=False)]

    def _opened(self, message: Fields, about: Fields) -> Sequence[Event]:
        self._session = text_of(message, "id", at_most=128)
        if about.get("conversationId") == _PROBE:
            return [Notice("Genesys tries the connection"), Owed([self._message("opened", {"media": []})])]
        media = _taken(about.get("media"))
        self._channels, self._channel = len(media["channels"]), media["channels"].index(_EXTERNAL)
        early = self._audio.begin(MULAW_8K, self._heard)
        started = with_early(self._call(about), early)
        return [started, Owed([self._message("opened", {"startPaused": False, "media": [media]})]), *early]

    def _call(self, about: Fields) -> CallStarted:
        participant = fields_of(about, "participant")
        named = ("conversationId", "organizationId", "language")
        parameters = {
            **{name: as_text(about[name]) for name in named if about.get(name)},
            **plain_texts(fields_of(about, "inputVariables")),
            **self._told,
        }
        return CallStarted(
            call_id=as_text(about.get("conversationId"))[:128] or self._session,
            format=MULAW_8K,
            caller=as_text(participant.get("ani")).removeprefix("tel:"),
            callee=as_text(participant.get("dnis")).removeprefix("tel:"),
            parameters=parameters,
            caller_name=as_text(participant.get("aniName")),
        )

    def _heard(self, payload: bytes) -> Sequence[Event]:
        if not self._audio.begun:
            return self._audio.keep(payload, size=len(payload) + 1)
        return self._audio.take(payload[self._channel :: self._channels])

    def _message(self, kind: str, parameters: Mapping[str, object]) -> str:
        self._seq += 1
        numbers = {"seq": self._seq, "clientseq": self._client_seq}
        position = {"position": f"PT{self._audio.time.samples / 8000:.3f}S"} if self._audio.begun else {}
        message = {"version": "2", "id": self._session, "type": kind, **numbers, **position, "parameters": parameters}
        return json.dumps(message, separators=(",", ":"))


def _taken(offered: object) -> dict[str, Any]:
    """Return the first offer that we take.

    Raises:
        RemoteProtocolError: there is none.
    """
    for media in offered if isinstance(offered, list) else ():
        if not isinstance(media, dict):
            continue
        kind = (media.get("type"), media.get("format"), media.get("rate"))
        channels = media.get("channels")
        if kind == ("audio", "PCMU", 8000) and channels in _CHANNELS:
            return {"type": "audio", "format": "PCMU", "channels": channels, "rate": 8000}
    shown = as_text(offered)[:100]
    raise RemoteProtocolError(f"unusable open: media is {shown}; allowed: PCMU at 8000 with the external channel")
