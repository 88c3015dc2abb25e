"""Bots that think with a language model."""

from bot.openai.bot import OpenAiBot
from bot.openai.mcp_tools import McpServer
from bot.openai.stream import ModelFailed

__all__ = ["McpServer", "ModelFailed", "OpenAiBot"]
