"""A record of a call, read: what happened in it, in its order. Whatever is in the file, an error names its line."""

import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.api import Samples
from bridge.capture.notation import FORMAT, VERSION, NotWritten, data_of, number_of, samples_of

_GZIP: Final = 31  # of zlib's window bits
_ID: Final = re.compile(r"[0-9a-f]{32}")
_PIECE: Final = 1 << 16
_LONGEST_LINE: Final = 30_000_000
"""Bytes: a recording that a bot plays is one."""
_LARGEST: Final = 2_000_000_000
"""Bytes of all lines: a day of a call."""
_INPUTS: Final = frozenset({"heard", "vad", "piece", "done", "failed", "left", "order"})
"""Lines of what came from outside. Others say what the call did."""


class RecordFault(Exception):
    """A file is no record of a call, or a damaged one; the text names it, the line, and what is wrong."""


@dataclass(frozen=True, slots=True)
class WireLine:
    """One line."""

    number: int
    """Counted from 1."""
    t_s: float
    """By the clock of the loop that wrote it."""
    kind: str
    body: Mapping[str, object]
    after: int = 0
    """Number of the newest line before it that came from outside."""

    @property
    def at_once(self) -> bool:
        """Whether it was there when it was asked for."""
        return self.body.get("at_once") is True

    @property
    def asked_s(self) -> float:
        """When it was asked for."""
        asked = self.body.get("asked")
        return asked if isinstance(asked, float) else self.t_s

    def text(self, name: str) -> str:
        """Return a text of it, "" where there is none."""
        value = self.body.get(name)
        return value if isinstance(value, str) else ""

    def number_of(self, name: str) -> int:
        """Return a whole number of it; raises NotWritten."""
        return number_of(self.body, name)


@dataclass(slots=True)
class Question:
    """Something outside that was asked, with its answers."""

    line: WireLine
    pieces: list[WireLine] = field(default_factory=list)
    end: WireLine | None = None
    """What answered or failed; None where the answer was not waited for, or the record ends before."""
    dropped: WireLine | None = None
    """When it was no longer waited for."""
    used: bool = False
    """Somebody has had this answer."""

    @property
    def took_s(self) -> float:
        """Seconds to the answer, 0 where there is none."""
        return self.end.t_s - self.end.asked_s if self.end and not self.end.at_once else 0.0


