"""Plain typed Python functions as tools of a language model: what it is told of them, and calls that cannot fail.

The name, the docstring and the types of a function are all there is to write:

    async def find_order(number: int) -> str:
        \"\"\"Look up where an order is.

        Args:
            number: Printed on the receipt, e.g. 4711.
        \"\"\"

What it returns the model is told. An action (bot/actions.py), alone or in a tuple with text, happens on the call:

    def connect() -> tuple[str, Transfer]:
        \"\"\"Put the caller through to a human.\"\"\"
        return "Say that you are putting the caller through.", Transfer("+4930123456")
"""

import asyncio
import inspect
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Final, Protocol, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema, PydanticSerializationError, to_json

from bot.actions import Action
from bot.threads import in_thread

log = logging.getLogger(__name__)

LONGEST: Final = 8000
"""Characters of a result that the model is told: about 2000 tokens, which it reads before each answer from then on."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what the chat completions protocol allows
_SECTION: Final = re.compile(r"\s*(Args|Arguments|Returns|Yields|Raises):\s*")
_ARGUMENT: Final = re.compile(r"\s*\*{0,2}(?P<name>\w+)(\s*\([^)]*\))?:\s+(?P<text>.*)")


@dataclass(slots=True, eq=False)
class Outcome:
    """What came of one call of a tool; str() of it is what the model is told."""

    text: str = ""
    actions: list[Action] = field(default_factory=list)
    """What it asked for and what was not done yet, in order."""
    trouble: str = ""
    """Why one of them was not done."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.text, self.trouble))) or "done"


class AnyTool(Protocol):
    """What a model may call."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, object]:
        """JSON schema of an object."""

    async def call(self, arguments: str, owner: object, *, limit_s: float) -> Outcome:
        """Return the result, or as text for the model what went wrong. Raises nothing."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One function, as the model sees it."""

    name: str
    description: str
    parameters: Mapping[str, object]
    """JSON schema of an object."""
    function: Callable[..., object]
    arguments: type[BaseModel]
    """What checks the model's arguments against the function's types."""
    method: bool
    """True: the function's first parameter is `self`, the bot."""

    async def call(self, arguments: str, owner: object, *, limit_s: float) -> Outcome:
        """Return the result, or as text for the model what went wrong. Raises nothing.

        `arguments`: JSON, as the model wrote it. `owner`: the bot, for functions that take `self`. `limit_s`: for a
        function that blocks, after which its thread goes on and nobody listens.
        """
        try:
            given = self.check(arguments)
        except ValueError as error:
            return Outcome(f"Error: wrong arguments: {error}")
        limit = asyncio.timeout(limit_s)
        try:
            async with limit:
                return await self._run([owner] if self.method else [], given)
        except (Exception, SystemExit) as error:  # its author's code may fail in any way, and costs no call
            if isinstance(error, TimeoutError) and limit.expired():
                log.error("the tool %s took more than %g s", self.name, limit_s)
                return Outcome(f"Error: no result within {limit_s:g} s; whether it was done is not known")
            return self._failed(error)

    def check(self, arguments: str) -> dict[str, Any]:
        """Return the arguments by name, in the function's types.

        Raises:
            ValueError: they do not fit; the text says which and why, without repeating what was given.
        """
        try:
            checked = self.arguments.model_validate_json(arguments.strip() or "{}")
        except ValidationError as error:
            raise ValueError("; ".join(map(_complaint, error.errors()))) from None
        fields = self.arguments.model_fields
        return {str(fields[key].alias): getattr(checked, key) for key in fields if key in checked.model_fields_set}

    async def _run(self, owner: list[object], given: dict[str, Any]) -> Outcome:
        if inspect.iscoroutinefunction(self.function):
            return _outcome(await self.function(*owner, **given))
        return await in_thread(lambda: self._block(owner, given))

    def _block(self, owner: list[object], given: dict[str, Any]) -> Outcome:
        try:
            return _outcome(self.function(*owner, **given))
        except (Exception, SystemExit) as error:  # as in `call`
            return self._failed(error)

    def _failed(self, error: BaseException) -> Outcome:
        log.error("the tool %s failed", self.name, exc_info=error)
        return Outcome(f"Error: {type(error).__name__}: {error}"[:LONGEST])


