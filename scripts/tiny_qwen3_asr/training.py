"""The schedule of the training, and its two losses."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch.nn import functional
from transformers import Qwen3ASRForConditionalGeneration

from tiny_qwen3_asr.clips import Voice
from tiny_qwen3_asr.mixing import draw
from tiny_qwen3_asr.model import WIDTH
from tiny_qwen3_asr.prompts import Batch, Writer
from tiny_qwen3_asr.words import ALL

BATCH: Final = 16
_RATE: Final = 1.5e-3
_WARM_UP: Final = 200  # steps
_LISTEN_FIRST: Final = 0.2
"""Share of the steps in which only CTC teaches: a decoder that hears nothing yet learns to guess, and goes on so."""
_SLOW_DOWN: Final = 0.4
"""Share of the steps, the last, in which the rate falls to nothing. Half of the error goes here."""
_WINDOWS: Final = (100, 200, 400, 800)
"""Frames the encoder attends to at once; drawn for each step, as in the paper, so that streaming windows work."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Means over the steps since the last report."""

    step: int
    text_loss: float
    """Cross entropy a token of the answer."""
    ctc_loss: float
    """A word."""
    step_ms: float


def train(
    model: Qwen3ASRForConditionalGeneration,
    voices: Sequence[Voice],
    writer: Writer,
    *,
    steps: int,
    seed: int,
    report: Callable[[Progress], None],
    report_every: int = 100,
) -> None:
    """Train `model` in place."""
    rng = random.Random(seed)
    listener = torch.nn.Linear(WIDTH, len(ALL) + 1)  # words from embeddings; thrown away in the end
    parameters = [*model.parameters(), *listener.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=_RATE)
    model.train()
    texts, ctcs, began = [0.0], [0.0], time.monotonic()
    for step in range(1, steps + 1):
        optimizer.param_groups[0]["lr"] = _rate(step, steps)
        model.model.audio_tower.n_window_infer = rng.choice(_WINDOWS)
        batch = writer.batch(rng, [draw(rng, voices) for _ in range(BATCH)])
        text, ctc = _losses(model, listener, batch)
        text_weight, ctc_weight = _weights(step / steps)
        optimizer.zero_grad()
        (text_weight * text + ctc_weight * ctc).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        texts.append(float(text.detach()))
        ctcs.append(float(ctc.detach()))
        if step % report_every == 0:
            taken_ms = (time.monotonic() - began) * 1000 / report_every
            report(Progress(step, sum(texts) / len(texts), sum(ctcs) / len(ctcs), taken_ms))
            model.train()
            texts, ctcs, began = [], [], time.monotonic()
    model.model.audio_tower.n_window_infer = _WINDOWS[-1]


def _rate(step: int, steps: int) -> float:
    left = (steps - step) / (_SLOW_DOWN * steps)
    return _RATE * min(1.0, step / _WARM_UP, left)


def _weights(done: float) -> tuple[float, float]:
    """Return the weights of the text's loss and of CTC's; `done` is the share of the steps taken."""
    if done < _LISTEN_FIRST:
        return 0.0, 1.0
    return 1.0, 1.0 - 0.9 * (done - _LISTEN_FIRST) / (1 - _LISTEN_FIRST)


def _losses(
    model: Qwen3ASRForConditionalGeneration, listener: torch.nn.Linear, batch: Batch
) -> tuple[torch.Tensor, torch.Tensor]:
    out = model(
        input_ids=batch.tokens,
        attention_mask=batch.tokens_mask,
        input_features=batch.features,
        input_features_mask=batch.features_mask,
    )
    text = functional.cross_entropy(out.logits[:, :-1].flatten(0, 1), batch.labels[:, 1:].flatten())
    return text, _ctc(listener(out.audio_hidden_states), batch)


def _ctc(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Return the loss of `scores`, shape (embeddings of all utterances, classes), against the words said."""
    each = torch.split(functional.log_softmax(scores, -1), list(batch.audio_tokens))
    padded = torch.nn.utils.rnn.pad_sequence(each)  # (time, batch, classes)
    lengths, counts = torch.tensor(batch.audio_tokens), torch.tensor([len(words) for words in batch.words])
    words = torch.tensor([word for words in batch.words for word in words])
    return functional.ctc_loss(padded, words, lengths, counts, zero_infinity=True)
