"""What servers write in the chunks of a streamed answer. Pure. The client checks no types: anything may come."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk


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
class Delta:
    """What one chunk adds to the answer."""

    text: str = ""
    calls: tuple[Piece, ...] = ()
    reason: str = ""
    """Why the answer ends, "" while it does not."""


NOTHING: Final = Delta()


def read(chunk: "ChatCompletionChunk") -> Delta:
    """Raises:
    AttributeError, TypeError, LookupError: it is no chunk.
    """
    if not chunk.choices:
        return NOTHING  # it tells of tokens used
    choice = chunk.choices[0]
    delta = choice.delta
    pieces = tuple(map(_piece, delta.tool_calls or ()))
    return Delta(_text(delta.content), pieces, _text(choice.finish_reason))


def _piece(call: object) -> Piece:
    function, index = getattr(call, "function", None), getattr(call, "index", None)  # either may be left out
    if index is not None and not isinstance(index, int):
        raise TypeError(f"index of a tool call is {index!r}")
    name, arguments = getattr(function, "name", None), getattr(function, "arguments", None)
    return Piece(index, _text(getattr(call, "id", None)), _text(name), _text(arguments))


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{str(value)[:80]!r} is no text")
    return value or ""


class Calls:
    """Tool calls, put together. Index and id may be missing, be the same for all, come once or with each piece."""

    def __init__(self) -> None:
        self.characters = 0
        """Of all pieces so far."""
        self._calls: list[list[Piece]] = []

    def add(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self.characters += len(piece.id) + len(piece.name) + len(piece.arguments)
            if not self._calls or self._begins(piece):
                self._calls.append([])
            self._calls[-1].append(piece)

    def _begins(self, piece: Piece) -> bool:
        first = self._calls[-1][0]
        if piece.id and first.id:
            return piece.id != first.id
        return bool(piece.name) and (piece.index is None or piece.index != first.index)

    @property
    def whole(self) -> tuple[ToolCall, ...]:
        """All calls that name a tool."""
        return tuple(
            ToolCall(pieces[0].id or f"call_{i}", pieces[0].name, "".join(piece.arguments for piece in pieces))
            for i, pieces in enumerate(self._calls)
            if pieces[0].name
        )
