"""What callers say is made once, by the voice that is asked for, before the call."""

from pathlib import Path

import pytest
from evals_support import written
from wav_files import write

from bridge.evals.caller.preparing import prepare
from bridge.evals.caller.voices import CallerVoices
from bridge.evals.scenario import BackgroundNoise


async def test_each_text_is_made_once_and_as_the_voice_says_it() -> None:
    voices = CallerVoices("fakes:FakeTts")
    one = await voices.say("Hello there.")
    assert await voices.say("Hello there.") is one
    assert one.name == "Hello there." and 0 <= one.begins_ms < one.ends_ms <= len(one.mulaw) // 8
    assert await voices.say("Hello there.", voice="other_voice:Other") is not one
    voices.close()


async def test_all_sounds_of_a_scenario_are_there_before_the_call(tmp_path: Path) -> None:
    voices = CallerVoices("fakes:FakeTts")
    write(tmp_path / "x.wav")
    steps = ("say: Hello.", "cough: true", "play: x.wav", "noise: 'off'", "press: 1", "noise: x.wav")
    text = "noise: white\nsteps:\n" + "".join(f"  - {step}\n" for step in steps)
    scenario = written(text, tmp_path / "one.yaml")
    sounds = await prepare(scenario, voices)
    assert sorted(sounds.speech) == [1, 2, 3]
    assert sounds.speech[3].name == "x.wav" and sounds.speech[2].name == "cough"
    silent = [background for background, sound in sounds.backgrounds.items() if sound is None]
    assert silent == [BackgroundNoise(sound="off", snr_db=15)] and len(sounds.backgrounds) == 3
    voices.close()


async def test_a_text_without_a_sound_and_a_recording_that_is_none_are_told(tmp_path: Path) -> None:
    voices = CallerVoices("fakes:FakeTts")
    (tmp_path / "x.wav").write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"x\.wav: no WAV file"):
        await prepare(written("steps: [play: x.wav]", tmp_path / "one.yaml"), voices)
    voices.close()
