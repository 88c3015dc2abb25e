"""What a bot author sees."""

from bot.actions import Action, Collect, Hangup, PlayFile, SendDtmf, SetLanguage, SetVoice, Transfer
from bot.api import Bot, CallInfo, Expect, Final, Heard, Line, Partial, Say, Speaker, Tts, Turn

__all__ = [
    "Action",
    "Bot",
    "CallInfo",
    "Collect",
    "Expect",
    "Final",
    "Hangup",
    "Heard",
    "Line",
    "Partial",
    "PlayFile",
    "Say",
    "SendDtmf",
    "SetLanguage",
    "SetVoice",
    "Speaker",
    "Transfer",
    "Tts",
    "Turn",
]
