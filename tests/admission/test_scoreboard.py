"""Who carries least takes the next caller; who takes none, or is gone, leaves them to the others."""

from pathlib import Path

import pytest

from bridge.admission.scoreboard import Scoreboard, WorkerLoad


@pytest.fixture
def board(tmp_path: Path) -> Scoreboard:
    return Scoreboard(tmp_path / "scoreboard")


def put(board: Scoreboard, *weights: int, busy: int = -1) -> None:
    for row, weight in enumerate(weights):
        board.put(row, pid=100 + row, weight=weight, takes_calls=row != busy)


def test_what_one_process_writes_another_reads(board: Scoreboard, tmp_path: Path) -> None:
    put(board, 3, 5, busy=1)
    assert Scoreboard(tmp_path / "scoreboard").standings() == [WorkerLoad(0, 3, True), WorkerLoad(1, 5, False)]


def test_who_carries_least_does_not_wait_and_the_others_do_the_longer_the_more_they_carry(board: Scoreboard) -> None:
    put(board, 7, 2, 4)
    waits = [board.patience_s(row) for row in range(3)]
    assert waits[1] == 0 < waits[2] < waits[0]
    put(board, 2, 2, 2)
    assert [board.patience_s(row) for row in range(3)] == [0, 0, 0]


def test_who_takes_no_calls_waits_for_all_that_do_and_nobody_waits_for_it(board: Scoreboard) -> None:
    put(board, 0, 9, busy=0)
    assert board.patience_s(0) > 0 and board.patience_s(1) == 0
    put(board, 0, busy=0)
    board.clear(1)
    assert board.patience_s(0) == 0, "there is nobody else"


def test_nobody_waits_for_long_however_many_there_are(board: Scoreboard) -> None:
    put(board, 200, *range(100))
    assert board.patience_s(0) < 0.05


def test_the_freest_is_who_takes_calls_and_carries_least(board: Scoreboard) -> None:
    put(board, 1, 0, 5, busy=1)
    assert board.freest(but=0) == 2 and board.freest(but=2) == 0
    board.clear(0)
    assert board.freest(but=2) is None, "a worker that is gone takes nothing"
