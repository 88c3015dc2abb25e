"""What the model reads and what it is to answer, as token numbers."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from transformers import PreTrainedTokenizerFast, Qwen3ASRFeatureExtractor

from bridge.speech.api import SAMPLE_RATE, Samples
from tiny_qwen3_asr.mixing import Utterance
from tiny_qwen3_asr.words import ALL, AUDIO, AUDIO_BEGIN, AUDIO_END, BEGIN, END, TEXT

_FORCED, _CONTEXT = 0.3, 0.3
"""Shares of prompts that name the language, and that have words in the system's turn."""
_IGNORED: Final = -100  # what cross_entropy leaves out


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one step; the first axis is the utterance."""

    features: torch.Tensor
    """(batch, 80, frames)"""
    features_mask: torch.Tensor
    tokens: torch.Tensor
    """(batch, tokens), padded on the right."""
    tokens_mask: torch.Tensor
    labels: torch.Tensor
    """As `tokens`, with -100 where nothing is asked."""
    audio_tokens: Sequence[int]
    words: Sequence[Sequence[int]]
    """Classes of the words, 1 and up, for CTC."""


class Writer:
    """Turns utterances into prompts and answers."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, extractor: Qwen3ASRFeatureExtractor) -> None:
        self._tokenizer, self._extractor = tokenizer, extractor

    def features(self, audio: Sequence[Samples]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mel bands and their mask."""
        found = self._extractor(
            list(audio), sampling_rate=SAMPLE_RATE, padding="longest", return_attention_mask=True, return_tensors="pt"
        )
        return found["input_features"], found["attention_mask"]

    def ask(self, audio_tokens: int, *, context: str = "", language: str | None = None) -> list[int]:
        """Return the prompt up to where the model speaks; `language` forces one."""
        answer = f"language {language}{TEXT}" if language else ""
        text = (
            f"{BEGIN}system\n{context}{END}\n{BEGIN}user\n{AUDIO_BEGIN}{AUDIO * audio_tokens}{AUDIO_END}{END}\n"
            f"{BEGIN}assistant\n{answer}"
        )
        return list(self._tokenizer.encode(text))

    def batch(self, rng: random.Random, utterances: Sequence[Utterance]) -> Batch:
        """Return one training step's tensors."""
        features, mask = self.features([utterance.audio for utterance in utterances])
        audio_tokens = [count_tokens(int(frames)) for frames in mask.sum(-1)]
        rows = [self._row(rng, it, count) for it, count in zip(utterances, audio_tokens, strict=True)]
        longest = max(len(prompt) + len(answer) for prompt, answer in rows)
        tokens = torch.full((len(rows), longest), int(self._tokenizer.pad_token_id))
        labels, tokens_mask = torch.full_like(tokens, _IGNORED), torch.zeros_like(tokens)
        for i, (prompt, answer) in enumerate(rows):
            end = len(prompt) + len(answer)
            tokens[i, :end] = torch.tensor(prompt + answer)
            labels[i, len(prompt) : end] = torch.tensor(answer)
            tokens_mask[i, :end] = 1
        words = [[ALL.index(word) + 1 for word in utterance.words] for utterance in utterances]
        return Batch(features, mask, tokens, tokens_mask, labels, audio_tokens, words)

    def _row(self, rng: random.Random, utterance: Utterance, audio_tokens: int) -> tuple[list[int], list[int]]:
        context = " ".join(rng.choices(ALL, k=rng.randint(1, 6))) if rng.random() < _CONTEXT else ""
        forced = utterance.words and rng.random() < _FORCED
        prompt = self.ask(audio_tokens, context=context, language=utterance.language if forced else None)
        spoken = " ".join(utterance.words) + END
        return prompt, list(
            self._tokenizer.encode(spoken if forced else f"language {utterance.language}{TEXT}{spoken}")
        )


def count_tokens(frames: int) -> int:
    """Return how many embeddings the encoder makes of `frames` mel frames: 13 a second."""
    seconds, rest = divmod(frames, 100)
    for _ in range(3):  # each convolution halves, rounding up
        rest = (rest + 1) // 2
    return seconds * 13 + rest
