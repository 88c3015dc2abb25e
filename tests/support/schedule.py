"""Which process of pytest-xdist gets which integration tests, and when, with `--dist loadfile`."""

import re
from pathlib import Path
from typing import Final

from xdist.scheduler import LoadFileScheduling

LONGEST_FIRST: Final = (
    *("twilio_calls", "webhook_calls", "sip_asterisk", "llm_faults", "conversation", "turns", "command_line"),
    *("plain_clients", "ari_calls", "actions", "chan_websocket", "page", "outbound_calls", "asterisk_calls"),
)
"""Files of tests/integration that take a minute or more: what begins last should be short."""
_ENGINES: Final = re.compile(r"\[(in process|over HTTP)")


class ByFileAndEngines(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """All tests of a file go to one process, so that they share its servers; two processes share two sets of engines.

    pytest-xdist has groups for the latter, `--dist loadgroup`, and 3.8 does not find them under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        engines = _ENGINES.search(nodeid)
        return f"{super()._split_scope(nodeid)} {engines[1] if engines else ''}"


def turn(file: Path) -> int:
    """Return a number to sort files of tests by: those that take long come first."""
    name = file.stem.removeprefix("test_")
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)
