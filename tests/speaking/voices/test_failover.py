"""A voice that fails does not leave the caller without the rest."""

import pytest
from sounding import English, German, Silent, Sounding

from bridge.speaking.voices.failover import said
from bridge.speaking.voices.voice import Voice
from bridge.speaking.voices.voices import Rendition
from bridge.speech.voices.remaining import Pace

TEXT = "alpha bravo charlie delta echo"  # 26 letters: 100 ms a word, so Sounding makes 52 letters a second


def renditions(*voices: Sounding, text: str = TEXT) -> list[Rendition]:
    return [Rendition(_at_its_pace(Voice(type(voice).__name__, voice)), text) for voice in voices]


def _at_its_pace(voice: Voice) -> Voice:
    voice.pace = Pace()
    voice.pace.letters_a_second = 52
    return voice


async def heard(of: list[Rendition], told: list[str] | None = None) -> list[tuple[int, int]]:
    """Return how many pieces came at which rates, in their order."""
    names = [] if told is None else told
    runs = list[tuple[int, int]]()
    async for _, rate in said(of, is_news=lambda voice: not names.append(voice)):  # type: ignore[func-returns-value]
        runs = [*runs[:-1], (runs[-1][0] + 1, rate)] if runs and runs[-1][1] == rate else [*runs, (1, rate)]
    return runs


async def test_one_that_works_says_it_alone() -> None:
    first, second = English(), German()
    assert await heard(renditions(first, second)) == [(5, 24_000)]
    assert (first.read, second.read) == ([TEXT], [])


async def test_the_next_says_the_rest_from_the_word_where_the_first_failed(caplog: pytest.LogCaptureFixture) -> None:
    first, second, told = English(), German(), list[str]()
    first.fails_after = 2
    assert await heard(renditions(first, second), told) == [(2, 24_000), (4, 16_000)]
    assert second.read == ["bravo charlie delta echo"]  # "bravo" was hardly finished
    assert told == ["English"] and "German says the rest: RuntimeError: out of breath" in caplog.text


async def test_one_that_fails_at_once_has_said_nothing() -> None:
    first, second = English(), German()
    first.fails_after = 0
    assert await heard(renditions(first, second)) == [(5, 16_000)]
    assert second.read == [TEXT]


async def test_a_second_failure_leaves_the_rest_to_a_third() -> None:
    first, second, third = English(), German(), English()
    first.fails_after = second.fails_after = 2
    await heard(renditions(first, second, third))
    assert third.read == ["charlie delta echo"]


async def test_one_that_fails_behind_the_last_word_leaves_nothing() -> None:
    first, second = English(), German()
    first.fails_after = 5
    both = renditions(first, second)
    both[0].voice.pace.letters_a_second = 58
    assert await heard(both) == [(5, 24_000)]
    assert not second.read


async def test_one_without_a_sound_leaves_all_of_it() -> None:
    second = German()
    assert (await heard(renditions(Silent(), second)))[-1] == (5, 16_000)
    assert second.read == [TEXT]


async def test_the_failure_of_the_last_is_told_to_who_asked() -> None:
    only = English()
    only.fails_after = 1
    with pytest.raises(RuntimeError, match="out of breath"):
        await heard(renditions(only))
    assert await heard([]) == []
