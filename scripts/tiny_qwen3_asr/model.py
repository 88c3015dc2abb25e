"""The architecture of Qwen3-ASR with 1.1 million parameters, and how its weights begin."""

from pathlib import Path
from typing import Final

import torch
from transformers import (
    PreTrainedTokenizerFast,
    Qwen3ASRConfig,
    Qwen3ASRFeatureExtractor,
    Qwen3ASRForConditionalGeneration,
    Qwen3ASRProcessor,
)

from tiny_qwen3_asr.words import AUDIO, END, STOP, VOCABULARY_SIZE, WORDS

WIDTH: Final = 128
_MELS: Final = 80
_TEMPLATE: Final = Path(__file__).parents[2] / "tests" / "data" / "tiny-qwen3-asr" / "chat_template.jinja"

_ENCODER: Final = {
    "model_type": "qwen3_asr_encoder",
    "num_mel_bins": _MELS,
    "d_model": WIDTH,
    "encoder_layers": 3,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 512,
    "downsample_hidden_size": 16,
    "output_dim": WIDTH,
    # As in the published models: 1 s a chunk of the convolutions, 8 s a window of attention.
    "n_window": 50,
    "n_window_infer": 800,
}
_DECODER: Final = {
    "model_type": "qwen3",
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,  # the least that vLLM's attention on a CPU takes
    "intermediate_size": 384,
    "max_position_embeddings": 4096,
    "rope_parameters": {"rope_theta": 10_000.0, "rope_type": "default"},
    "tie_word_embeddings": True,
    "vocab_size": VOCABULARY_SIZE,
}


def make_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ASRForConditionalGeneration:
    """Return the model with fresh weights, float32."""
    stop, end = tokenizer.convert_tokens_to_ids([STOP, END])
    config = Qwen3ASRConfig(
        audio_config=dict(_ENCODER),
        text_config=dict(_DECODER),
        audio_token_id=tokenizer.convert_tokens_to_ids(AUDIO),
        eos_token_id=[end, stop],
        pad_token_id=stop,
        tie_word_embeddings=True,
    )
    model = Qwen3ASRForConditionalGeneration(config)
    _initialise(model)
    return model


def _initialise(model: Qwen3ASRForConditionalGeneration) -> None:
    """Begin with Kaiming's weights in the convolutions and Xavier's in the matrices.

    With the library's own (standard deviation 0.02) what three convolutions say vanishes beneath the table of
    positions that is added to it, and ten minutes of training learn nothing at all.
    """
    for name, weight in model.named_parameters():
        if "conv2d" in name and weight.dim() > 1:
            torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")
        elif weight.dim() > 1:
            torch.nn.init.xavier_uniform_(weight)


def make_extractor() -> Qwen3ASRFeatureExtractor:
    """Return what turns audio into mel bands."""
    return Qwen3ASRFeatureExtractor(feature_size=_MELS)


def save(model: Qwen3ASRForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a checkpoint, bfloat16, that transformers and vLLM load."""
    weights = {name: weight.to(torch.bfloat16) for name, weight in model.state_dict().items()}
    small = Qwen3ASRForConditionalGeneration(model.config).to(torch.bfloat16)
    small.load_state_dict(weights)
    small.save_pretrained(folder)
    processor = Qwen3ASRProcessor(make_extractor(), tokenizer, chat_template=_TEMPLATE.read_text())
    processor.save_pretrained(folder)
    (folder / "vocabulary_en.txt").write_text("\n".join(WORDS["English"]) + "\n")
