"""Noises and a cough, at the level that is asked for."""

from collections.abc import Callable

import numpy as np
import pytest

from bot.api import Samples
from bot.tts.finishing import ACTIVE_DBFS, active_rms
from bridge.evals.caller import sounds


def level_db(sound: Samples) -> float:
    return float(20 * np.log10(active_rms(sound, 8000)))


@pytest.mark.parametrize(
    "make", [sounds.white, sounds.hum, lambda: sounds.babble([sounds.white()[:9000], sounds.hum()])]
)
@pytest.mark.parametrize("snr_db", [20.0, 5.0])
def test_a_noise_is_so_much_quieter_than_speech(make: Callable[[], Samples], snr_db: float) -> None:
    sound = sounds.below_speech(make(), snr_db)
    assert level_db(sound) == pytest.approx(ACTIVE_DBFS - snr_db, abs=0.5)
    assert sound.dtype == np.float32 and np.abs(sound).max() <= 1


def test_a_cough_is_short_as_loud_as_speech_and_the_same_each_time() -> None:
    cough = sounds.cough()
    assert 0.2 < len(cough) / 8000 < 0.6
    assert level_db(cough) == pytest.approx(ACTIVE_DBFS, abs=1)
    assert np.array_equal(cough, sounds.cough())


def test_silence_stays_silence() -> None:
    assert not sounds.below_speech(np.zeros(8000, np.float32), 10).any()
    assert len(sounds.at_level(np.empty(0, np.float32), -20)) == 0
