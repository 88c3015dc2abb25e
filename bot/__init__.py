"""What a bot author sees."""

from bot.actions import (
    Action,
    ActionFailed,
    Collect,
    Hangup,
    PlayFile,
    SendDtmf,
    SetContext,
    SetLanguage,
    SetVoice,
    Transfer,
)
from bot.api import Bot, CallInfo, Expect, Final, Heard, Line, Partial, Say, Speaker, Tts, Turn

__all__ = [
    "Action",
    "ActionFailed",
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
    "SetContext",
    "SetLanguage",
    "SetVoice",
    "Speaker",
    "Transfer",
    "Tts",
    "Turn",
]
