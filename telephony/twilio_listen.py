"""Twilio's `<Start><Stream>`: one stream with one or both sides of a call, to be listened to only.

Nothing may be sent back. Source: https://www.twilio.com/docs/voice/twiml/stream
"""

from collections.abc import Sequence
from typing import Final

from telephony.errors import LocalProtocolError
from telephony.events import Capabilities, Command, Play, SendDtmf, Transfer
from telephony.twilio import TwilioProtocol

INBOUND: Final = "inbound"
"""What Twilio hears from the party whose TwiML has the stream."""
OUTBOUND: Final = "outbound"
"""What that party hears."""
TRACKS: Final = (INBOUND, OUTBOUND)


class TwilioListenProtocol(TwilioProtocol):
    """One track of such a stream. Each message goes to the protocols of all its tracks."""

    capabilities = Capabilities(steady=True)

    def __init__(self, track: str = INBOUND) -> None:
        """`track`: one of TRACKS, the one that is heard."""
        super().__init__(heard=(track, f"{track}_track"), unheard=tuple(self._others(track)))
        self.track = track

    @property
    def is_sent(self) -> bool:
        """True where the stream has this track, by what its start said; known from the start on."""
        named = [track for track in self.tracks if track in TRACKS]
        return self.track in named or not named

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return nothing: a stream that is listened to takes nothing.

        Raises:
            LocalProtocolError: `command` would reach the call.
        """
        if isinstance(command, Play | Transfer | SendDtmf):
            raise LocalProtocolError(f"a stream that is listened to cannot carry {type(command).__name__}")
        return ()

    @staticmethod
    def _others(track: str) -> Sequence[str]:
        return [name for other in TRACKS if other != track for name in (other, f"{other}_track")]
