"""Word error rate on voices that training never hears."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from integration.recordings import word_error_rate
from transformers import PreTrainedTokenizerFast, Qwen3ASRForConditionalGeneration

from bridge.speech.api import SAMPLE_RATE, Samples
from tiny_qwen3_asr.clips import Voice
from tiny_qwen3_asr.mixing import Utterance, joined, telephone, whole
from tiny_qwen3_asr.prompts import Writer, count_tokens
from tiny_qwen3_asr.words import TEXT


@dataclass(frozen=True, slots=True)
class Score:
    """How well one kind of utterance was understood."""

    error_rate: float
    """Errors a word said."""
    exact: float
    """Share of utterances without any error."""
    language: float
    """Share of utterances whose language was named."""

    def __str__(self) -> str:
        return f"WER {self.error_rate:6.1%}, exact {self.exact:4.0%}, language {self.language:4.0%}"


class Examiner:
    """Asks a model what it hears. The questions are the same each time."""

    def __init__(self, voices: Sequence[Voice], writer: Writer, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
        self._voices, self._writer, self._tokenizer, self._seed = voices, writer, tokenizer, seed

    def examine(self, model: Qwen3ASRForConditionalGeneration, count: int) -> dict[str, Score]:
        """Return the scores of `count` utterances of each kind."""
        kinds: dict[str, Callable[[random.Random, Voice], Utterance]] = {"joined words": joined, "sentences": whole}
        scores = {kind: self._score(model, make, count) for kind, make in kinds.items()}
        scores["sentences by telephone"] = self._score(model, whole, count, line=telephone)
        return scores

    def hear(self, model: Qwen3ASRForConditionalGeneration, audio: Samples) -> str:
        """Return what the model writes, greedily, of its own accord: "language English<asr_text>two please"."""
        features, mask = self._writer.features([audio])
        prompt = torch.tensor([self._writer.ask(count_tokens(int(mask.sum())))])
        with torch.no_grad():
            answer = model.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                input_features=features,
                input_features_mask=mask,
                max_new_tokens=24,
                do_sample=False,
            )
        return str(self._tokenizer.decode(answer[0, prompt.shape[1] :], skip_special_tokens=True))

    def _score(
        self,
        model: Qwen3ASRForConditionalGeneration,
        make: Callable[[random.Random, Voice], Utterance],
        count: int,
        line: Callable[[Samples], Samples] = lambda audio: audio,
    ) -> Score:
        rng = random.Random(self._seed)
        model.eval()
        asked = [make(rng, self._voices[i % len(self._voices)]) for i in range(count)]
        tail = np.zeros(SAMPLE_RATE // 5, np.float32)  # the silence that ends every utterance of a call
        written = [self.hear(model, line(np.concatenate((utterance.audio, tail)))) for utterance in asked]
        said = [" ".join(utterance.words) for utterance in asked]
        heard = [text.partition(TEXT)[2].strip() for text in written]
        named = [text.startswith(f"language {it.language}{TEXT}") for text, it in zip(written, asked, strict=True)]
        exact = [a == b for a, b in zip(said, heard, strict=True)]
        return Score(word_error_rate(said, heard), float(np.mean(exact)), float(np.mean(named)))
