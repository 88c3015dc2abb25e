"""python -m tiny_qwen3_asr --out FOLDER: the whole way, from espeak-ng to a checkpoint that vLLM loads."""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from tiny_qwen3_asr.clips import training_voices, unheard_voices
from tiny_qwen3_asr.evaluation import Examiner, Score
from tiny_qwen3_asr.model import make_extractor, make_model, save
from tiny_qwen3_asr.prompts import Writer
from tiny_qwen3_asr.training import Progress, train
from tiny_qwen3_asr.words import make_tokenizer


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tiny_qwen3_asr", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/tiny-qwen3-asr"), help="folder of the checkpoint")
    parser.add_argument("--steps", type=int, default=9500, help="9500 are three quarters of an hour on one core")
    parser.add_argument("--threads", type=int, default=1, help="more gain little: the model is too small to share out")
    parser.add_argument("--examine-every", type=int, default=1000, help="steps between checkpoints and their scores")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    args = _arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{(time.monotonic() - began) / 60:6.1f} min  {text}", flush=True)

    voices = training_voices(args.seed)
    tokenizer = make_tokenizer()
    model, writer = make_model(tokenizer), Writer(tokenizer, make_extractor())
    examiner = Examiner(unheard_voices(args.seed), writer, tokenizer, args.seed)
    say(f"espeak-ng has spoken; {sum(weight.numel() for weight in model.parameters()):,} parameters")

    def examine(count: int) -> None:
        save(model, tokenizer, args.out)
        _tell(say, examiner.examine(model, count))

    def report(progress: Progress) -> None:
        say(
            f"step {progress.step:5}: loss {progress.text_loss:.3f} a token, CTC {progress.ctc_loss:.3f} a word, "
            f"{progress.step_ms:.0f} ms a step"
        )
        if progress.step % args.examine_every == 0 and progress.step < args.steps:
            examine(30)

    train(model, voices, writer, steps=args.steps, seed=args.seed, report=report)
    examine(200)
    say(f"written to {args.out}")


def _tell(say: Callable[[str], None], scores: Mapping[str, Score]) -> None:
    for kind, score in scores.items():
        say(f"  {kind:24} {score}")


if __name__ == "__main__":
    main()
