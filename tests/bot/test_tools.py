import asyncio
import contextvars
import datetime
import logging
import sys
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from bot import threads
from bot.actions import Hangup, SetVoice
from bot.tools import LONGEST, describe

CALL_ID: contextvars.ContextVar[str] = contextvars.ContextVar("call_id", default="")


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Address(BaseModel):
    street: str
    number: int = 1


async def find_order(number: int, *, size: Size = Size.SMALL) -> str:
    """Look up where an order is.

    It takes a moment.

    Args:
        number: Printed on the receipt,
            e.g. 4711.
        size (Size): Of the parcel.

    Returns:
        number: never mentioned.
    """
    return f"{type(number).__name__} {number} {size.value}"


def shadowing(json: str, schema: list[int], model_dump: bool = False) -> list[object]:
    """Take parameters named like what pydantic's models have."""
    return [json, schema, model_dump]


async def call(function: Callable[..., object], arguments: str, *, owner: object = None, limit_s: float = 5) -> str:
    return str(await describe(function).call(arguments, owner, limit_s=limit_s))


def test_a_model_is_told_what_name_docstring_and_types_say() -> None:
    tool = describe(find_order)
    assert (tool.name, tool.description) == ("find_order", "Look up where an order is.\n\nIt takes a moment.")
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "number": {"type": "integer", "description": "Printed on the receipt, e.g. 4711."},
            "size": {"$ref": "#/$defs/Size", "default": "small", "description": "Of the parcel."},
        },
        "required": ["number"],
        "additionalProperties": False,
        "$defs": {"Size": {"type": "string", "enum": ["small", "large"], "title": "Size"}},
    }


def test_a_parameter_may_say_more_in_its_type() -> None:
    def book(seats: Annotated[int, Field(ge=1, le=8, description="Chairs.")], day: Literal["Monday", "Friday"]) -> None:
        """Book a table."""

    properties: Any = describe(book).parameters["properties"]
    assert properties["seats"] == {"type": "integer", "minimum": 1, "maximum": 8, "description": "Chairs."}
    assert properties["day"]["enum"] == ["Monday", "Friday"]


def test_a_function_without_parameters_is_a_tool() -> None:
    def now() -> str:
        """Tell the time."""
        return "noon"

    assert describe(now).parameters == {"type": "object", "properties": {}, "additionalProperties": False}


async def test_arguments_become_what_the_types_say() -> None:
    seen: list[object] = []

    def move(to: datetime.date, address: Address, tags: list[str] | None = None) -> None:
        """Move an appointment."""
        seen.extend([to, address, tags])

    assert await call(move, '{"to": "2026-11-24", "address": {"street": "High"}}') == "done"
    assert seen == [datetime.date(2026, 11, 24), Address(street="High"), None]
    assert await call(find_order, '{"number": "12", "size": "large"}') == "int 12 large"


async def test_a_parameter_may_be_called_like_anything() -> None:
    assert await call(shadowing, '{"json": "a", "schema": [1]}') == '["a",[1],false]'


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("{}", "number: Field required"),
        ("", "number: Field required"),
        ('{"number": "secret-words"}', "number: Input should be a valid integer"),
        ('{"number": 1, "nmber": 2}', "nmber: Extra inputs are not permitted"),
        ('{"number": 1, "size": "huge"}', "size: Input should be 'small' or 'large'"),
        ('{"number": 1', "Invalid JSON"),
        ("[1]", "Input should be an object"),
        ("null", "Input should be an object"),
        ('{"number": ' + "9" * 5000 + "}", "number out of range"),
        ("[" * 100_000, "Invalid JSON"),
        ('{"number": "\\ud800"}', "Invalid JSON"),
    ],
)
async def test_wrong_arguments_are_told_and_nothing_is_called(arguments: str, complaint: str) -> None:
    told = await call(find_order, arguments)
    assert told.startswith("Error: wrong arguments: ")
    assert complaint in told
    assert "secret-words" not in told


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(str))
def test_whatever_a_model_writes_is_checked(arguments: str) -> None:
    try:
        checked = describe(find_order).check(arguments)
    except ValueError:
        return
    assert isinstance(checked["number"], int)


async def test_what_a_tool_raises_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def blocked() -> None:
        """Fail in a thread."""
        raise LookupError("no such order")

    async def awaited() -> None:
        """Fail on the loop."""
        raise LookupError("no such order")

    def stops() -> None:
        """Raise what futures refuse."""
        raise StopIteration

    def leaves() -> None:
        """End the program."""
        sys.exit(3)

    async def leaves_the_loop() -> None:
        """End the program."""
        sys.exit(3)

    async def late() -> None:
        """Have a time-out of its own."""
        raise TimeoutError("the database is slow")

    assert [await call(function, "") for function in (blocked, awaited)] == ["Error: LookupError: no such order"] * 2
    assert await call(stops, "") == "Error: StopIteration: "
    assert [await call(function, "") for function in (leaves, leaves_the_loop)] == ["Error: SystemExit: 3"] * 2
    assert await call(late, "") == "Error: TimeoutError: the database is slow"
    assert len([record for record in caplog.records if record.exc_info]) == 6


