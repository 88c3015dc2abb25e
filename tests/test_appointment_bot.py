import importlib.util
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from bot.actions import Collect, Transfer
from bot.tools import Outcome, describe

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason="the extra openai is not installed")

EXAMPLE = Path(__file__).parent.parent / "examples" / "appointment_bot.py"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    spec = importlib.util.spec_from_file_location("appointment_bot", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def call(example: ModuleType, name: str, arguments: str = "{}") -> Outcome:
    return await describe(getattr(example, name)).call(arguments, None, limit_s=5)


async def test_what_is_booked_is_no_longer_free(example: ModuleType) -> None:
    assert str(await call(example, "free_times", '{"day": "Friday"}')) == '["10:00","14:30"]'
    order = '{"day": "Friday", "time": "10:00", "customer": "4711"}'
    assert str(await call(example, "book", order)) == "Booked: Friday at 10:00."
    assert str(await call(example, "book", order)) == "Error: ValueError: Friday at 10:00 is not free"
    assert str(await call(example, "free_times", '{"day": "Friday"}')) == '["14:30"]'
    assert str(await call(example, "free_times", '{"day": "Monday"}')) == "[]"


async def test_nothing_is_booked_for_a_number_that_cannot_be(example: ModuleType) -> None:
    told = await call(example, "book", '{"day": "Friday", "time": "14:30", "customer": "47"}')
    assert "wrong arguments: customer" in str(told)
    assert example.FREE["Friday"] == {"10:00", "14:30"}


async def test_keys_and_the_reception_are_asked_for(example: ModuleType) -> None:
    assert (await call(example, "ask_customer_number")).actions == [Collect(digits=4)]
    assert (await call(example, "put_through")).actions == [Transfer(example.RECEPTION)]


def test_the_bot_can_be_made(example: ModuleType) -> None:
    example.Practice()
