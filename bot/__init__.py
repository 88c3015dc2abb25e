"""What a bot author sees."""

from bot.api import Bot, CallInfo, Expect, Final, Heard, Line, Partial, Say, Speaker, Tts, Turn

__all__ = ["Bot", "CallInfo", "Expect", "Final", "Heard", "Line", "Partial", "Say", "Speaker", "Tts", "Turn"]
