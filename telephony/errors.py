"""Who broke the rule decides who handles it.

TelephonyError
├── LocalProtocolError     our bug
├── RemoteProtocolError    the peer's fault
└── NotAnswered            nobody's: whom we called did not answer (outcome.py)
"""


class TelephonyError(Exception):
    """Base of what this package raises on purpose; never raised itself."""


class LocalProtocolError(TelephonyError):
    """We asked a wire for something it cannot do: our bug, let it surface."""


class RemoteProtocolError(TelephonyError):
    """The peer broke its protocol beyond repair: end this call, keep the server."""
