"""Bots that think with a language model."""

from bot.openai.bot import OpenAiBot
from bot.openai.stream import ModelFailed

__all__ = ["ModelFailed", "OpenAiBot"]
