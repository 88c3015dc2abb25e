# ruff: noqa: RUF001 - phonetic letters look like others
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.tts.espeak import EspeakTts, Phonemes, program
from bot.tts.finishing import ACTIVE_DBFS, active_rms

needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
ANSWERS = "import sys\nfor line in sys.stdin: print('END!' if '[[' in line else {answer}, flush=True)"


@pytest.fixture(scope="module")
def spanish() -> Iterator[Phonemes]:
    made = Phonemes("es")
    yield made
    made.close()


def stub(answer: str, *, limit_s: float = 5.0) -> Phonemes:
    return Phonemes("xx", limit_s=limit_s, command=[sys.executable, "-c", ANSWERS.format(answer=answer)])


@needs_espeak
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hola", "ˈola"),
        ("Hola, buenos días.", "ˈola bwˈenos ðˈias"),
        ("", ""),
        ("...", ""),
        ("uno\ndos", "ˈuno ðˈos"),
        ("\ud800\x00\x1b", ""),
        ("😀", ""),
    ],
)
def test_a_text_gets_its_phonemes_and_no_other(spanish: Phonemes, text: str, expected: str) -> None:
    assert spanish(text) == expected
    assert spanish("tres") == "tɾˈes"


@needs_espeak
def test_a_text_that_looks_like_the_end_of_an_answer_is_read_as_words(spanish: Phonemes) -> None:
    assert "arˈoβa" in spanish("[[S@S@S@]]") and spanish("tres") == "tɾˈes"


@needs_espeak
@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=1500))
def test_no_text_brings_answers_out_of_step(spanish: Phonemes, text: str) -> None:
    spanish(text)
    assert spanish("tres") == "tɾˈes"


@needs_espeak
def test_long_text_is_read_whole(spanish: Phonemes) -> None:
    assert spanish("días " * 1000).count("ˈias") == 1000


@needs_espeak
def test_several_threads_get_each_their_own_answer(spanish: Phonemes) -> None:
    words = ["uno", "dos", "tres", "seis"]
    with ThreadPoolExecutor(4) as threads:
        heard = list(threads.map(spanish, words * 50))
    assert heard == [*map(spanish, words)] * 50
    assert len({*heard}) == 4


def test_a_process_that_died_is_started_again() -> None:
    once = stub("(lambda: (_ for _ in ()).throw(SystemExit))() if 'die' in line else line.strip()")
    assert once("one") == "one"
    with pytest.raises(RuntimeError, match="does not read"):
        once("die")
    assert once("two") == "two"
    once.close()


def test_one_that_says_nothing_in_time_is_killed_and_said_so() -> None:
    silent = stub("__import__('threading').Event().wait()", limit_s=0.3)
    with pytest.raises(RuntimeError, match=r"no answer within 0\.3 s"):
        silent("hello")
    silent.close()


def test_one_whose_answer_never_ends_is_killed() -> None:
    endless = stub("'x' * 300_000")
    with pytest.raises(RuntimeError, match="no end"):
        endless("hello")
    endless.close()


def test_a_closed_one_reads_nothing() -> None:
    closed = stub("line")
    closed.close()
    with pytest.raises(RuntimeError, match="closed"):
        closed("hello")


@needs_espeak
def test_a_language_that_is_not_there_is_an_error() -> None:
    unknown = Phonemes("xx-nowhere")
    with pytest.raises(RuntimeError, match="does not read"):
        unknown("hello")
    unknown.close()


def test_without_the_program_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    for make in (lambda: Phonemes("es"), program.program):
        with pytest.raises(RuntimeError, match="apt-get install espeak-ng"):
            make()


# ---------------------------------------------------------------- the voice


@needs_espeak
async def test_it_speaks_german_at_telephone_level() -> None:
    base = EspeakTts.from_settings(SimpleNamespace(tts_model_path="", tts_threads=1))
    voice = base.voice("German")
    [sound] = [sound async for sound in voice.speak("Guten Tag, wie kann ich Ihnen helfen?")]
    assert voice.language == "German"
    assert abs(20 * np.log10(active_rms(sound, voice.sample_rate)) - ACTIVE_DBFS) < 1.5
    [faster] = [sound async for sound in voice.at_speed(1.5).speak("Guten Tag, wie kann ich Ihnen helfen?")]
    assert len(faster) < 0.8 * len(sound)
    assert [sound async for sound in voice.speak("?!")] == []
    base.close()
    with pytest.raises(RuntimeError):
        await anext(voice.speak("Hallo"))


@needs_espeak
def test_a_voice_that_is_not_there_lists_those_that_are() -> None:
    assert EspeakTts.voices()["de"] == "German"
    with pytest.raises(RuntimeError, match=r"no voice 'klingonisch': af, "):
        EspeakTts("klingonisch")
    assert threading.active_count() < 50
