"""A sentence made fit for a telephone while it comes."""

import numpy as np
import pytest

from bot.api import Samples
from bot.tts.finishing import ACTIVE_DBFS, active_rms, finish
from bot.tts.streamed import LearnedGain, StreamedSentence

RATE = 24_000


def voice(seconds: float, level: float = 0.1) -> Samples:
    at = np.arange(round(RATE * seconds)) / RATE
    return (level * np.sin(2 * np.pi * 220 * at)).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(RATE * seconds), np.float32)


def through(sound: Samples, gain: LearnedGain, size: int = 777) -> Samples:
    sentence = StreamedSentence(RATE, gain)
    parts = [sentence.feed(sound[at : at + size]) for at in range(0, len(sound), size)]
    made = np.concatenate([*parts, sentence.flush()])
    sentence.finished()
    return made


def db(ratio: float) -> float:
    return 20 * float(np.log10(ratio))


SENTENCE = np.concatenate([silence(0.3), voice(0.8), silence(0.4), voice(0.6), silence(0.5)])


@pytest.mark.parametrize("size", [97, 120, 777, 10**6])
def test_it_is_what_a_whole_sentence_would_be(size: int) -> None:
    made, whole = through(SENTENCE, LearnedGain(), size), finish(SENTENCE, RATE, gain=1.0)
    assert abs(len(made) - len(whole)) <= RATE // 200
    assert abs(len(made) / RATE - (0.02 + 0.8 + 0.4 + 0.6 + 0.12)) < 0.02


def test_both_ends_are_faded_so_that_no_join_clicks() -> None:
    made = through(voice(0.5, 0.3), LearnedGain())
    assert abs(made[0]) < 0.01 and abs(made[-1]) < 0.01
    assert np.abs(np.diff(made)).max() < 0.05


def test_sound_leaves_as_it_comes() -> None:
    sentence = StreamedSentence(RATE, LearnedGain())
    assert len(sentence.feed(voice(0.1))) >= RATE * 0.08


def test_silence_alone_is_nothing() -> None:
    assert len(through(silence(1), LearnedGain())) == 0


@pytest.mark.parametrize("level", [0.02, 0.1, 0.5])
def test_the_gain_learned_from_a_first_sentence_brings_the_next_to_telephone_level(level: float) -> None:
    gain = LearnedGain()
    through(voice(1, level), gain)
    made = through(voice(1, level), gain)
    assert abs(db(active_rms(made)) - ACTIVE_DBFS) < 0.5


def test_the_gain_is_kept_once_it_is_known() -> None:
    gain = LearnedGain()
    for _ in range(3):
        through(voice(1), gain)
    known = gain.factor
    assert gain.settled
    through(voice(1, 0.9), gain)
    assert gain.factor == known


def test_silence_and_snippets_teach_nothing_and_no_gain_is_absurd() -> None:
    gain = LearnedGain()
    through(silence(1), gain)
    through(voice(0.1), gain)
    assert gain.factor == 1.0
    through(voice(1, 0.0035), gain)
    assert gain.factor <= 10


def test_peaks_are_bent() -> None:
    gain = LearnedGain()
    gain.factor = 8.0
    assert np.abs(through(voice(0.5, 0.4), gain)).max() <= 1
