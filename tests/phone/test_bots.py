"""What the bots of the comparison say, and what the benchmark is told of it."""

import json
from pathlib import Path

import pytest
import script
from our_bot import ScriptBot

from bot.api import CallInfo, Turn


def test_a_bot_repeats_what_it_heard_and_tells_the_story_when_asked() -> None:
    assert script.answer("Four one five.") == "You said: Four one five."
    assert script.answer("Please tell me the whole story.") == script.STORY


def test_what_was_understood_is_told_where_the_benchmark_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHONE_TRANSCRIPTS", raising=False)
    script.note("nobody asks")
    told = tmp_path / "told"
    monkeypatch.setenv("PHONE_TRANSCRIPTS", str(told))
    script.note("one")
    script.note("two")
    assert [json.loads(line)["text"] for line in told.read_text().splitlines()] == ["one", "two"]


async def test_the_bridge_says_the_script() -> None:
    said = [text async for text in ScriptBot().reply(Turn(CallInfo("1"), "Yes.", "English"))]
    assert said == ["You said: Yes."]