@cache  # a bot is made for each call, its tools once
def describe(function: Callable[..., object]) -> Tool:
    """Return `function` as a tool.

    Raises:
        TypeError: the model could not be told what it does, or what it takes.
    """
    name = getattr(function, "__name__", "")
    if not _NAME.fullmatch(name):
        raise TypeError(f"{function!r} cannot be a tool: its name must be 1 to 64 of A-Z a-z 0-9 _ -")
    description, explained = _read(inspect.getdoc(function) or "")
    if not description:
        raise TypeError(f"{name} has no docstring; the model knows a tool by it")
    parameters = list(inspect.signature(function).parameters.values())
    method = bool(parameters) and parameters[0].name == "self"
    arguments = _model(name, function, parameters[method:], explained)
    schema = arguments.model_json_schema(schema_generator=_Schema)
    schema = {key: value for key, value in schema.items() if key not in {"title", "description"}}
    return Tool(name, description, schema, function, arguments, method)


def _model(
    name: str, function: Callable[..., object], parameters: list[inspect.Parameter], explained: Mapping[str, str]
) -> type[BaseModel]:
    """Return a model with a field for each parameter, known by its alias: a parameter may be called `json`."""
    try:
        types = get_type_hints(function, include_extras=True)
        fields: dict[str, Any] = {f"p{i}": _field(name, p, types, explained) for i, p in enumerate(parameters)}
        return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    except (NameError, PydanticUserError) as error:
        raise TypeError(f"{name}: the types of its parameters cannot be told to a model: {error}") from error


def _field(
    name: str, parameter: inspect.Parameter, types: Mapping[str, object], explained: Mapping[str, str]
) -> tuple[object, object]:
    if parameter.kind not in {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}:
        raise TypeError(f"{name}: parameter {parameter} cannot be given by name")
    if parameter.name not in types:
        raise TypeError(f"{name}: parameter {parameter.name} has no type, e.g. {parameter.name}: str")
    text, alias = explained.get(parameter.name), parameter.name
    about = Field(alias=alias, description=text) if text else Field(alias=alias)  # None would hide the type's own
    default = ... if parameter.default is inspect.Parameter.empty else parameter.default
    return Annotated[types[parameter.name], about], default


class _Schema(GenerateJsonSchema):
    """Leaves out what a model reads in vain."""

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:
        return False


def _read(doc: str) -> tuple[str, dict[str, str]]:
    """Return what a docstring says of the function, and of each parameter in its Args section."""
    about: list[str] = []
    explained: dict[str, str] = {}
    section, name = "", ""
    for line in doc.splitlines():
        if head := _SECTION.fullmatch(line):
            section, name = head[1], ""
        elif not section:
            about.append(line.strip())
        elif section.startswith("Arg") and (match := _ARGUMENT.fullmatch(line)):
            name = match["name"]
            explained[name] = match["text"].strip()
        elif name and line.strip():
            explained[name] = f"{explained[name]} {line.strip()}".strip()
    return "\n".join(about).strip(), explained


def _outcome(result: object) -> Outcome:
    """Return what a tool returned, its actions apart from the rest; a sequence without any is a result like others."""
    pieces = result if isinstance(result, tuple | list) else [result]
    actions = [piece for piece in pieces if isinstance(piece, Action)]
    if not actions:
        return Outcome(_text(result))
    told = " ".join(_text(piece) for piece in pieces if piece is not None and not isinstance(piece, Action))
    return Outcome(told[:LONGEST], actions)


def _text(result: object) -> str:
    """Return `result` as the model reads it: text as it is, nothing as "", all else as JSON."""
    if result is None:
        return ""
    if isinstance(result, str):
        return result[:LONGEST]
    try:
        return to_json(result, fallback=str).decode()[:LONGEST]
    except (PydanticSerializationError, ValueError):  # it contains itself
        return str(result)[:LONGEST]


def _complaint(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {error['msg']}" if where else str(error["msg"])
