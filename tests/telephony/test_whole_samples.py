"""Samples of 16 bit out of pieces that are cut anywhere, or have a byte too many or too few."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.whole_samples import WholeSamples

SPEECH = bytes((8000 * np.sin(np.arange(16_000) * 0.05)).astype("<i2"))
"""A tone: neighbours are close, as in speech."""


def taken(pieces: list[bytes]) -> bytes:
    whole = WholeSamples()
    return b"".join(whole.take(piece) for piece in pieces)


@pytest.mark.parametrize("size", [321, 333, 319, 1001])
def test_samples_that_are_cut_in_two_are_put_together(size: int) -> None:
    pieces = [SPEECH[start : start + size] for start in range(0, len(SPEECH), size)]
    assert taken(pieces) == SPEECH


def test_a_stream_that_is_cut_in_odd_and_even_pieces_is_put_together() -> None:
    cuts = [0, 321, 641, 960, 1280, 1601, 1921, len(SPEECH)]
    assert taken([SPEECH[start:end] for start, end in itertools.pairwise(cuts)]) == SPEECH


@pytest.mark.parametrize("rest", [b"\x7f", b"\0", b"\xff"])
def test_a_byte_too_many_in_each_piece_moves_no_sample(rest: bytes) -> None:
    pieces = [SPEECH[start : start + 320] + rest for start in range(0, len(SPEECH), 320)]
    assert taken(pieces) == SPEECH


def test_a_byte_too_few_in_each_piece_costs_a_sample_of_it() -> None:
    pieces = [SPEECH[start : start + 319] for start in range(0, len(SPEECH), 320)]
    assert taken(pieces) == b"".join(SPEECH[start : start + 318] for start in range(0, len(SPEECH), 320))


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_whatever_comes_whole_samples_come_out_and_no_more_of_them(pieces: list[bytes]) -> None:
    whole = WholeSamples()
    came = out = 0
    for piece in pieces:
        came += len(piece)
        samples = whole.take(piece)
        out += len(samples)
        assert len(samples) % 2 == 0 and out <= came


def test_even_pieces_pass_as_they_are() -> None:
    assert taken([b"ab", b"", b"cdef"]) == b"abcdef"
