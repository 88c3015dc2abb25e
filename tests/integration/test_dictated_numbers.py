"""Numbers with runs of equal digits, dictated to the real engine: none is taken for a loop or for noise."""

import re

import numpy as np
import pytest
from integration.plain_client import Client, connect
from integration.recordings import normal, prompt
from integration.server import Server

from bridge.speech.api import Samples

pytestmark = pytest.mark.asyncio(loop_scope="session")

NUMBERS = """
    000000001234 1111 55555 000000 9999999 222333 4444 5555 1000000001 777777777
    10000 888888881 33333333 0000 4444444444 66666666 100200300400 9876500000 5555550100 11111111
""".split()
NAMES = "zero one two three four five six seven eight nine".split()
QUIET = 0.02
"""Below it nothing of a digit is heard."""
SILENCE = np.zeros(16_000, np.float32)


def dictated(number: str, *, gap_s: float) -> Samples:
    """Return the recorded digits of `number`, with `gap_s` of silence between them, and a second behind."""
    parts: list[Samples] = []
    for digit in number:
        audio = prompt(f"digits/{digit}").wide
        loud = np.flatnonzero(np.abs(audio) > QUIET)
        parts += [audio[max(0, loud[0] - 300) : loud[-1] + 600], np.zeros(int(16_000 * gap_s), np.float32)]
    return np.concatenate([*parts, SILENCE])


def figures(text: str) -> str:
    return "".join(str(NAMES.index(word)) for word in normal(text).split() if word in NAMES)


def once(figures: str) -> str:
    """Return each run of equal digits as one: tiny.en counts long runs wrong by one or two."""
    return re.sub(r"(.)\1+", r"\1", figures)


async def heard(client: Client, number: str, *, gap_s: float) -> str:
    await client.stream(dictated(number, gap_s=gap_s))
    return figures(await client.final())


async def test_twenty_numbers_with_runs_of_equal_digits_arrive(server: Server) -> None:
    async with connect(server) as client:
        found = {number: await heard(client, number, gap_s=0.1) for number in NUMBERS}
    wrong = {number: text for number, text in found.items() if once(text) != once(number)}
    assert not wrong
    far = {number: text for number, text in found.items() if abs(len(text) - len(number)) > 4}
    assert not far
    assert sum(text == number for number, text in found.items()) >= 7, found


async def test_what_follows_a_long_run_of_zeros_is_kept(server: Server) -> None:
    async with connect(server) as client:
        assert (await heard(client, "000000001234", gap_s=0.25)).endswith("001234")
