"""What a bot author sees."""

from bot.actions import (
    Action,
    ActionFailed,
    Collect,
    Handoff,
    Hangup,
    PlayFile,
    SendDtmf,
    SendInfo,
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
    "Handoff",
    "Hangup",
    "Heard",
    "Line",
    "Partial",
    "PlayFile",
    "Say",
    "SendDtmf",
    "SendInfo",
    "SetContext",
    "SetLanguage",
    "SetVoice",
    "Speaker",
    "Transfer",
    "Tts",
    "Turn",
]
