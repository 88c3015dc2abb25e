"""Kokoro: a neural voice of 82 million parameters, in six languages, on the CPU."""

from bot.tts.kokoro.voice import KokoroTts

__all__ = ["KokoroTts"]
