"""The denoiser DeepFilterNet."""

from bridge.speech.backends.deepfilter.native import DeepFilterPool

__all__ = ["DeepFilterPool"]
