"""The resampler lets speech through, keeps images and aliases out, and does not care how its input is cut."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.speech.resample import make_resampler, resample_whole

Signal = npt.NDArray[np.float32]

UP = [(8_000, 16_000), (16_000, 48_000), (8_000, 48_000), (8_000, 24_000), (16_000, 24_000)]
DOWN = [(24_000, 8_000), (48_000, 16_000), (48_000, 8_000), (16_000, 8_000), (24_000, 16_000)]
ODD = [(22_050, 16_000), (44_100, 16_000), (11_025, 16_000), (22_050, 8_000), (7_919, 16_000)]
PAIRS = UP + DOWN + ODD + [(12_000, 16_000)]


def tone(hz: float, rate: int, seconds: float = 0.5) -> Signal:
    return np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate).astype(np.float32)


def level_db(signal: Signal, hz: float, rate: int) -> float:
    """Level of one frequency, 0 dB for a tone of amplitude 1; neighbours 100 Hz off count for nothing."""
    window = np.blackman(len(signal))
    at = np.exp(-2j * np.pi * hz * np.arange(len(signal)) / rate)
    return float(20 * np.log10(2 * abs(np.sum(signal * window * at)) / window.sum() + 1e-12))


def converted(signal: Signal, from_hz: int, to_hz: int) -> Signal:
    resampler = make_resampler(from_hz, to_hz)
    return np.concatenate((resampler(signal), resampler.flush()))


def middle(signal: Signal) -> Signal:
    """Without the ends, where a tone that begins at once is no pure tone."""
    return signal[len(signal) // 8 : -len(signal) // 8]


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
@pytest.mark.parametrize("share", [0.03, 0.2, 0.35, 0.425])  # of the lower rate: 240 Hz to 3.4 kHz at 8 kHz
def test_speech_passes_within_half_a_decibel(from_hz: int, to_hz: int, share: float) -> None:
    hz = share * min(from_hz, to_hz)
    assert abs(level_db(middle(converted(tone(hz, from_hz), from_hz, to_hz)), hz, to_hz)) < 0.5


@pytest.mark.parametrize(("from_hz", "to_hz"), UP)
@pytest.mark.parametrize("share", [0.1, 0.2, 0.35, 0.425])
def test_images_of_speech_are_70_db_down(from_hz: int, to_hz: int, share: float) -> None:
    hz = share * from_hz
    heard = middle(converted(tone(hz, from_hz), from_hz, to_hz))
    spectrum = np.abs(np.fft.rfft(heard * np.blackman(len(heard)))) * 2 / np.blackman(len(heard)).sum()
    frequencies = np.fft.rfftfreq(len(heard), 1 / to_hz)
    assert 20 * np.log10(spectrum[frequencies > from_hz / 2].max()) < -70


@pytest.mark.parametrize(("from_hz", "to_hz"), DOWN)
def test_what_would_alias_into_speech_is_70_db_down(from_hz: int, to_hz: int) -> None:
    for hz in np.arange(0.575 * to_hz, from_hz / 2, to_hz / 40):
        heard = middle(converted(tone(hz, from_hz), from_hz, to_hz))
        assert 20 * np.log10(np.abs(heard).max()) < -70, hz


@pytest.mark.parametrize(("from_hz", "to_hz"), ODD)
def test_odd_rates_keep_aliases_and_images_out(from_hz: int, to_hz: int) -> None:
    hz = 0.3 * min(from_hz, to_hz)
    heard = middle(converted(tone(hz, from_hz), from_hz, to_hz))
    wanted = 10 ** (level_db(heard, hz, to_hz) / 20)
    rest = np.abs(np.fft.rfft(heard * np.blackman(len(heard)))) * 2 / np.blackman(len(heard)).sum()
    rest[np.abs(np.fft.rfftfreq(len(heard), 1 / to_hz) - hz) < 100] = 0
    assert 20 * np.log10(rest.max() / wanted) < -70


@settings(max_examples=40)
@given(
    pair=st.sampled_from(PAIRS),
    cuts=st.lists(st.integers(0, 2_000), max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_how_the_input_is_cut_makes_no_difference(pair: tuple[int, int], cuts: list[int], seed: int) -> None:
    signal = np.random.default_rng(seed).uniform(-1, 1, 2_000).astype(np.float32)
    resampler = make_resampler(*pair)
    pieces = [resampler(piece) for piece in np.split(signal, sorted(cuts))]
    np.testing.assert_allclose(np.concatenate((*pieces, resampler.flush())), converted(signal, *pair), atol=2e-6)


@pytest.mark.parametrize(("from_hz", "to_hz"), UP + DOWN)
@pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 159, 160, 161, 4_001])
def test_a_stream_is_as_long_as_it_was_and_late_by_the_delay(from_hz: int, to_hz: int, length: int) -> None:
    delay = make_resampler(from_hz, to_hz).delay_ms * to_hz / 1000
    heard = converted(np.ones(length, np.float32), from_hz, to_hz)
    assert len(heard) == -(-length * to_hz // from_hz) + delay


@pytest.mark.parametrize(("from_hz", "to_hz"), ODD)
def test_an_odd_stream_is_as_long_as_it_was(from_hz: int, to_hz: int) -> None:
    assert abs(len(converted(np.ones(4_001, np.float32), from_hz, to_hz)) - 4_001 * to_hz / from_hz) <= 1


@pytest.mark.parametrize(("from_hz", "to_hz"), UP + DOWN)
def test_a_click_comes_out_late_by_the_delay(from_hz: int, to_hz: int) -> None:
    click = np.zeros(960, np.float32)
    click[480] = 1
    delay = make_resampler(from_hz, to_hz).delay_ms * to_hz / 1000
    assert np.argmax(converted(click, from_hz, to_hz)) == 480 * to_hz // from_hz + delay


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_no_more_is_held_back_than_declared(from_hz: int, to_hz: int) -> None:
    resampler = make_resampler(from_hz, to_hz)
    taken = given = 0
    for _ in range(100):
        given += len(resampler(np.zeros(from_hz // 50, np.float32)))
        taken += from_hz // 50
        assert taken * 1000 / from_hz - given * 1000 / to_hz <= resampler.delay_ms + 1
    assert resampler.delay_ms < 35


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8_000, 16_000), (24_000, 8_000), (48_000, 16_000), (16_000, 48_000)])
def test_a_20_ms_frame_in_is_a_20_ms_frame_out(from_hz: int, to_hz: int) -> None:
    resampler = make_resampler(from_hz, to_hz)
    assert [len(resampler(np.zeros(from_hz // 50, np.float32))) for _ in range(5)] == [to_hz // 50] * 5


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_a_flush_leaves_nothing_for_the_next_stream(from_hz: int, to_hz: int) -> None:
    resampler = make_resampler(from_hz, to_hz)
    resampler(tone(200, from_hz))
    resampler.flush()
    assert np.abs(np.concatenate((resampler(np.zeros(500, np.float32)), resampler.flush()))).max() == 0


def test_two_streams_do_not_hear_each_other() -> None:
    first, second = make_resampler(8_000, 16_000), make_resampler(8_000, 16_000)
    first(np.ones(160, np.float32))
    assert not second(np.zeros(160, np.float32)).any()


def test_equal_rates_pass_unchanged() -> None:
    resampler = make_resampler(16_000, 16_000)
    signal = tone(440, 16_000)
    assert resampler(signal) is signal
    assert len(resampler.flush()) == 0
    assert resampler.delay_ms == 0
    assert resample_whole(signal, 16_000, 16_000) is signal


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_output_is_float32(from_hz: int, to_hz: int) -> None:
    resampler = make_resampler(from_hz, to_hz)
    assert resampler(tone(100, from_hz)).dtype == np.float32
    assert resampler.flush().dtype == np.float32
    assert resample_whole(tone(100, from_hz), from_hz, to_hz).dtype == np.float32


def test_a_whole_buffer_keeps_its_place_in_time() -> None:
    whole = resample_whole(tone(1_000, 24_000), 24_000, 8_000)
    assert len(whole) == 4_000
    np.testing.assert_allclose(middle(whole), middle(tone(1_000, 8_000)), atol=1e-3)


@pytest.mark.parametrize("rate", [0, -1, -8_000, 192_001])
def test_a_rate_that_cannot_be_is_named(rate: int) -> None:
    with pytest.raises(ValueError, match=f"from_hz is {rate}"):
        make_resampler(rate, 16_000)
    with pytest.raises(ValueError, match=f"to_hz is {rate}"):
        resample_whole(np.zeros(1, np.float32), 16_000, rate)
