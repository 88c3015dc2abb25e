"""espeak-ng, as a program beside ours: it is GPL-3, and is never linked."""

from bot.tts.espeak.phonemes import Phonemes
from bot.tts.espeak.voice import EspeakTts

__all__ = ["EspeakTts", "Phonemes"]
