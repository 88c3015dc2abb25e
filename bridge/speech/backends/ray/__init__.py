"""The recogniser ray: a pool of engines on Ray Serve, which bridge/cluster/asr_pool.py makes."""

from bridge.speech.backends.ray.asr import RayAsr

__all__ = ["RayAsr"]