@dataclass(slots=True)
class WireRecord:
    """One call."""

    path: Path
    begin: WireLine
    heard: list[WireLine] = field(default_factory=list)
    vad: list[WireLine] = field(default_factory=list)
    sent: list[WireLine] = field(default_factory=list)
    left: dict[int, WireLine] = field(default_factory=dict)
    """When what was sent has left, by its place in `sent`; where it left at once it is not here."""
    orders: list[WireLine] = field(default_factory=list)
    events: list[WireLine] = field(default_factory=list)
    read: list[WireLine] = field(default_factory=list)
    wishes: list[WireLine] = field(default_factory=list)
    variants: list[WireLine] = field(default_factory=list)
    questions: dict[str, list[Question]] = field(default_factory=lambda: defaultdict(list))
    """By what was asked: decode, judge, speak, hook, send, recovered."""
    sounds: dict[str, tuple[Samples, int]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    window: int = 512
    ends_s: float = 0.0
    """When its last line was written."""
    lost: int = 0
    """Lines that are missing."""
    damage: RecordFault | None = None
    cut: bool = True
    """It has no end: the server was killed, or the call is not over."""

    @property
    def whole(self) -> bool:
        """Whether all that happened is in it."""
        return not self.lost and not self.cut

    def sound(self, line: WireLine, name: str = "sound") -> tuple[Samples, int]:
        """Return the sound that `line` names, and its rate.

        Raises:
            RecordFault: it is not in the record.
        """
        if (found := self.sounds.get(line.text(name))) is None:
            raise self.fault(line, f"there is no sound {line.text(name)!r} in the record")
        return found

    def fault(self, line: WireLine, what: object) -> RecordFault:
        """Return the error that says what is wrong with `line`; the first is `damage`, whoever catches it."""
        error = RecordFault(f"{self.path}, line {line.number}: {what}")
        self.damage = self.damage or error
        return error


def read(path: Path) -> WireRecord:
    """Return the record in the file at `path`; blocks.

    Raises:
        RecordFault: it is none. OSError: it cannot be read.
    """
    record: WireRecord | None = None
    newest, asked = 0, dict[int, Question]()
    for number, text in enumerate(_lines(path), 1):
        line = _line(path, number, text, newest)
        if record is None:
            record = _begun(path, line)
            continue
        try:
            _add(record, line, asked)
        except NotWritten as error:
            raise record.fault(line, error) from error
        record.ends_s = max(record.ends_s, line.t_s)
        if line.kind in _INPUTS:
            newest = number
    if record is None:
        raise RecordFault(f"{path}: it is empty")
    return record


def _begun(path: Path, line: WireLine) -> WireRecord:
    if line.kind != "begin" or line.body.get("format") != FORMAT:
        raise RecordFault(f"{path}, line 1: this is no {FORMAT}; `bridge serve --record-wire DIR` makes them")
    if (version := line.body.get("version")) != VERSION:
        raise RecordFault(f"{path}, line 1: version is {version!r}; this bridge reads {VERSION}")
    return WireRecord(path, line, ends_s=line.t_s)


_LISTS: Final[Mapping[str, Callable[[WireRecord], list[WireLine]]]] = {
    "heard": lambda record: record.heard,
    "vad": lambda record: record.vad,
    "sent": lambda record: record.sent,
    "order": lambda record: record.orders,
    "event": lambda record: record.events,
    "read": lambda record: record.read,
    "wish": lambda record: record.wishes,
    "variant": lambda record: record.variants,
}


def _add(record: WireRecord, line: WireLine, asked: dict[int, Question]) -> None:
    if lines := _LISTS.get(line.kind):
        lines(record).append(line)
        return
    match line.kind:
        case "left":
            record.left[line.number_of("sent")] = line
        case "ask":
            asked[line.number_of("n")] = question = Question(line)
            record.questions[line.text("what")].append(question)
        case "piece" | "done" | "failed" | "dropped":
            _answer(asked, line)
        case "sound":
            record.sounds[line.text("id")] = samples_of(line.body)
        case "file":
            if not _ID.fullmatch(name := line.text("id")):
                raise NotWritten(f"id is {name!r}, must be 32 hexadecimal digits")
            record.files[name] = data_of(line.body.get("data"))
        case "vad opened":
            record.window = line.number_of("window")
        case "lost":
            record.lost += line.number_of("lines")
        case "end":
            record.cut = False
        case "missing":
            record.lost += 1
        case _:
            raise NotWritten(f"is is {line.kind!r}, which this bridge does not know")


def _answer(asked: Mapping[int, Question], line: WireLine) -> None:
    question = asked.get(line.number_of("n"))
    if question is None:
        return  # what asked it is lost, and the record says so
    if line.kind == "piece":
        question.pieces.append(line)
    elif line.kind == "dropped":
        question.dropped = line
    else:
        question.end = line


def _line(path: Path, number: int, text: bytes, newest: int) -> WireLine:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordFault(f"{path}, line {number}: it is no JSON: {error}") from error
    if not isinstance(body, dict) or not isinstance(kind := body.get("is"), str):
        raise RecordFault(f"{path}, line {number}: it is no line of a record: an object with `is` belongs there")
    t_s = body.get("t", 0.0)
    if not isinstance(t_s, int | float) or isinstance(t_s, bool) or not 0 <= t_s < 1e12:
        raise RecordFault(f"{path}, line {number}: t is {t_s!r}, must be seconds from 0 up")
    return WireLine(number, float(t_s), kind, body, newest)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of the file; a last one without its end was being written, and is left out."""
    rest: list[bytes] = []
    count = size = waiting = 0
    try:
        for piece in _unpacked(path):
            size, waiting = size + len(piece), waiting + len(piece)
            if waiting > _LONGEST_LINE or size > _LARGEST:
                raise RecordFault(f"{path}, line {count + 1}: it is too long for a record of a call")
            rest.append(piece)
            if b"\n" in piece:
                *lines, last = b"".join(rest).split(b"\n")
                rest, waiting, count = [last], len(last), count + len(lines)
                yield from lines
    except zlib.error as error:
        raise RecordFault(f"{path}, line {count + 1}: the file is damaged, or not compressed: {error}") from error


def _unpacked(path: Path) -> Iterator[bytes]:
    """Yield what is in the compressed file, as far as it goes; raises zlib.error."""
    unpack = zlib.decompressobj(_GZIP)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            while piece:
                yield unpack.decompress(piece, _PIECE)
                piece = unpack.unconsumed_tail
            if unpack.eof:
                return


def records_in(paths: Sequence[Path]) -> Sequence[Path]:
    """Return the files of records that `paths` name: themselves, or all below a folder.

    Raises:
        RecordFault: there is none at one of them.
    """
    found: list[Path] = []
    for path in paths:
        below = sorted(path.rglob("*.wire.gz")) if path.is_dir() else [path]
        if not below:
            raise RecordFault(f"{path}: there is no record (*.wire.gz) in this folder")
        found += below
    return found


def records_named(name: str, roots: Sequence[Path]) -> Sequence[Path]:
    """Return the records below `roots` whose name is `name`, else those of calls that their wires call so; blocks."""
    below = [path for root in roots for path in sorted(root.glob("*/*.wire.gz"))]
    return [path for path in below if path.name == f"{name}.wire.gz"] or [p for p in below if _call_id(p) == name]


def _call_id(path: Path) -> str | None:
    """Return what the wire called the call of a record; None where the file does not say."""
    with suppress(RecordFault, OSError):
        for text in _lines(path):
            call = _line(path, 1, text, 0).body.get("call")
            return str(call.get("call_id")) if isinstance(call, dict) else None
    return None
