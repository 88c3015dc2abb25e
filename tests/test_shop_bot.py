import importlib.util
from pathlib import Path

import pytest

from bot.api import Bot, CallInfo, Turn

EXAMPLE = Path(__file__).parent.parent / "examples" / "shop_bot.py"


@pytest.fixture(scope="module")
def bot() -> Bot:
    spec = importlib.util.spec_from_file_location("shop_bot", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.ShopBot()
    assert isinstance(made, Bot)
    return made


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("When are you open?", "nine to six"),
        ("Where is order 12?", "comes tomorrow"),
        ("Order 99, please.", "99 is not known"),
        ("Good morning.", "What is its number?"),
        ("", "What is its number?"),
    ],
)
async def test_every_question_gets_one_answer(bot: Bot, said: str, answered: str) -> None:
    replies = [text async for text in bot.reply(Turn(CallInfo("call-1"), said, "English"))]
    assert len(replies) == 1
    assert answered in str(replies[0])


async def test_a_caller_is_greeted(bot: Bot) -> None:
    assert len([text async for text in bot.on_call(CallInfo("call-1"))]) == 1
