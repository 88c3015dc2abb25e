"""The recogniser whisper: embedded, on the CPU."""

from bridge.speech.backends.whisper.asr import WhisperAsr

__all__ = ["WhisperAsr"]
