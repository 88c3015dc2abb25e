"""The pieces of a reply, and what becomes of an action that failed."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from bot.actions import ActionFailed, Hangup, SetVoice
from bridge.speaking.reply_pieces import Piece, ReplyPieces, each_within


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
