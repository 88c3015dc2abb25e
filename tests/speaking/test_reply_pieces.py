"""The pieces of a reply, and what becomes of an action that failed."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator

import pytest
from virtual import run

from bot.actions import ActionFailed, Hangup, SetVoice
from bot.api import Say
from bridge.containment import PluginEnded
from bridge.speaking.reply_pieces import LONGEST, Piece, ReplyPieces, each_within


async def prepared() -> AsyncGenerator[Piece, None]:
    yield "One "
    try:
        yield SetVoice("other")
    except ActionFailed as failed:
        yield f"({failed}) "
    yield "moment."
    yield Hangup()


async def read(pieces: ReplyPieces) -> list[str]:
    return [text async for text in pieces.texts()]


async def test_text_is_read_up_to_each_action() -> None:
    pieces = ReplyPieces(prepared())
    assert (await read(pieces), pieces.action) == (["One "], SetVoice("other"))
    assert (await read(pieces), pieces.action) == (["moment."], Hangup())
    assert (await read(pieces), pieces.action) == ([], None)


@pytest.mark.parametrize("reply", [prepared, lambda: each_within(prepared(), 5)])
async def test_an_action_that_failed_is_raised_where_it_was_yielded(
    reply: Callable[[], AsyncIterator[Piece]],
) -> None:
    pieces = ReplyPieces(reply())
    await read(pieces)
    pieces.fail(ActionFailed("no such voice"))
    assert (await read(pieces), pieces.action) == (["(no such voice) ", "moment."], Hangup())


async def test_one_that_nobody_catches_passes() -> None:
    pieces = ReplyPieces(prepared())
    await read(pieces)
    await read(pieces)
    pieces.fail(ActionFailed("not now"))
    with pytest.raises(ActionFailed, match="not now"):
        await pieces.next()


async def test_a_reply_that_is_no_generator_cannot_catch_it() -> None:
    class Plain:
        def __aiter__(self) -> AsyncIterator[Piece]:
            return self

        async def __anext__(self) -> Piece:
            return Hangup()

    pieces = ReplyPieces(Plain())
    assert await pieces.next() == Hangup()
    pieces.fail(ActionFailed("not now"))
    with pytest.raises(ActionFailed, match="not now"):
        await pieces.next()


async def test_text_that_is_not_read_to_its_end_leads_to_no_action() -> None:
    pieces = ReplyPieces(prepared())
    await read(pieces)
    texts = pieces.texts()
    assert await anext(texts) == "moment."
    await texts.aclose()
    assert pieces.action is None, "not the one before"


class Leaves(BaseException):
    """No Exception, as SystemExit is none."""


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), Leaves(), asyncio.CancelledError()])
async def test_what_would_end_the_server_is_an_error_of_the_bot(error: BaseException) -> None:
    async def reply() -> AsyncGenerator[Piece, None]:
        yield "Hello."
        raise error

    with pytest.raises(PluginEnded, match=type(error).__name__):
        _ = [piece async for piece in each_within(reply(), 5)]


def test_a_reply_of_blanks_without_end_fails_in_time_and_leaves_the_loop_to_others() -> None:
    async def reply() -> AsyncGenerator[Piece, None]:
        while True:
            yield ""

    async def others() -> None:
        while True:
            await asyncio.sleep(0.01)
            turns.append(asyncio.get_running_loop().time())

    async def both() -> None:
        other = asyncio.create_task(others())
        with pytest.raises(TimeoutError):
            async for _ in each_within(reply(), 3):
                pass
        other.cancel()

    turns = list[float]()
    run(both())
    assert len(turns) > 100 and turns[-1] == pytest.approx(3, abs=0.02)


async def test_ten_megabytes_in_one_piece_are_cut_and_told(caplog: pytest.LogCaptureFixture) -> None:
    async def reply() -> AsyncGenerator[Piece, None]:
        yield Say("word " * 2_000_000, interruptible=False)

    (said,) = [piece async for piece in each_within(reply(), 5)]
    assert isinstance(said, Say) and len(said) == LONGEST and not said.interruptible
    assert "10000000 characters in one piece" in caplog.text


async def test_a_plain_generator_is_read_in_a_thread_and_hears_of_actions_that_failed() -> None:
    threads = set[int]()

    def reply() -> Generator[Piece, None, None]:
        threads.add(threading.get_ident())
        try:
            yield Hangup()
        except ActionFailed as failed:
            yield f"({failed})"

    pieces = ReplyPieces(each_within(reply(), 5))
    assert await pieces.next() == Hangup()
    pieces.fail(ActionFailed("not now"))
    assert (await pieces.next(), await pieces.next()) == ("(not now)", None)
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("blank", ["", " ", "**"])
async def test_blanks_begin_no_reply(blank: str) -> None:
    begun = list[str]()

    async def begin() -> None:
        begun.append("begun")

    async def reply() -> AsyncGenerator[Piece, None]:
        yield blank
        assert not begun
        yield "Hello."

    assert [piece async for piece in each_within(reply(), 5, begun=begin)] == [blank, "Hello."]
    assert begun == ["begun"]


@pytest.mark.parametrize(
    "thoughts",
    [
        ["<think>The caller wants ", "their balance.", "</think>", "\n\n"],
        ["<thi", "nk>", "Hm.", "</thi", "nk>"],
        ["<|channel|>analysis<|message|>They ask.", "<|end|><|start|>assistant<|channel|>final<|message|>"],
        [Say("<think>Hm.</think>")],
        ['{"name": ', '"look_up"}'],
    ],
)
async def test_what_a_model_thinks_begins_no_reply_and_is_no_answer_in_time(thoughts: list[str]) -> None:
    begun = list[str]()

    async def begin() -> None:
        begun.append("begun")

    async def reply() -> AsyncGenerator[Piece, None]:
        for thought in thoughts:
            yield thought
        assert not begun
        yield "Five euros."

    assert [piece async for piece in each_within(reply(), 5, begun=begin)] == [*thoughts, "Five euros."]
    assert begun == ["begun"]

    async def thinks_on() -> AsyncGenerator[Piece, None]:
        yield "<think>"
        while True:
            await asyncio.sleep(0.5)
            yield "Hm, on the other hand. "

    async def waits() -> float:
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async for _ in each_within(thinks_on(), 3):
                pass
        return asyncio.get_running_loop().time() - started_s

    assert await asyncio.to_thread(run, waits()) == pytest.approx(3, abs=0.01)
