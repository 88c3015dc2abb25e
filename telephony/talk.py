"""A bot on the plain protocol: config, audio and finalize in and transcripts out as there, and the bot's side on top.

To the client:
    binary                              bot audio, in the format the client sends its own in
    {"type": "reply", "text": "..."}    the sentence whose audio follows
    {"type": "mark", "name": "..."}     send this message back when all audio before it was played or cleared
    {"type": "clear"}                   throw away what was not played yet

From the client:
    {"type": "mark", "name": "..."}     the answer to that mark

The bot hangs up by closing the socket.
"""

from collections.abc import Sequence
from typing import Final

from telephony.errors import LocalProtocolError
from telephony.events import Capabilities, Clear, Command, Event, Hangup, Mark, Play, Played, Reply
from telephony.jsontext import Fields, refusal, to_json
from telephony.malformed import Refused
from telephony.plain import PlainProtocol

MAX_MARK_CHARS: Final = 128


class TalkProtocol(PlainProtocol):
    """One call with a bot: CREATED -config, audio or finalize-> STARTED. The socket's end is the call's."""

    capabilities = Capabilities(
        transcripts=True, audio_out=True, clear=True, mark=True, hangup=True, send_ahead_ms=10_000
    )
    types = (*PlainProtocol.types, "mark")

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`. To hang up is to close the socket, and so brings none.

        Raises:
            LocalProtocolError: before the session began, or what this wire cannot do.
        """
        match command:
            case Hangup():
                return ()
            case Play() | Mark() | Clear() | Reply():
                return [self._said(command)]
        return super().send(command)

    def _said(self, command: Play | Mark | Clear | Reply) -> str | bytes:
        if self._started is None:
            raise LocalProtocolError(f"{type(command).__name__} before the session began")
        match command:
            case Play(payload):
                return payload
            case Mark(name):
                return to_json(type="mark", name=name)
            case Reply(text):
                return to_json(type="reply", text=text)
            case Clear():
                return to_json(type="clear")

    def _control(self, message: Fields) -> Sequence[Event]:
        return [self._played(message)] if message.get("type") == "mark" else super()._control(message)

    def _played(self, message: Fields) -> Played:
        if self._started is None:
            raise Refused('field type: got "mark" before the session began; allowed: "config", "finalize"')
        name = message.get("name")
        if not isinstance(name, str) or len(name) > MAX_MARK_CHARS:
            raise refusal("name", name, f"the name of a mark that was sent, at most {MAX_MARK_CHARS} characters")
        return Played(name)
