"""A conversation whose client may ask for replies, write instead of speaking, and stop what is said."""

from bot.api import Final, Speaker
from bridge.call.conversation import Conversation
from telephony.bot_requests import AskReply, BotRequest, StopReply, Truncated, UserText

_TRUNCATED_MS = 2000
"""So long after its client has said what it played, what is interrupted is what it meant: barge-in takes a second."""


class AskedConversation(Conversation):
    """A `BotSide` that takes requests."""

    answers_when_asked = False
    """True: nothing is answered before the client asks for it."""
    _asked = False  # for the answer to what has no final yet
    _truncated: tuple[str, int] | None = None  # what the client has played of a reply, and when it said so

    def take(self, request: BotRequest) -> None:
        """Do what the client asks. What it asks for brings a reply in any case, an empty one where there is none."""
        match request:
            case UserText(text):
                now_ms = self._output.now_ms
                written = Final(text, "", now_ms, now_ms)
                self._metrics.observer.said(written)
                self.final(written)
            case StopReply():
                self.put_in("")
            case Truncated(heard):
                self._truncated = heard, self._output.now_ms
                if not self.talking and not self._output.heard.text:  # what it was said of is history already
                    self._truncate()
            case AskReply(waits=True):
                self._asked = True
            case AskReply():
                self._reply()

    def end_user_turn(self) -> None:
        """The caller is done: answer them, if they want to be answered now."""
        if not self.answers_when_asked:
            super().end_user_turn()
        elif self._asked:
            self._reply()

    def _cut(self, *, answered: bool = False, told: bool = True) -> None:
        before = self._replies_heard
        super()._cut(answered=answered, told=told)
        self._truncate(since=before)

    def _settle(self) -> None:
        before = self._replies_heard
        super()._settle()
        self._truncate(since=before)

    @property
    def _replies_heard(self) -> int:
        return sum(line.speaker is Speaker.BOT for line in self._history.lines)

    def _truncate(self, *, since: int = -1) -> None:
        """Take the client's word for what was heard of the last reply. `since`: so many were heard before it."""
        truncated, self._truncated = self._truncated, None
        if truncated and self._replies_heard > since and self._output.now_ms - truncated[1] < _TRUNCATED_MS:
            self._history.truncate(truncated[0])

    def _reply(self) -> None:
        self._asked = False
        if self._history.text:
            super().end_user_turn()
        elif not self.talking:  # what is being said, or about to be, is the answer
            self.put_in("")
