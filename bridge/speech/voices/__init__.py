"""Voices on other machines: an OpenAI-compatible server, or a hosted one that profiles.toml knows."""

from bridge.speech.voices.http_voice import HttpVoice
from bridge.speech.voices.loading import HttpTts

__all__ = ["HttpTts", "HttpVoice"]
