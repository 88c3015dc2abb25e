"""Which process of pytest-xdist gets which integration tests, and when, with `--dist loadfile`."""

import re
from pathlib import Path
from typing import Final

from xdist.scheduler import LoadFileScheduling

LONGEST_FIRST: Final = (
    *("local_voices", "webhook_calls", "llm_faults", "conversation", "sip_asterisk", "asterisk_calls"),
    *("calls_in_languages", "ari_calls", "warm_transfer", "turns", "recordings", "actions"),
    *("workers", "chan_websocket", "client_sdks", "outbound_calls", "http_voices", "dictated_numbers"),
    *("replay", "carrier_calls", "evals", "page", "client_wires", "languages", "llm_calls"),
)
"""Files of tests/integration that take half a minute or more: what begins last should be short. In each line one or two
keep a core busy, and the others mostly wait."""
SHARE_NOTHING: Final = ("twilio_calls", "plain_clients", "command_line")
"""Files whose tests have no more in common than the server of each process. They fill the end, one by one."""
_ENGINES: Final = re.compile(r"\[(in process|over HTTP)")


class ByWhatIsShared(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """All tests of a file go to one process, so that they share its servers.

    Two processes share two sets of engines: pytest-xdist 3.8 has groups for that, which do not work under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if _name(Path(file)) in SHARE_NOTHING:
            return nodeid
        engines = _ENGINES.search(nodeid)
        return f"{file} {engines[1] if engines else ''}"


def turn(file: Path) -> int:
    """Return a number to sort files of tests by."""
    name, most = _name(file), len(LONGEST_FIRST)
    if name in SHARE_NOTHING:
        return most + 1 + SHARE_NOTHING.index(name)
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else most


def _name(file: Path) -> str:
    return file.stem.removeprefix("test_")
