"""The recogniser vllm: an engine in a child process."""

from bridge.speech.backends.vllm.engine import VllmAsr

__all__ = ["VllmAsr"]
