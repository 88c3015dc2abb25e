"""What a client of OpenAI's Realtime protocol says, as items: its audio, when it speaks, and what was understood."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from telephony.client_audio import ClientAudio
from telephony.events import Event, Finalize, StillThere, Transcript
from telephony.jsontext import Fields, object_of, text_of
from telephony.malformed import Refused
from telephony.realtime_response import Message
from telephony.realtime_session import MAX_TEXT, NotGiven, RealtimeSession

LEAST_MS: Final = 100
"""Of audio that can be committed, as OpenAI has it."""
MOST_MS: Final = 120_000
"""Of audio that waits to be committed."""


_PIECE_MS: Final = 100  # of what was committed, in one Media
MOST_PENDING: Final = 100
"""Utterances without their transcript."""
MAX_ID: Final = 64


@dataclass(slots=True)
class _Item:
    """One utterance."""

    id: str
    committed: bool = False
    shown: str = ""
    """What the client was told of its text so far; words once told are never taken back."""
    texts: list[str] = field(default_factory=list)
    """Finals of its pieces."""


class RealtimeInput:
    """The client's side of one session: its utterances in order, until each has its transcript."""

    def __init__(self, new_id: Callable[[str], str], *, beta: bool) -> None:
        self._new_id, self._beta = new_id, beta
        self._session = RealtimeSession()
        self._audio: ClientAudio | None = None  # since the session began
        self._waiting = bytearray()  # to be committed, where the client says when
        self._items: deque[_Item] = deque()  # without their transcript, oldest first
        self._speaking: _Item | None = None
        self._guessed = False  # it was told to speak because the bot was stopped, and may not speak at all
        self._unheard_until_ms = 0  # media time until which the client may have audio to play
        self._late_start_ms: int | None = None  # of speech that the client has not been told of
        self.last_item_id: str | None = None

    @property
    def pending(self) -> bool:
        """True while something was said and has no final."""
        return bool(self._items)

    def begin(self, session: RealtimeSession) -> None:
        """The session begins, as `session` says."""
        self._session = session
        self._audio = ClientAudio(session.format, name=session.audio)

    def follow(self, session: RealtimeSession) -> None:
        """The session changes: what comes is written as it says now."""
        if self._audio and session.audio != self._session.audio:
            self._audio.change(session.format, name=session.audio)
        self._session = session

    def append(self, payload: bytes) -> Sequence[Event]:
        """Hear `payload`, or keep it until it is committed.

        Raises:
            Refused: too much waits.
        """
        assert self._audio, "the session has begun"
        if self._session.detection:
            return self._audio.take(payload)
        if self._waiting_ms > MOST_MS:
            raise Refused(f"audio: {self._waiting_ms} ms wait to be committed; allowed: at most {MOST_MS}")
        self._waiting += payload
        return [StillThere()]

    def commit(self) -> tuple[Sequence[Message], Sequence[Event]]:
        """Return what the client is told of what it commits, and what follows.

        Raises:
            NotGiven: there is nothing to commit.
        """
        if self._session.detection and self._items:
            return [], [Finalize()]  # the end of its speech commits it, or it waits for its final already
        if len(self._items) >= MOST_PENDING:
            raise NotGiven("type", f"{MOST_PENDING} utterances wait for their transcript", "too_many_pending")
        heard = self._take_waiting()
        item = _Item(self._new_id("item"))
        self._items.append(item)
        return list(self._committed(item)), [*heard, Finalize()]

    def clear(self) -> None:
        """Forget what was not committed.

        Raises:
            NotGiven: it is being heard.
        """
        if self._speaking:
            raise NotGiven("type", "what is being said is heard already, where turns are detected", "unsupported")
        self._waiting.clear()

    def add(self, item_id: str, text: str) -> Sequence[Message]:
        """Return what the client is told of an item that it has written."""
        return list(self._added(item_id, [{"type": "input_text", "text": text}]))

    def playing(self, payload: bytes) -> Iterator[Message]:
        """Note that the client gets audio to play; what stopped the bot for that long was no speech."""
        if self._guessed and (item := self._speaking):
            self._items.remove(item)
            yield from self.speech_stopped(self._audio.now_ms if self._audio else 0)
            yield from self._completed(item, "", 0)
        if self._audio:
            begin_ms = max(self._unheard_until_ms, self._audio.now_ms)
            self._unheard_until_ms = begin_ms + self._session.format.duration_ms(payload)

    def interrupted(self) -> Iterator[Message]:
        """Tell that the client speaks, where it was not told yet: it is to throw away what it has to play."""
        self._unheard_until_ms = 0
        if self._session.detection and not self._speaking and self._audio:
            self._guessed, self._late_start_ms = True, self._audio.now_ms
            self._items.append(_Item(self._new_id("item")))
            self._speaking = self._items[-1]
        yield from self._late_start()

    # ------------------------------------------------------------ what was said

    def speech_started(self, at_ms: int) -> Iterator[Message]:
        """Tell that the client speaks; over the bot, only once that is stopped: it throws away what it has to play."""
        if not self._session.detection:
            return
        if self._guessed:
            self._guessed = False
            return
        if not (self._items and not self._speaking and self._items[-1].committed and self._items[-1].shown == ""):
            self._items.append(_Item(self._new_id("item")))
        self._speaking, self._late_start_ms = self._items[-1], at_ms
        if self._audio is None or self._audio.now_ms >= self._unheard_until_ms:
            yield from self._late_start()

    def speech_stopped(self, at_ms: int) -> Iterator[Message]:
        """Tell that the client is done, and that what it said is an item."""
        item, self._speaking, self._guessed = self._speaking, None, False
        if item is None:
            return
        yield from self._late_start(item)
        yield {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": at_ms, "item_id": item.id}
        yield from self._committed(item)

    def transcript(self, transcript: Transcript) -> Iterator[Message]:
        """Tell what was understood: of an item under way as far as it is certain, or all of it."""
        if not self._items:
            if not (transcript.final and transcript.text):
                return
            self._items.append(_Item(self._new_id("item")))
            yield from self._committed(self._items[0])
        item = self._items[0]
        text = " ".join([*item.texts, transcript.text]) if transcript.text else " ".join(item.texts)
        if transcript.final:
            item.texts = [text] if text else []
        if not transcript.final or not transcript.ends_turn:
            yield from self._delta(item, text)
            return
        begin_ms, end_ms = transcript.span_ms or (0, 0)
        if item is self._speaking:
            yield from self.speech_stopped(end_ms)
        self._items.popleft()
        yield from self._delta(item, text)
        yield from self._completed(item, text, end_ms - begin_ms)

    def _completed(self, item: _Item, text: str, length_ms: int) -> Iterator[Message]:
        if self._session.transcribes:
            usage = {"type": "duration", "seconds": length_ms / 1000}
            kind = "conversation.item.input_audio_transcription.completed"
            yield {"type": kind, "item_id": item.id, "content_index": 0, "transcript": text, "usage": usage}

    def _delta(self, item: _Item, text: str) -> Iterator[Message]:
        if self._session.transcribes and text.startswith(item.shown) and len(text) > len(item.shown):
            more, item.shown = text[len(item.shown) :], text
            kind = "conversation.item.input_audio_transcription.delta"
            yield {"type": kind, "item_id": item.id, "content_index": 0, "delta": more}

    def _late_start(self, item: _Item | None = None) -> Iterator[Message]:
        item = item or self._speaking
        if item and self._late_start_ms is not None:
            began_ms, self._late_start_ms = self._late_start_ms, None
            yield {"type": "input_audio_buffer.speech_started", "audio_start_ms": began_ms, "item_id": item.id}

    def _committed(self, item: _Item) -> Iterator[Message]:
        if item.committed:
            return
        item.committed = True
        yield {"type": "input_audio_buffer.committed", "previous_item_id": self.last_item_id, "item_id": item.id}
        yield from self._added(item.id, [{"type": "input_audio", "transcript": None}])

    def _added(self, item_id: str, content: Sequence[Message]) -> Iterator[Message]:
        about = {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed"}
        item = {**about, "role": "user", "content": content}
        for kind in ("created",) if self._beta else ("added", "done"):
            yield {"type": f"conversation.item.{kind}", "previous_item_id": self.last_item_id, "item": item}
        self.last_item_id = item_id

    def _take_waiting(self) -> Sequence[Event]:
        """Return what waited to be committed, in order."""
        assert self._audio, "the session has begun"
        if self._session.detection:
            return ()
        if self._waiting_ms < LEAST_MS:
            why = f"buffer too small: {self._waiting_ms} ms of audio; at least {LEAST_MS} ms are needed"
            raise NotGiven("type", why, "input_audio_buffer_commit_empty")
        waiting, self._waiting = bytes(self._waiting), bytearray()
        pieces = self._session.format.pieces(waiting, at_most_ms=_PIECE_MS)
        return [event for piece in pieces for event in self._audio.take(piece)]

    @property
    def _waiting_ms(self) -> int:
        audio = self._session.format
        return len(self._waiting) * 1000 // (audio.encoding.sample_bytes * audio.sample_rate)


def written(fields: Fields) -> tuple[str, str]:
    """Return the id, "" where there is none, and the text of an item that the client adds.

    Raises:
        Refused: it is no text of the user.
    """
    item = object_of(fields, "item")
    if item.get("type") != "message" or item.get("role") != "user":
        raise NotGiven("item", "only messages of the user can be added: the bot keeps its own history", "unsupported")
    if fields.get("previous_item_id") is not None:
        raise NotGiven("previous_item_id", "items are added at the end", "unsupported")
    content = item.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    if not parts or any(part.get("type") != "input_text" for part in parts):
        raise NotGiven("item.content", "only input_text can be added: audio goes into the buffer", "unsupported")
    named = item.get("id")
    text = " ".join(text_of(part, "text", where="item.content", at_most=MAX_TEXT) for part in parts)
    return named if isinstance(named, str) and len(named) <= MAX_ID else "", text
