"""What a caller hears who waits to be put through."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeClock, FakeLeg, FakePause, FakeTts
from wav_files import write

from bridge.outbound.hold_audio import OnHold, hold_audio, music
from bridge.speaking.voices.voices import Voices
from telephony.events import AudioFormat, Encoding, Play

MULAW = AudioFormat(Encoding.MULAW, 8000)


def test_the_music_is_soft_and_goes_round_without_a_click() -> None:
    tune = music(8000)
    steps = np.abs(np.diff(np.concatenate((tune, tune))))
    assert 0.03 < float(np.abs(tune).max()) < 0.2
    assert float(steps[len(tune) - 1]) <= float(steps[: len(tune) - 1].max())
    loud = np.sqrt(np.mean(tune[: len(tune) // 400 * 400].reshape(-1, 400) ** 2, axis=1))
    assert float(loud.min()) > 0.001, "never silent: the caller would think that the line is dead"


async def test_a_recording_and_a_text_are_taken_at_the_rate_of_the_voice(tmp_path: Path) -> None:
    write(tmp_path / "hold.wav", seconds=0.1)
    assert len(await hold_audio(str(tmp_path / "hold.wav"), Voices.of(FakeTts()))) == 2400
    said = await hold_audio("Please hold the line.", Voices.of(FakeTts()))
    assert len(said) > 4 * 1200 and not said[-1200:].any(), "a pause, and then it is said again"
    with pytest.raises(OSError, match="none"):
        await hold_audio("none.wav", Voices.of(FakeTts()))


async def test_it_is_played_in_a_circle_at_the_pace_at_which_it_is_heard() -> None:
    leg, clock, pause = FakeLeg(), FakeClock(), FakePause()
    on_hold = asyncio.create_task(
        OnHold(leg, MULAW, pause=pause, clock_s=clock).play(np.linspace(0, 0.5, 1000, dtype=np.float32), 8000)
    )
    await pause.until(1)
    assert pause.delays == [0.0], "a little ahead at first"
    for count in range(2, 12):
        clock.advance(pause.delays[-1])
        await pause.end()
        await pause.until(count)
    on_hold.cancel()
    await asyncio.gather(on_hold, return_exceptions=True)
    assert sum(len(play.payload) for play in leg.of(Play)) == 11 * 800
    assert sum(pause.delays) == pytest.approx(11 * 0.1 - 0.2)


async def test_after_a_stall_it_goes_on_from_now() -> None:
    leg, clock, pause = FakeLeg(), FakeClock(), FakePause()
    on_hold = asyncio.create_task(OnHold(leg, MULAW, pause=pause, clock_s=clock).play(np.ones(800, np.float32), 8000))
    await pause.until(1)
    clock.advance(30)
    for count in range(2, 6):
        await pause.end()
        await pause.until(count)
    on_hold.cancel()
    await asyncio.gather(on_hold, return_exceptions=True)
    assert pause.delays[-1] > 0.09, "no burst of thirty seconds"
