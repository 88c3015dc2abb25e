"""The voice activity detector Silero, on ONNX or on torch."""

from bridge.speech.backends.silero.onnx import SileroVad
from bridge.speech.backends.silero.original import SileroTorch

__all__ = ["SileroTorch", "SileroVad"]
