"""How loud audio is, and where a word may begin in it."""

import numpy as np
import pytest

from bridge.speaking.audio_level import SILENT_DB, level_db, levels_db, word_begin


def test_a_level_is_the_root_mean_square_against_full_scale() -> None:
    assert level_db(np.full(160, 0.1, np.float32)) == pytest.approx(-20, abs=0.01)
    assert level_db(np.zeros(160, np.float32)) == SILENT_DB
    assert level_db(np.empty(0, np.float32)) == SILENT_DB


def test_levels_are_those_of_each_frame() -> None:
    samples = np.concatenate((np.full(160, 0.1), np.zeros(160), np.full(80, 0.1))).astype(np.float32)
    assert levels_db(samples, 160) == pytest.approx([-20, SILENT_DB, -23], abs=0.1)


def test_a_word_begins_in_the_quiet_about_where_its_letters_say_and_not_after_the_cut() -> None:
    levels = [-20.0] * 100
    levels[40], levels[52], levels[70] = -60, -55, -90
    assert word_begin(levels, near=50, latest=100) == 52
    assert word_begin(levels, near=45, latest=48) == 40
    assert word_begin(levels, near=3, latest=100) == 0
    assert word_begin(levels, near=500, latest=100) < 100
    assert word_begin([], near=3, latest=3) == 0
