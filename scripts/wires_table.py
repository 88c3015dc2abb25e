"""Writes the table of wires and what each can do, out of what the code declares, into docs/wires.md and README.md.

python scripts/wires_table.py [--check]
"""

import sys
from pathlib import Path
from typing import Final

from telephony.events import Capabilities
from telephony.wires import WIRES

ROOT: Final = Path(__file__).resolve().parent.parent
ABILITIES: Final = {
    "clear": "take back at barge-in what it has not played",
    "mark": "tell what the caller has heard",
    "hangup": "be hung up by the bot",
    "transfer": "transfer the call",
    "dtmf_out": "send digits",
    "info": "carry messages of the bot",
    "transcripts": "show transcripts",
}


ASKS_FIRST: Final = "ask somebody first whether they take the caller, where calls out are set up"
NO_IDENTITY: Final = "-"


def full() -> str:
    """Return every wire with all it declares."""
    names = " | ".join(name.replace("_", " ") for name in ABILITIES)
    lines = [
        (
            f"| wire | `wire` in the metrics | address | audio | door | {names} | warm transfer | plays ahead "
            "| caller identity | transports | NAT | tried against | note |"
        ),
        "|---" * (len(ABILITIES) + 12) + "|",
    ]
    for wire in WIRES:
        can = wire.capabilities
        has = " | ".join("yes" if getattr(can, name) else "-" for name in ABILITIES)
        cells = f"{wire.title} | {wire.name} | `{wire.address}` | {wire.audio} | {wire.door.value}"
        network = f"{wire.identity} | {wire.transports} | {wire.nat} | {wire.tried}"
        lines.append(f"| {cells} | {has} | {_asks_first(can)} | {_ahead(can)} | {network} | {wire.note} |")
    return "\n".join(lines)


def summary() -> str:
    """Return what wires can do, and which of them."""
    lines = ["| a wire can | these do |", "|---|---|"]
    for name, what in ABILITIES.items():
        who = [wire.name for wire in WIRES if getattr(wire.capabilities, name)]
        lines.append(f"| {what} | {', '.join(who) or 'none by itself'} |")
    more = {
        ASKS_FIRST: [wire.name for wire in WIRES if wire.capabilities.audio_out],
        "tell who calls": [wire.name for wire in WIRES if wire.identity != NO_IDENTITY],
    }
    lines += [f"| {what} | {', '.join(who)} |" for what, who in more.items()]
    return "\n".join(lines)


def _asks_first(can: Capabilities) -> str:
    """A warm transfer bridges the media of two legs of ours, so every wire that a bot speaks over has it."""
    if can.warm_transfer:
        return "by the wire"
    if can.joins:
        return "bridged by us, or by the wire"
    return "bridged by us" if can.audio_out else "-"


def _ahead(can: Capabilities) -> str:
    return f"{can.send_ahead_ms / 1000:g} s" if can.send_ahead_ms else "-"


def placed(text: str, name: str, table: str) -> str:
    """Return `text` with `table` between the two comments of this name.

    Raises:
        ValueError: they are not there.
    """
    begin, end = f"<!-- wires: {name} -->\n", "<!-- /wires -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"there is no {begin.strip()} ... {end}")
    return f"{before}{begin}{table}\n{end}{after}"


def main(check: bool) -> int:
    stale = 0
    for path, name, table in ((ROOT / "docs/wires.md", "table", full()), (ROOT / "README.md", "summary", summary())):
        text = path.read_text()
        if (fresh := placed(text, name, table)) != text:
            stale += 1
            if check:
                print(f"{path.name} is stale: make wires")
            else:
                path.write_text(fresh)
    return stale if check else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
