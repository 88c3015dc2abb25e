"""All sounds of a caller are made before the first call: nothing of ours works while frames have to leave."""

import asyncio
from functools import partial
from pathlib import Path

from bot.api import Samples
from bridge.commands.recording import RATE, Recording
from bridge.evals.caller import sounds
from bridge.evals.caller.caller import Sounds
from bridge.evals.caller.voices import CallerVoices, from_file, recording
from bridge.evals.scenario import BackgroundNoise, Scenario, Speak, SpeechKind
from bridge.speaking.wav import read_wav
from telephony.codec import decode
from telephony.events import Encoding


async def prepare(scenario: Scenario, voices: CallerVoices) -> Sounds:
    """Return the sounds of the caller of `scenario`.

    Raises:
        PluginError, ModelMissing: a voice does not load, or fails.
        OSError, ValueError: a recording cannot be read or is silent, or a text has no sound.
    """
    acts = [step.act for step in scenario.steps]
    backgrounds = [act for act in (scenario.background, *acts) if isinstance(act, BackgroundNoise)]
    return Sounds(
        speech={
            step.number: await _said(step.act, scenario, voices)
            for step in scenario.steps
            if isinstance(step.act, Speak)
        },
        backgrounds={each: await _behind(each, voices) for each in backgrounds},
        say=partial(voices.say, voice=scenario.voice),
    )


async def _said(act: Speak, scenario: Scenario, voices: CallerVoices) -> Recording:
    if act.file:
        return await asyncio.to_thread(from_file, act.file)
    if act.kind is SpeechKind.COUGH:
        return recording(sounds.cough(), "cough")
    return await voices.say(act.text, voice=act.voice or scenario.voice, speed=act.speed)


async def _behind(background: BackgroundNoise, voices: CallerVoices) -> Samples | None:
    match background.sound:
        case "off":
            return None
        case "white":
            sound = sounds.white()
        case "hum":
            sound = sounds.hum()
        case "babble":
            said = [(await voices.say(text)).mulaw for text in sounds.BABBLE_TEXTS]
            sound = sounds.babble([decode(mulaw, Encoding.MULAW) for mulaw in said])
        case file:
            sound = await asyncio.to_thread(read_wav, str(Path(file)), RATE)
    return sounds.below_speech(sound, background.snr_db)
