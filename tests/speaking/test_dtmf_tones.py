"""Keys as tones."""

import numpy as np
import pytest

from bridge.speaking.dtmf_tones import tones


@pytest.mark.parametrize(
    ("key", "low", "high"), [("1", 697, 1209), ("5", 770, 1336), ("#", 941, 1477), ("d", 941, 1633)]
)
@pytest.mark.parametrize("rate", [8000, 24_000])
def test_a_key_is_its_two_tones(key: str, low: int, high: int, rate: int) -> None:
    sound = tones(key, rate)
    assert len(sound) == round(0.18 * rate) and np.abs(sound).max() <= 0.5
    spectrum = np.abs(np.fft.rfft(sound[: rate // 10]))
    loudest = sorted(np.argsort(spectrum)[-2:] * 10)
    assert abs(loudest[0] - low) <= 10 and abs(loudest[1] - high) <= 10
    assert not sound[rate // 10 :].any()


def test_w_is_half_a_second_of_silence() -> None:
    sound = tones("1w", 8000)
    assert len(sound) == 8 * 180 + 4000
    assert not sound[8 * 180 :].any()
