"""`bridge asr-pool`: runs the pool of recognisers on a Ray cluster, for bridges with `--asr ray`."""

import argparse
import re
from importlib.util import find_spec
from typing import Final

from bot import installing
from bridge import settings
from bridge.settings.groups.recognition import Recognition, Vllm
from bridge.speech.api import EngineFailed, ModelMissing

FAILURES: Final = {settings.SettingsError: 2, ModelMissing: 1, EngineFailed: 1}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` how many replicas there are and what each gets, and the options of their engine."""
    scale = parser.add_argument_group("Replicas")
    scale.add_argument("--replicas", default="1-8", metavar="N|MIN-MAX", help="how many; Ray Serve finds the number")
    scale.add_argument("--gpus", type=float, metavar="N", help="GPUs of each, 0.5 too (default: 1 for vllm, else 0)")
    scale.add_argument("--cpus", type=float, metavar="N", help="cores of each (default: 2 for vllm, else asr_threads)")
    scale.add_argument("--detach", action="store_true", help="return once it is up; `serve shutdown` ends it")
    settings.add_flags(parser, (Recognition, Vllm))


def run(flags: argparse.Namespace) -> int:
    """Run the pool until a signal comes. Return 0."""
    least, most = replicas(flags.replicas)
    options = settings.load(flags)
    if find_spec("ray") is None:
        raise ModelMissing(f"Ray is not installed; get it with: {installing.extra('ray')}")
    from bridge.cluster import running

    scale = running.Scale(least=least, most=most, gpus=flags.gpus, cpus=flags.cpus)
    running.start(options, scale)
    print(f"the pool {options.ray_app[0]!r} is up; bridges on this cluster: bridge serve --asr ray", flush=True)
    if not flags.detach:
        running.wait_and_end(options.ray_app[0])
    return 0


def replicas(text: str) -> tuple[int, int]:
    """Return the least and the most of `text`, "4" or "1-8".

    Raises:
        ValueError: it is neither, or the first is larger; 0 would be a pool that answers nobody.
    """
    if found := re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", text, re.ASCII):
        least, most = int(found[1]), int(found[2] or found[1])
        if 0 < least <= most:
            return least, most
    raise ValueError(f"--replicas {text!r} is neither a number above 0 nor two like 1-8")
