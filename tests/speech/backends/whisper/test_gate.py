import math

import pytest

from bridge.speech.backends.whisper.gate import is_speech


@pytest.mark.parametrize(
    ("no_speech", "log_probability"),
    [(0.94, -0.9), (0.73, -0.85), (0.58, -2.44), (0.34, -2.92), (0.67, -math.inf), (0.76, -0.33)],
)
def test_what_was_measured_on_sounds_and_loops_is_refused(no_speech: float, log_probability: float) -> None:
    assert not is_speech(no_speech, log_probability)


@pytest.mark.parametrize(
    ("no_speech", "log_probability"), [(0.01, -0.07), (0.18, -2.73), (0.5, -1.39), (0.35, -2.34), (0.69, -0.24)]
)
def test_what_was_measured_on_speech_passes(no_speech: float, log_probability: float) -> None:
    assert is_speech(no_speech, log_probability)


@pytest.mark.parametrize(("no_speech", "log_probability"), [(0.42, -1.94), (0.41, -1.56), (0.35, -2.8)])
def test_what_repeats_itself_on_a_sound_is_refused(no_speech: float, log_probability: float) -> None:
    assert is_speech(no_speech, log_probability)
    assert not is_speech(no_speech, log_probability, repeats=True)


@pytest.mark.parametrize(("no_speech", "log_probability"), [(0.5, -1.0), (0.39, -0.98), (0.1, -2.0)])
def test_a_run_of_equal_digits_passes(no_speech: float, log_probability: float) -> None:
    assert is_speech(no_speech, log_probability, repeats=True)
