"""`bridge voices`: lists the voices, or says a text with one."""

import argparse
from pathlib import Path
from typing import Final

from bridge import settings
from bridge.commands import voices
from bridge.plugins import PluginError
from bridge.speech.api import ModelMissing

FAILURES: Final = {settings.SettingsError: 2, PluginError: 1, ModelMissing: 1}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` what to say and where to, and all options: --tts names the voice."""
    parser.add_argument("--say", metavar="TEXT", help="say it, with the voice that a call would use")
    parser.add_argument("--wav", type=Path, metavar="FILE", help="16-bit WAV of it, 8 kHz as a caller hears it")
    parser.add_argument("--full-band", action="store_true", help="the WAV at the rate of the voice, not as a caller")
    settings.add_help(parser)
    settings.add_flags(parser)


def run(flags: argparse.Namespace) -> int:
    """Print the list, or how the text was said. Return 0; 1 where no voice makes a sound of it."""
    options = settings.load(flags)
    if flags.say is None:
        if flags.wav:
            raise ValueError("--wav needs what to say: --say TEXT")
        print(voices.listing(options))
        return 0
    said = voices.say(flags.say, options)
    if flags.wav:
        voices.save(said, flags.wav, full_band=flags.full_band)
    print(voices.report(said))
    return 0 if said.sentences else 1
