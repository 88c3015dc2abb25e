import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bridge.speech.api import BadRequest, Samples
from bridge.speech.pool.audio import checked, padded


def test_sound_audio_is_handed_on_as_it_is_and_not_copied() -> None:
    audio = np.linspace(-1, 1, 1600, dtype=np.float32)
    assert checked(audio) is audio


def test_a_little_overshoot_is_clipped_and_the_callers_array_left_alone() -> None:
    audio = np.array([0.5, 1.2, -1.7], np.float32)
    assert checked(audio).tolist() == [0.5, 1.0, -1.0]
    assert audio[1] == np.float32(1.2)


@pytest.mark.parametrize(
    ("audio", "complaint"),
    [
        (np.zeros(160, np.float64), r"float64 of shape \(160,\), must be float32"),
        (np.zeros(160, np.int16), "int16.*divide int16 by 32768"),
        (np.zeros((1, 160), np.float32), r"shape \(1, 160\)"),
        (np.zeros((), np.float32), r"shape \(\)"),
        (np.zeros(0, np.float32), "empty"),
        (np.array([0, np.nan, 0], np.float32), "NaN or infinity"),
        (np.array([np.nan, 9e9], np.float32), "NaN or infinity"),
        (np.array([0, np.inf], np.float32), "NaN or infinity"),
        (np.array([0, -np.inf], np.float32), "NaN or infinity"),
        (np.array([0, 12_000], np.int16).astype(np.float32), r"peaks at 12000.*int16.*32768"),
        (np.array([0, -12_000], np.int16).astype(np.float32), "peaks at 12000"),
    ],
)
def test_audio_that_no_engine_should_get_is_refused_with_the_reason(audio: Samples, complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint):
        checked(audio)


@given(arrays.arrays(np.float32, st.integers(0, 50), elements=st.floats(width=32)))
def test_what_passes_is_finite_and_in_range(audio: Samples) -> None:
    try:
        passed = checked(audio)
    except BadRequest:
        assert not len(audio) or not np.abs(audio).max() <= 8
    else:
        assert len(passed) == len(audio) and np.abs(passed).max() <= 1


def test_short_audio_gets_silence_behind_it_and_long_audio_none() -> None:
    audio = np.ones(100, np.float32)
    long = padded(audio, 0.5)
    assert long.dtype == np.float32 and len(long) == 8000
    assert long[:100].all() and not long[100:].any()
    assert padded(audio, 0.0) is audio
