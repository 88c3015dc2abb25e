"""OpenAI's Realtime socket, `/v1/realtime`: a conversation whose model is the bridge's bot, or transcripts alone.

Events and their fields as in OpenAI's reference and SDKs of November 2026, and those of the beta before it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from telephony.bot_requests import AskReply, StopReply, Truncated, UserText
from telephony.client_audio import MAX_AUDIO_BYTES
from telephony.errors import LocalProtocolError
from telephony.events import (
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Event,
    FormatChanged,
    Hangup,
    Malformed,
    Owed,
    Play,
    Problem,
    Reply,
    ReplyOver,
    SpeechStarted,
    SpeechStopped,
    Transcript,
)
from telephony.jsontext import Fields, audio_of, json_object, object_of, text_of, to_json, whole_of
from telephony.malformed import MAX_MALFORMED_OF_CLIENTS, Malformations, Refused
from telephony.realtime_input import RealtimeInput, written
from telephony.realtime_response import Message, RealtimeResponse, error_message
from telephony.realtime_session import NotGiven, RealtimeSession, as_json, check_response, update
from telephony.wire_protocol import Closing

MOST_QUIETS: Final = 8
"""Half seconds in which a client may yet say what session it wants; then it begins as it is."""
_REMEMBERED: Final = 100  # replies that may be truncated
_TRANSCRIPTS: Final = Capabilities(transcripts=True, speech_events=True)
_CONVERSATION: Final = Capabilities(
    transcripts=True, speech_events=True, audio_out=True, clear=True, hangup=True, send_ahead_ms=10_000
)


class RealtimeProtocol:
    """One session. It begins with the first audio or request, or when its client has said nothing for a while."""

    capabilities = _CONVERSATION

    def __init__(
        self,
        session_id: str,
        *,
        transcription_only: bool = False,
        beta: bool = False,
        language_of: Callable[[str], str] = lambda tag: tag,
        voice: str = "",
        bot: str = "",
        max_bytes: int = MAX_AUDIO_BYTES,
    ) -> None:
        """`language_of`: as for `listen_options`. `voice`, `bot`: the server's. `max_bytes`: audio in an event."""
        self.capabilities = _TRANSCRIPTS if transcription_only else _CONVERSATION
        self._id, self._beta, self._language_of, self._max_bytes = session_id, beta, language_of, max_bytes
        self._voice, self._bot = voice, bot
        self._session = RealtimeSession(transcription_only=transcription_only, transcribes=transcription_only)
        self._input = RealtimeInput(self._new_id, beta=beta)
        self._begun = self._hung_up = self._cancelled = False
        self._quiets = self._ids = 0
        self._start: list[CallStarted] = []  # once the session begins, until it is told
        self._response: RealtimeResponse | None = None  # what is being said, or was asked for
        self._said: dict[str, RealtimeResponse] = {}  # by their items, the newest last
        self._malformations = Malformations(at_most=MAX_MALFORMED_OF_CLIENTS)
        requests = {
            "conversation.item.create": self._create_item,
            "conversation.item.truncate": self._truncate,
            "response.create": self._create_response,
            "response.cancel": self._cancel,
        }
        self._requests = {} if transcription_only else requests

    def open(self) -> Sequence[str | bytes]:
        created = "transcription_session.created" if self._old_transcription else "session.created"
        return self._written([{"type": created, "session": self._as_json()}])

    def quiet(self) -> Sequence[Event]:
        """Begin, once the client has been silent for so long that it waits for us."""
        self._quiets += 1
        if self._quiets >= MOST_QUIETS:
            self._begin()
        return self._take_start()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means.

        Raises:
            RemoteProtocolError: MAX_MALFORMED_OF_CLIENTS more messages were malformed than good.
        """
        fields: Fields = {}
        try:
            fields = json_object(message, at_most=2 * self._max_bytes)
            events = self._understand(fields)
        except Refused as why:
            return [*self._take_start(), *self._worded(self._malformations.tell(why), why, fields)]
        self._malformations.good()
        return [*self._take_start(), *self._worded(events, Refused(""), fields)]

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`; none for what the client has not asked for.

        Raises:
            LocalProtocolError: what this wire cannot do.
        """
        if not self.capabilities.audio_out and isinstance(command, Play | Clear):
            raise LocalProtocolError(f"a session for transcripts has no message for {type(command).__name__}")
        return self._written(self._told(command))

    def closing(self, reason: str) -> Closing:
        """Return how the session ends: with OpenAI's word for it, unless the bot hung up."""
        if self._hung_up:
            return Closing(())
        return Closing(self._written([error_message(reason, code="session_expired")]))

    # ------------------------------------------------------------ what the client says

    def _understand(self, fields: Fields) -> Sequence[Event]:
        match fields.get("type"):
            case "input_audio_buffer.append":
                audio = audio_of(fields, "audio", where="", at_most=self._max_bytes)
                self._begin()
                return self._input.append(audio)
            case "session.update" | "transcription_session.update":
                return self._update(fields)
            case "input_audio_buffer.commit":
                self._begin()
                messages, events = self._input.commit()
                return [self._owed(messages), *events]
            case "input_audio_buffer.clear":
                self._input.clear()
                return [self._owed([{"type": "input_audio_buffer.cleared"}])]
            case str(kind) if kind in self._requests:
                self._begin()
                return self._requests[kind](fields)
            case other:
                known = ", ".join([*_OF_BOTH, *self._requests])
                raise NotGiven("type", f"got {str(other)[:60]!r}; taken here: {known}", "unknown_event")

    def _update(self, fields: Fields) -> Sequence[Event]:
        asked = object_of(fields, "session")
        before, old = self._session, self._old_transcription
        self._session, faults = update(before, asked, begun=self._begun, language_of=self._language_of)
        updated = "transcription_session.updated" if old else "session.updated"
        events: list[Event] = []
        for fault in faults:
            events += self._worded([Malformed(str(fault))], fault, fields)
        if self._begun and self._session.audio != before.audio:
            events.append(FormatChanged(self._session.format))
        self._input.follow(self._session)
        return [*events, self._owed([{"type": updated, "session": self._as_json()}])]

    def _create_item(self, fields: Fields) -> Sequence[Event]:
        item_id, text = written(fields)
        return [self._owed(self._input.add(item_id or self._new_id("item"), text)), UserText(text)]

    def _create_response(self, fields: Fields) -> Sequence[Event]:
        if self._response:
            raise NotGiven("response", "one is being said", "conversation_already_has_active_response")
        asked = fields.get("response")
        check_response(self._session, asked if isinstance(asked, dict) else {})
        self._response = self._new_response()
        return [AskReply(waits=self._input.pending)]

    def _cancel(self, fields: Fields) -> Sequence[Event]:
        if not self._response:
            raise NotGiven("response_id", "nothing is being said", "response_cancel_not_active")
        self._cancelled = True
        return [StopReply()]

    def _truncate(self, fields: Fields) -> Sequence[Event]:
        said = self._said.get(text_of(fields, "item_id", at_most=100))
        if said is None:
            raise NotGiven("item_id", "is none of what was said here", "item_not_found")
        end_ms = whole_of(fields, "audio_end_ms", 0, between=(0, 2**31))
        if end_ms > said.sent_ms:
            raise NotGiven("audio_end_ms", f"audio of {said.sent_ms} ms is shorter than {end_ms} ms")
        about = {"item_id": said.item_id, "content_index": 0, "audio_end_ms": end_ms}
        heard = [Truncated(said.heard(end_ms))] if said.item_id == next(reversed(self._said)) else []
        return [self._owed([{"type": "conversation.item.truncated", **about}]), *heard]

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun, session = True, self._session
        self._input.begin(session)
        self._start.append(
            CallStarted(
                self._id,
                session.format,
                parameters={"instructions": session.instructions} if session.instructions else {},
                options=session.recognition(self._language_of),
                answers_when_asked=not session.create_response,
            )
        )

    def _take_start(self) -> Sequence[CallStarted]:
        started, self._start = self._start, []
        return started

    # ------------------------------------------------------------ what the client is told

    def _told(self, command: Command) -> Iterator[Message]:
        match command:
            case Reply(text):
                yield from self._now().say(text)
            case Play(payload):
                yield from self._input.playing(payload)
                yield from self._now().play(payload)
            case Clear():
                yield from () if self._cancelled else self._input.interrupted()
                yield from self._end("turn_detected")
            case ReplyOver(cut):
                yield from self._end("turn_detected" if cut else "")
            case Transcript():
                yield from self._input.transcript(command)
            case SpeechStarted(at_ms):
                yield from self._input.speech_started(at_ms)
            case SpeechStopped(at_ms):
                yield from self._input.speech_stopped(at_ms)
            case Problem(message):
                yield error_message(message, kind="server_error")
            case Hangup():
                self._hung_up = True
            case _:
                raise LocalProtocolError(f"OpenAI's socket has no message for {type(command).__name__}")

    def _now(self) -> RealtimeResponse:
        """Return the response that is being said, a new one where there is none."""
        if self._response is None:
            self._response = self._new_response()
        if not self._response.opened:
            self._response.previous_item_id = self._input.last_item_id
            self._input.last_item_id = self._response.item_id
        self._said[self._response.item_id] = self._response
        while len(self._said) > _REMEMBERED:
            del self._said[next(iter(self._said))]
        return self._response

    def _end(self, reason: str) -> Iterator[Message]:
        """End the response. One that was asked for and has nothing yet lives on where another was cut."""
        response, cancelled = self._response, self._cancelled
        if response is None or (reason and not response.opened and not cancelled):
            return
        self._response, self._cancelled = None, False
        yield from response.end("client_cancelled" if cancelled else reason)

    def _new_response(self) -> RealtimeResponse:
        audio = self._session.format
        return RealtimeResponse(self._new_id("resp"), self._new_id("item"), audio, self._beta, None)

    def _new_id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}_{self._id}{self._ids:06d}"

    def _as_json(self) -> Mapping[str, object]:
        return as_json(self._session, f"sess_{self._id}", voice=self._voice, bot=self._bot, beta=self._beta)

    @property
    def _old_transcription(self) -> bool:
        return self._beta and self._session.transcription_only

    def _owed(self, messages: Sequence[Message]) -> Owed:
        return Owed(self._written(messages))

    def _written(self, messages: Sequence[Message] | Iterator[Message]) -> Sequence[str]:
        return [to_json(**{"event_id": self._new_id("event"), **message}) for message in messages]

    def _worded(self, events: Sequence[Event], why: Refused, fields: Fields) -> Sequence[Event]:
        """Return `events`, of which each complaint is told in OpenAI's words. `why`: what is known of it."""
        event_id = fields.get("event_id")
        named = event_id[:100] if isinstance(event_id, str) else None
        param, code = (why.param, why.code) if isinstance(why, NotGiven) else (None, "invalid_event")
        worded: list[Event] = []
        for event in events:
            if isinstance(event, Malformed) and event.told:
                error = error_message(event.message, code=code, param=param, event_id=named)
                worded += [self._owed([error]), Malformed(event.message, told=False)]
            else:
                worded.append(event)
        return worded


_OF_BOTH: Final = (
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
)