@pytest.mark.parametrize("blocks", [True, False])
async def test_a_tool_that_takes_too_long_is_told_so(blocks: bool) -> None:
    free, ended = threading.Event(), threading.Event()

    def blocked() -> None:
        """Wait in a thread."""
        free.wait(10)
        ended.set()

    async def awaited() -> None:
        """Wait on the loop."""
        await asyncio.Event().wait()

    told = await call(blocked if blocks else awaited, "", limit_s=0.02)
    assert told == "Error: no result within 0.02 s; whether it was done is not known"
    free.set()
    assert not blocks or await asyncio.to_thread(ended.wait, 5)


async def test_blocking_tools_leave_the_loop_and_know_the_call() -> None:
    def where() -> list[object]:
        """Say where it runs."""
        return [threading.current_thread() is threading.main_thread(), CALL_ID.get()]

    CALL_ID.set("call-1")
    assert await call(where, "") == '[false,"call-1"]'


async def test_tools_that_hang_stop_at_a_number_of_threads() -> None:
    free = threading.Event()

    def hang() -> None:
        """Wait in a thread."""
        free.wait(30)

    waiting = [asyncio.create_task(call(hang, "")) for _ in range(threads.MOST + 1)]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [f"Error: RuntimeError: {threads.MOST} threads are still at work"]
    free.set()
    assert sorted({await task for task in waiting})[1] == "done"
    assert await call(hang, "") == "done"


async def test_methods_get_the_bot() -> None:
    class Shop:
        name = "Corner Shop"

        def who(self, greeting: str) -> str:
            """Say who we are."""
            return f"{greeting}, {self.name}"

    assert "self" not in str(describe(Shop.who).parameters)
    assert await call(Shop.who, '{"greeting": "Hello"}', owner=Shop()) == "Hello, Corner Shop"


async def test_actions_are_told_apart_from_what_the_model_is_told() -> None:
    results: list[object] = [Hangup(), ("Bye", Hangup()), [SetVoice("b"), 1, "two", None, Hangup()], ["no", "action"]]

    def take() -> object:
        """Take the next."""
        return results.pop(0)

    outcomes = [await describe(take).call("", None, limit_s=5) for _ in range(4)]
    assert [(str(outcome), outcome.actions) for outcome in outcomes] == [
        ("done", [Hangup()]),
        ("Bye", [Hangup()]),
        ("1 two", [SetVoice("b"), Hangup()]),
        ('["no","action"]', []),
    ]
    outcomes[0].trouble = outcomes[1].trouble = "Error: no."
    assert [str(outcome) for outcome in outcomes[:2]] == ["Error: no.", "Bye Error: no."]


async def test_results_are_text_or_json_of_bounded_length() -> None:
    circle: list[object] = []
    circle.append(circle)
    results: list[object] = [
        {"at": datetime.date(2026, 1, 2)},
        3.5,
        Address(street="High"),
        object,
        circle,
        "x" * 10_000,
    ]

    def take() -> object:
        """Take the next."""
        return results.pop(0)

    assert await call(take, "") == '{"at":"2026-01-02"}'
    assert await call(take, "") == "3.5"
    assert await call(take, "") == '{"street":"High","number":1}'
    assert "object" in await call(take, "")
    assert await call(take, "") == "[[...]]"
    assert len(await call(take, "")) == LONGEST


def test_what_a_model_cannot_be_told_is_refused_by_name() -> None:
    def untold(number: int) -> None:
        pass

    def untyped(number) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Have no types."""

    def many(*numbers: int) -> None:
        """Take any number."""

    def by_place(number: int, /) -> None:
        """Take it by place only."""

    def strange(thread: threading.Thread) -> None:
        """Take what is no data."""

    def größe(number: int) -> None:  # noqa: PLC2401
        """Have a name that the protocol does not allow."""

    def unknown(number: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821
        """Have a type that nobody knows."""

    refused = {
        untold: "untold has no docstring",
        untyped: "untyped: parameter number has no type",
        many: "many: parameter .* cannot be given by name",
        by_place: "by_place: parameter .* cannot be given by name",
        strange: "strange: the types of its parameters",
        größe: "its name must be",
        unknown: "unknown: the types of its parameters",
        (lambda: None): "its name must be",
    }
    for function, why in refused.items():
        with pytest.raises(TypeError, match=why):
            describe(function)


async def test_a_thread_outlives_the_wait_for_it() -> None:
    free, ended = threading.Event(), threading.Event()

    def work() -> None:
        free.wait(5)
        ended.set()

    waiting = asyncio.create_task(threads.in_thread(work))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    free.set()
    assert await asyncio.to_thread(ended.wait, 5)


def test_a_thread_may_end_after_its_loop(caplog: pytest.LogCaptureFixture) -> None:
    free, ended = threading.Event(), threading.Event()

    def hang() -> None:
        """Wait in a thread."""
        free.wait(5)
        ended.set()

    with caplog.at_level(logging.ERROR):
        asyncio.run(call(hang, "", limit_s=0.01))
        free.set()
        assert ended.wait(5)
