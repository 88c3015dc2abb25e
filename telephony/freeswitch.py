"""FreeSWITCH's two media sockets: one text of metadata, and binary audio, signed 16 bit, as the sound is heard.

The metadata tell the rate. They should come first, and may come behind the first audio, or never.

jambonz `listen` and drachtio's mod_audio_fork: https://docs.jambonz.org/verbs/verbs/listen and the articles on
bidirectional audio there. mod_audio_stream: https://github.com/amigniter/mod_audio_stream. Neither can be had from a
package index, so these rules are those of their documents, and were tested with their examples only.
"""

import json
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from typing import Final

from telephony.early import with_early
from telephony.errors import LocalProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Encoding,
    Event,
    FormatChanged,
    Hangup,
    Mark,
    Notice,
    Play,
    Played,
    Problem,
    Reply,
    Transcript,
)
from telephony.freeswitch_metadata import (
    CALL_IDS,
    CALLEES,
    CALLER_NAMES,
    CALLERS,
    first_of,
    likely_rate,
    plain_values,
    refuse_stereo,
    told_rate,
)
from telephony.jsontext import Fields, json_object, key_of, object_of, text_of
from telephony.malformed import MAX_MALFORMED, Malformations, understood_late
from telephony.media_time import MediaTime
from telephony.whole_samples import WholeSamples

METADATA_MS: Final = 500
"""Audio for which metadata that have not come are waited for; they were seen 300 ms late."""
_MOST_EARLY: Final = 200  # messages


class _ForkProtocol:
    """One socket: CREATED -metadata that tell the rate, or audio enough without them-> STARTED. Its end is the call's.

    Metadata that come later still tell the rate: from then on the audio is of it.
    """

    capabilities: Capabilities

    def __init__(self, call_id: str) -> None:
        """`call_id`: of a call whose metadata name none."""
        self._call_id = call_id
        self._metadata: Fields | None = None  # set by the first text that is no event
        self._early: list[str | bytes] = []  # audio and events before the start
        self._early_bytes = 0  # of audio in it
        self._time: MediaTime | None = None  # set by the start
        self._told = False  # whether the rate was told, not guessed
        self._whole = WholeSamples()
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[str | bytes]:
        """Return nothing: FreeSWITCH speaks first."""
        return ()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means; texts that are not known mean nothing.

        Raises:
            RemoteProtocolError: the metadata are unusable, or MAX_MALFORMED more messages were malformed than good.
        """
        return self._malformations.weigh(lambda: self._understand(message))

    def quiet(self) -> Sequence[Event]:
        """Nothing comes: return the start of a call that has said something, at the likeliest rate."""
        return () if self._time or (self._metadata is None and not self._early) else self._begin()

    def _understand(self, message: str | bytes) -> Sequence[Event]:
        if isinstance(message, bytes):
            return self._audio(message) if self._time else self._early_audio(message)
        fields = json_object(message)
        if not self._is_event(fields):
            return self._informed(fields)
        if self._time:
            return self._event(fields)
        if len(self._early) < _MOST_EARLY:
            self._early.append(message)
        return ()

    def _is_event(self, fields: Fields) -> bool:
        """Return whether a text tells what happens in the call; others are metadata."""
        return False

    def _event(self, fields: Fields) -> Sequence[Event]:
        """Return what such a text means."""
        return ()

    # ------------------------------------------------------------ metadata

    def _informed(self, metadata: Fields) -> Sequence[Event]:
        if self._told:
            return ()
        rate = told_rate(metadata)
        if self._time is None:
            refuse_stereo(metadata)
            self._metadata = {**(self._metadata or {}), **metadata}
            return self._begin() if rate else ()
        if not rate:
            return ()
        refuse_stereo(metadata)
        self._told = True
        guessed = self._time.audio.sample_rate
        why = f"the metadata came behind the audio: the rate is {rate} Hz; guessed were {guessed} Hz"
        return [Notice(why), *self._changed(rate)]

    def _begin(self) -> Sequence[Event]:
        """Start the call with what is known of it, and give it what came before."""
        metadata = self._metadata or {}
        rate = told_rate(metadata)
        self._told = bool(rate)
        guess, heard = likely_rate(self._early)
        self._time = MediaTime(AudioFormat(Encoding.L16, rate or guess))
        early, self._early = self._early, []
        guessed = () if rate else [Notice(f"no metadata tell the sample rate: {guess} Hz, by {heard}")]
        events = [*guessed, *understood_late(early, self._understand)]
        parameters = plain_values(metadata)
        started = CallStarted(
            call_id=first_of(parameters, CALL_IDS) or self._call_id,
            format=self._time.audio,
            caller=first_of(parameters, CALLERS),
            callee=first_of(parameters, CALLEES),
            parameters=parameters,
            caller_name=first_of(parameters, CALLER_NAMES),
        )
        return [with_early(started, events), *events]

    def _changed(self, rate: int) -> Sequence[Event]:
        """Go on at another rate."""
        assert self._time
        if rate == self._time.audio.sample_rate:
            return ()
        audio = AudioFormat(Encoding.L16, rate)
        self._time.change(audio)
        return [FormatChanged(audio)]

    # ------------------------------------------------------------ audio

    def _early_audio(self, payload: bytes) -> Sequence[Event]:
        if not payload:
            return ()
        self._early.append(payload)
        self._early_bytes += len(payload)
        rate, _ = likely_rate(self._early)
        enough = self._early_bytes * 1000 >= METADATA_MS * rate * Encoding.L16.sample_bytes
        return self._begin() if enough or len(self._early) >= _MOST_EARLY else ()

    def _audio(self, payload: bytes) -> Sequence[Event]:
        assert self._time
        samples = self._whole.take(payload)
        if not samples:
            return ()
        changed: Sequence[Event] = ()
        if not (self._told or self._time.samples):  # the call began before any audio: now there is a length to go by
            guess, heard = likely_rate([payload])
            if guess != self._time.audio.sample_rate:
                changed = [Notice(f"no metadata tell the sample rate: {guess} Hz, by {heard}"), *self._changed(guess)]
        return [*changed, self._time.place(samples)]

    def _rate_of_play(self) -> int:
        if self._time is None:
            raise LocalProtocolError("audio before FreeSWITCH's metadata: its rate is not known yet")
        return self._time.audio.sample_rate


class AudioForkProtocol(_ForkProtocol):
    """jambonz `listen` with `bidirectionalAudio: {enabled, streaming}` at the same rate, or mod_audio_fork alike."""

    capabilities = Capabilities(
        audio_out=True, clear=True, mark=True, hangup=True, hangs_up_by_socket=True, send_ahead_ms=2000
    )

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

    def _is_event(self, fields: Fields) -> bool:
        return fields.get("event") == "dtmf" or fields.get("type") in {"mark", "playDone"}

    def _event(self, fields: Fields) -> Sequence[Event]:
        if fields.get("event") == "dtmf":
            return [key_of(fields, "dtmf")]
        if fields.get("type") == "mark":  # played, or cleared with what was before it
            return [Played(text_of(object_of(fields, "data"), "name", where="data"))]
        return ()


class AudioStreamProtocol(_ForkProtocol):
    """mod_audio_stream, playback included: its releases from 1.0.3 on. What lies unplayed there cannot be cleared."""

    capabilities = Capabilities(audio_out=True, hangup=True, hangs_up_by_socket=True, send_ahead_ms=200)

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
