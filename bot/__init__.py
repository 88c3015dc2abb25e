"""What a bot author sees."""

from bot.api import Bot, CallInfo, Final, Heard, Line, Partial, Say, Speaker, Tts, Turn

__all__ = ["Bot", "CallInfo", "Final", "Heard", "Line", "Partial", "Say", "Speaker", "Tts", "Turn"]
