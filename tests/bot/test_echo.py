from bot.api import CallInfo, Turn
from bot.echo import EchoBot

CALL = CallInfo("call-1")


async def test_a_caller_is_greeted() -> None:
    assert [text async for text in EchoBot().on_call(CALL)] == ["Hello. Say something, and I will repeat it."]


async def test_a_caller_hears_what_was_recognised() -> None:
    turn = Turn(CALL, "नमस्ते, and good bye.", "Hindi")
    assert [text async for text in EchoBot().reply(turn)] == ["You said: नमस्ते, and good bye."]
