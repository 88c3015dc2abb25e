"""Lets `import torchvision` work beside a torch without CUDA, in the environment of the vLLM tests and nowhere else.

The package index has one torchvision, built for CUDA. Its C++ library does not load into a CPU torch; torchvision
shrugs that off, and then dies of registering Python code for two operators that only the library declares. vLLM
needs `torchvision.transforms`, none of these operators, but cannot be installed without the package.

So this declares the two operators, without bodies, just before torchvision is first imported. It is a start-up file
(`scripts/install-vllm` copies it into site-packages beside a .pth line that imports it) because vLLM works in several
processes and each has to have it. It imports nothing heavy unless torchvision is asked for.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from types import ModuleType


class _Declare:
    """A finder that finds nothing: it only learns that torchvision is about to be imported."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "torchvision":
            sys.meta_path.remove(_Declare)
            _declare_operators()
        return None


def _declare_operators() -> None:
    import torch

    if torch.version.cuda is not None or version("torchvision").endswith("+cpu"):
        return  # its library loads and declares them itself
    torch.library.define("torchvision::nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    torch.library.define("torchvision::qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


sys.meta_path.insert(0, _Declare)
