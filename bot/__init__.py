"""What a bot author sees."""

from bot.api import Bot, CallInfo, Final, Line, Partial, Speaker, Tts, Turn

__all__ = ["Bot", "CallInfo", "Final", "Line", "Partial", "Speaker", "Tts", "Turn"]
