"""Who speaks, and which words were heard."""

from bot.api import Speaker
from bridge.speaking.playout_events import PlayoutEvents


def test_each_word_is_told_once_between_the_beginning_and_the_end_of_speech() -> None:
    told: list[object] = []
    events = PlayoutEvents(on_played=told.append, on_speaking=lambda who, speaks: told.append((who, speaks)))
    for bot, heard in ((False, ""), (True, ""), (True, "Hello"), (True, "Hello there"), (False, "Hello there.")):
        events.look(caller=False, bot=bot, heard=heard)
    assert told == [(Speaker.BOT, True), "Hello", "there", ".", (Speaker.BOT, False)]


def test_another_reply_is_told_from_its_first_word_on() -> None:
    told: list[str] = []
    events = PlayoutEvents(on_played=told.append, on_speaking=lambda _who, _speaks: None)
    for heard in ("Hello", "", "Hello", "Good", "Good day"):
        events.look(caller=False, bot=True, heard=heard)
    assert told == ["Hello", "Hello", "Good", "day"]


def test_both_sides_are_told_apart() -> None:
    told: list[tuple[Speaker, bool]] = []
    events = PlayoutEvents(on_played=lambda _: None, on_speaking=lambda who, speaks: told.append((who, speaks)))
    for caller, bot in ((True, False), (True, True), (False, True), (False, False)):
        events.look(caller=caller, bot=bot, heard="")
    assert told == [
        (Speaker.CALLER, True),
        (Speaker.BOT, True),
        (Speaker.CALLER, False),
        (Speaker.BOT, False),
    ]
