"""What servers write in the chunks of a streamed answer. Pure. Nobody has checked it: anything may come.

tests/bot/openai/test_chunks.py holds the shapes of the large providers.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_MOST_TOKENS: Final = 1 << 31


class NoChunk(ValueError):
    """It is no chunk of an answer, or tells of a fault. The text says which."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model wants a tool to be called."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Of a tool call."""

    index: int | None
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server counted for one answer, in tokens."""

    read: int
    """The prompt, which holds the whole conversation."""
    written: int


@dataclass(frozen=True, slots=True)
class Delta:
    """What one chunk adds to the answer."""

    text: str = ""
    calls: tuple[Piece, ...] = ()
    reason: str = ""
    """Why the answer ends, "" while it does not."""
    usage: Usage | None = None
    """Of the answer so far. Few servers tell it with each chunk, most with the last, some never."""

    @property
    def says(self) -> bool:
        """Whether the answer went on, or ended."""
        return bool(self.text or self.calls or self.reason)


NOTHING: Final = Delta()


def read(data: str) -> Delta:
    """Return what the chunk `data`, JSON, adds; also where it is a whole answer, of a server that does not stream.

    Raises:
        NoChunk: see there.
    """
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NoChunk(f"a chunk that is no JSON: {error}") from None
    if not isinstance(chunk, dict):
        raise NoChunk(f"a chunk that is none: {data[:80]!r}")
    if fault := chunk.get("error"):
        raise NoChunk(str(fault.get("message") or fault) if isinstance(fault, dict) else str(fault))
    choices, usage = chunk.get("choices"), _usage(chunk)
    if not choices:
        return Delta(usage=usage)  # or it tells of what a filter thinks
    choice = _object(_first(choices), "choice")
    delta = _object(choice.get("delta") or choice.get("message") or {}, "delta")
    called = delta.get("tool_calls")
    calls = [_piece(call) for call in _list([called] if isinstance(called, dict) else called, "tool_calls")]
    if legacy := delta.get("function_call"):
        calls.append(_piece({"function": legacy}))
    text = _content(delta.get("content")) + _text(delta.get("refusal"))
    return Delta(text, tuple(calls), _text(choice.get("finish_reason")), usage)


def _usage(chunk: Mapping[str, object]) -> Usage | None:
    """Return what was counted, where that can be read: an answer is not lost for it."""
    groq = chunk.get("x_groq")
    told = chunk.get("usage") or (groq.get("usage") if isinstance(groq, dict) else None)
    if not isinstance(told, dict):
        return None
    counts = [told.get(name) for name in ("prompt_tokens", "completion_tokens")]
    read, written = (count if type(count) is int and 0 <= count < _MOST_TOKENS else 0 for count in counts)
    return Usage(read, written) if read or written else None


def _first(choices: object) -> object:
    """Return the first of several answers: nobody asked for more."""
    found = _list(choices, "choices")
    return next((each for each in found if isinstance(each, dict) and each.get("index") == 0), found[0])


def _content(content: object) -> str:
    """Return text that is given as such, or in parts of which some may be the model's thoughts."""
    if not isinstance(content, list):
        return _text(content)
    parts = (_object(part, "part of the content") for part in content)
    return "".join(_text(part.get("text")) for part in parts if part.get("type", "text") in {"text", "output_text"})


def _piece(call: object) -> Piece:
    call = _object(call, "tool call")
    function = _object(call.get("function") or {}, "function")
    index = call.get("index")
    if isinstance(index, str) and index.isdecimal():
        index = int(index)
    if index is not None and (not isinstance(index, int) or isinstance(index, bool)):
        raise NoChunk(f"a chunk that is none: index of a tool call is {index!r}")
    arguments = function.get("arguments")
    if arguments is not None and not isinstance(arguments, str):
        arguments = json.dumps(arguments)
    return Piece(index, _text(call.get("id")), _text(function.get("name")), _text(arguments))


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise NoChunk(f"a chunk that is none: {what} is {str(value)[:80]!r}")
    return value


def _list(value: object, what: str) -> Sequence[object]:
    if value is not None and not isinstance(value, list):
        raise NoChunk(f"a chunk that is none: {what} is {str(value)[:80]!r}")
    return value or ()


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise NoChunk(f"a chunk that is none: {str(value)[:80]!r} is no text")
    return (value or "").encode(errors="ignore").decode()  # halves of characters, which nobody can say or send on


class Calls:
    """Tool calls, put together.

    Index and id may be missing, be the same for all, come once or with each piece; pieces of several calls may come by
    turns; a name may be repeated.
    """

    def __init__(self) -> None:
        self.characters = 0
        """Of all pieces so far."""
        self._calls: list[_Call] = []

    def add(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self.characters += len(piece.id) + len(piece.name) + len(piece.arguments)
            call = self._begun(piece)
            if call is None or call.ends_before(piece):
                call = _Call(piece.index)
                self._calls.append(call)
            call.add(piece)

    def _begun(self, piece: Piece) -> "_Call | None":
        """Return the newest call that `piece` may belong to: by its index, else by its id, else the newest of all."""
        newest = self._calls[::-1]
        if piece.index is not None and any(call.index is not None for call in newest):
            same = [call for call in newest if call.index == piece.index]
            return next((call for call in same if piece.id and call.id == piece.id), same[0] if same else None)
        known = [call for call in newest if piece.id and call.id == piece.id]
        return next(iter(known or newest), None)

    @property
    def whole(self) -> tuple[ToolCall, ...]:
        """All calls that name a tool, each with an id of its own."""
        named = [call for call in self._calls if call.name]
        given = {call.id for call in named}
        used = set[str]()
        found: list[ToolCall] = []
        for i, call in enumerate(named):
            own = call.id if call.id and call.id not in used else f"call_{i}"
            while own in used or (own != call.id and own in given):
                own += "_"
            used.add(own)
            found.append(ToolCall(own, call.name, call.arguments))
        return tuple(found)


class _Call:
    """One call, as far as it has come."""

    def __init__(self, index: int | None) -> None:
        self.index, self.id, self.name = index, "", ""
        self._arguments: list[str] = []

    def add(self, piece: Piece) -> None:
        self.id, self.name = self.id or piece.id, self.name or piece.name
        self._arguments.append(piece.arguments)

    def ends_before(self, piece: Piece) -> bool:
        """Return whether `piece` begins another call, although nothing else tells them apart."""
        if piece.id and self.id:
            return piece.id != self.id or bool(piece.name and piece.name != self.name)
        if not piece.name or not self.name:
            return False
        written = "".join(self._arguments)
        begun_anew = _is_object(written) or (piece.index is None and not written)
        return piece.name != self.name or begun_anew

    @property
    def arguments(self) -> str:
        """Return what was written, as an object: some servers begin with an empty one, write none, or quote it."""
        pieces = [piece for piece in self._arguments if piece.strip()]
        while len(pieces) > 1 and pieces[0].strip() in {"{}", "null"}:
            pieces.pop(0)
        written = "".join(pieces)
        if written.strip() in {"", "null"}:
            return "{}"
        if written.lstrip().startswith('"'):
            try:
                inner = json.loads(written)
            except (ValueError, RecursionError):
                return written
            return inner if isinstance(inner, str) and _is_object(inner) else written
        return written


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
