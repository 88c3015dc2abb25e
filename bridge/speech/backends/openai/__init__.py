"""The recogniser openai: a server with an OpenAI-compatible API."""

from bridge.speech.backends.openai.asr import OpenAiAsr

__all__ = ["OpenAiAsr"]
