"""The original DeepFilterNet package (`df`, on torch) for the models that the embedded runtime cannot run.

It enhances whole recordings and has no streaming state. So each block of a call is enhanced together with the
second before it, which warms the network up, and the 40 ms after it, which it looks ahead. That is about ten
times the work of the embedded runtime: use it on a GPU.

Tested by this project: the blocks, what is asked of the package and what is said where it, or its weights, are not
there. Not tested: the networks themselves, because the package pins versions of numpy and torchaudio that the rest has
left behind, and fetches its weights when it first runs.
"""

from collections.abc import Callable
from threading import Lock
from typing import Final

import numpy as np

from bot import installing
from bridge.speech.api import SAMPLE_RATE, Denoiser, EngineFailed, ModelMissing, Samples
from bridge.speech.backends.deepfilter.model import TORCH_ONLY, original_folder
from bridge.speech.resample import resample_whole

_RATE: Final = 48_000
_PAST: Final = SAMPLE_RATE
_BLOCK: Final = SAMPLE_RATE // 10
_AHEAD: Final = SAMPLE_RATE // 25
_WEIGHTS: Final = "https://github.com/Rikorose/DeepFilterNet/raw/main/models/{}.zip"
"""Where the package (0.5.6, df/enhance.py) gets them."""

Enhance = Callable[[Samples], Samples]
"""Takes a recording at 16 kHz, shape (n,); returns it denoised, as long and in step."""


def load_torch(model: str, *, attenuation_limit_db: float, post_filter: bool) -> Callable[[], Denoiser]:
    """Load `model`, e.g. "DeepFilterNet2" or the path of a folder, once; return what makes a denoiser for a call.

    Raises:
        ModelMissing: the original package is not installed, or its weights are not there and cannot be downloaded.
    """
    enhance = _load_enhance(model, attenuation_limit_db, post_filter)
    return lambda: BlockDenoiser(enhance)


class BlockDenoiser:
    """One call's denoiser around a function that knows only whole recordings."""

    name = "DeepFilterNet"
    delay = _BLOCK + _AHEAD

    def __init__(self, enhance: Enhance) -> None:
        self._enhance: Enhance | None = enhance
        self._heard = np.zeros(_PAST + _AHEAD, np.float32)  # the past, and what the next block begins with
        self._ready = np.zeros(_BLOCK, np.float32)

    def __call__(self, samples: Samples, /) -> Samples:
        heard = np.concatenate((self._heard, samples))
        ready = [self._ready]
        while len(heard) >= _PAST + _BLOCK + _AHEAD:
            ready.append(self._block(heard[: _PAST + _BLOCK + _AHEAD]))
            heard = heard[_BLOCK:]
        self._heard, made = heard, np.concatenate(ready)
        self._ready = made[len(samples) :]
        return made[: len(samples)]

    def close(self) -> None:
        self._enhance = None

    def _block(self, recording: Samples) -> Samples:
        enhance = self._enhance
        if enhance is None:
            raise EngineFailed("the denoiser is closed")
        try:
            return enhance(recording)[_PAST : _PAST + _BLOCK]
        except RuntimeError as error:  # what torch raises, out of memory included
            raise EngineFailed(f"DeepFilterNet failed: {error}") from error


def _where_weights_go(model: str, error: BaseException) -> str:
    if model not in TORCH_ONLY:
        return (
            f"dfn-model is {model!r}: it does not load ({error}); it must hold config.ini and checkpoints/*.ckpt.best"
        )
    return (
        f"the weights of {model} are not there and could not be downloaded ({error}): get {_WEIGHTS.format(model)}, "
        f"unpack it, and start with --dfn-model /path/of/{model}, the folder with config.ini and checkpoints in it"
    )


def _load_enhance(model: str, attenuation_limit_db: float, post_filter: bool) -> Enhance:
    try:
        import torch
        from df.enhance import enhance, init_df
    except ImportError as error:
        raise ModelMissing(
            f"dfn-model is {model!r}, which needs the original package ({error}): "
            f"{installing.extra('deepfilter')} on Python 3.11; without it DeepFilterNet3 can be had"
        ) from error
    folder = str(original_folder(model) or model)
    try:
        network, state, _ = init_df(folder, post_filter=post_filter, log_level="ERROR", log_file=None)
    except (Exception, SystemExit) as error:  # of any library in it; it exits where its server has no such file
        raise ModelMissing(_where_weights_go(model, error)) from error
    limit_db = max(attenuation_limit_db, 0.01)  # to the package, 0 means no limit
    lock = Lock()  # one network and one analysis state for all calls

    def run(recording: Samples) -> Samples:
        noisy = torch.from_numpy(resample_whole(recording, SAMPLE_RATE, _RATE))[None]
        with lock:
            clean = enhance(network, state, noisy, pad=True, atten_lim_db=limit_db)
        return resample_whole(clean[0].numpy(), _RATE, SAMPLE_RATE)

    return run
