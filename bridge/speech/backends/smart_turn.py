"""P(end of turn) from how it sounds: a smart-turn v3 ONNX file, without torch. Optional; the file is not ours to ship.

Source of the shapes: the graph of smart-turn v3.2 (input_features (B, 80, 800), logits (B, 1), already a sigmoid) and
its model card: the last 8 s, silence in front, scaled to zero mean and unit variance, as Whisper's features.
"""

from pathlib import Path
from typing import Final, Self

import numpy as np

from bot import installing
from bot.tts.places import data_folder
from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, EngineFailed, ModelMissing, Samples
from bridge.speech.backends.mel import FRAME, log_mel
from bridge.speech.backends.text_ending import PROBABILITY
from bridge.speech.dictation import Kind, read
from bridge.speech.workers import Workers

_SAMPLES: Final = 8 * SAMPLE_RATE
_INPUT: Final = "input_features"
_SHAPE: Final = (80, _SAMPLES // FRAME)


class SmartTurn:
    """An `EndOfTurn` that listens and reads. The text can only lower the probability that the voice gives."""

    def __init__(self, path: Path, *, threads: int) -> None:
        """Raises:
        ModelMissing: onnxruntime or the file is not there.
        EngineFailed: the file is no smart-turn v3 model.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelMissing(f"onnxruntime is not installed: {installing.extra('embedded')}") from error
        if not path.is_file():
            raise ModelMissing(f"{path}: no such file; smart-turn v3 models are ONNX files of about 9 MB")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own hierarchy is private
            raise EngineFailed(f"{path} does not load: {error}") from error
        _check_graph(path, self._session.get_inputs())
        self._workers = Workers(threads, name="smart-turn")

    @classmethod
    def load(cls, path: str, *, threads: int = 1) -> Self:
        """Load and warm up the model at `path`; blocks for about 0.2 s.

        Raises:
            ModelMissing: onnxruntime or the file is not there.
            EngineFailed: the file is no smart-turn v3 model.
        """
        model = cls(Path(path).expanduser(), threads=threads)
        model.listen(np.zeros(SAMPLE_RATE, np.float32))
        return model

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Load the model that `settings` name, else the one that `bridge models fetch smart-turn` has brought.

        Raises:
            ModelMissing: there is none, or `load` cannot have it.
            EngineFailed: the file is no smart-turn v3 model.
        """
        fetched = data_folder() / "smart-turn" / "smart-turn-v3.2-cpu.onnx"
        path = settings.ending_model_path or fetched
        if path == fetched and not fetched.is_file():
            raise ModelMissing(
                "smart-turn needs its file: `bridge models fetch smart-turn`, or --ending-model-path FILE"
            )
        return cls.load(str(path), threads=settings.ending_threads)

    async def probability(self, audio: Samples, text: str, language: str, /) -> float:
        """Return P(the caller is done): by the voice, times that by the text if the text is no finished sentence."""
        heard = await self._workers.run(self.listen, audio)
        written = PROBABILITY[read(text, language).kind] if text else PROBABILITY[Kind.FINISHED]
        return heard * min(1.0, written / PROBABILITY[Kind.FINISHED])

    def listen(self, audio: Samples) -> float:
        """Return P(end of turn) from the last 8 s of `audio` alone. Blocks for about 60 ms of CPU.

        Raises:
            EngineFailed: the model failed.
        """
        try:
            (output,) = self._session.run(None, {_INPUT: features(audio)[None]})
        except Exception as error:  # onnxruntime's own hierarchy is private; whatever it is, this pause is not judged
            raise EngineFailed(f"smart-turn failed: {error}") from error
        probability = float(output.reshape(-1)[0])
        if not 0.0 <= probability <= 1.0:  # NaN too
            raise EngineFailed(f"smart-turn returned {probability}, must be 0 to 1")
        return probability

    def close(self) -> None:
        self._workers.close()


def features(audio: Samples) -> Samples:
    """Return what the model hears of `audio`, shape (80, 800)."""
    newest = audio[max(0, len(audio) - _SAMPLES) :]
    padded = np.zeros(_SAMPLES, np.float32)
    padded[_SAMPLES - len(newest) :] = newest
    return log_mel((padded - padded.mean()) / np.sqrt(padded.var() + np.float32(1e-7)), _SHAPE[1])


def _check_graph(path: Path, inputs: list[object]) -> None:
    found = [(getattr(node, "name", ""), tuple(getattr(node, "shape", ()))[1:]) for node in inputs]
    if found != [(_INPUT, _SHAPE)]:
        raise EngineFailed(f"{path} takes {found}, must be {_INPUT} of shape (n, 80, 800): a smart-turn v3 model")
