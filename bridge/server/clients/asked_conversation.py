"""A conversation whose client may ask for replies, write instead of speaking, and stop what is said."""

from bot.api import Final
from bridge.call.conversation import Conversation
from telephony.bot_requests import AskReply, BotRequest, StopReply, UserText


class AskedConversation(Conversation):
    """A `BotSide` that takes requests."""

    answers_when_asked = False
    """True: nothing is answered before the client asks for it."""
    _asked = False  # for the answer to what has no final yet

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

    def _reply(self) -> None:
        self._asked = False
        if self._history.text:
            super().end_user_turn()
        else:
            self.put_in("")
