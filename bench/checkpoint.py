"""Checkpoints of the true shapes of Qwen3-ASR with random weights: as slow as the published ones, and they say nothing.

Time depends on shapes, not on values, but for how many tokens are made. So the head is made to walk through the
words of the tiny checkpoint's tokenizer: it never ends by itself, never loops, and costs what the true one costs.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

TINY: Final = Path(__file__).resolve().parent.parent / "tests" / "data" / "tiny-qwen3-asr"

_Sizes = dict[str, int]

# Published sizes: the two models' cards and config.json. What is not named is the same in all of them.
_ENCODER: Final[_Sizes] = {"num_mel_bins": 128, "downsample_hidden_size": 480}
_TEXT: Final[_Sizes] = {
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151_936,
}
SHAPES: Final[dict[str, tuple[_Sizes, _Sizes]]] = {
    "tiny": ({}, {}),
    "0.6B": (
        {
            **_ENCODER,
            "d_model": 896,
            "encoder_layers": 18,
            "encoder_attention_heads": 14,
            "encoder_ffn_dim": 3584,
            "output_dim": 1024,
        },
        {**_TEXT, "hidden_size": 1024, "intermediate_size": 3072},
    ),
    "1.7B": (
        {
            **_ENCODER,
            "d_model": 1024,
            "encoder_layers": 24,
            "encoder_attention_heads": 16,
            "encoder_ffn_dim": 4096,
            "output_dim": 2048,
        },
        {**_TEXT, "hidden_size": 2048, "intermediate_size": 6144},
    ),
}
"""(audio, text) sizes that differ from the tiny checkpoint's."""


def make(shape: str, folder: Path) -> None:
    """Write a checkpoint of `shape` into `folder`. Needs torch; 2 bytes a parameter, and a minute for the largest."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"):
        shutil.copyfile(TINY / name, folder / name)  # not copy: what is read only here is not to be so there
    audio, text = SHAPES[shape]
    config = json.loads((TINY / "config.json").read_text())
    config["audio_config"] |= audio
    config["text_config"] |= text | {"layer_types": ["full_attention"] * _layers(config["text_config"] | text)}
    for part in (config, config["text_config"]):
        part["tie_word_embeddings"] = False
    (folder / "config.json").write_text(json.dumps(config))
    processor = json.loads((TINY / "processor_config.json").read_text())
    processor["feature_extractor"]["feature_size"] = config["audio_config"]["num_mel_bins"]
    (folder / "processor_config.json").write_text(json.dumps(processor))
    torch.manual_seed(0)
    weights = dict(_tensors({**config["audio_config"]}, {**config["text_config"]}))
    embedding = weights["model.language_model.embed_tokens.weight"]
    weights["thinker.lm_head.weight"] = _walking_head(embedding)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _layers(sizes: _Sizes) -> int:
    return sizes["num_hidden_layers"]


def _tensors(audio: _Sizes, text: _Sizes) -> Iterator[tuple[str, "torch.Tensor"]]:
    import torch

    for name, shape in (*_encoder(audio), *_decoder(text)):
        if name.endswith("norm.weight"):
            value = torch.ones(shape)
        elif name.endswith("bias"):
            value = torch.zeros(shape)
        else:
            # Next to an embedding of 1 what the layers add is small: the next word follows from the last.
            value = torch.randn(shape) * (1.0 if "embed_tokens" in name else 0.002)
        yield name, value.to(torch.bfloat16)


def _encoder(sizes: _Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, inner, stem = sizes["d_model"], sizes["encoder_ffn_dim"], sizes["downsample_hidden_size"]
    bands = sizes["num_mel_bins"] // 8  # three convolutions of stride 2
    at = "model.audio_tower."
    for number, channels in (1, 1), (2, stem), (3, stem):
        yield f"{at}conv2d{number}.weight", (stem, channels, 3, 3)
        yield f"{at}conv2d{number}.bias", (stem,)
    yield f"{at}conv_out.weight", (width, stem * bands)
    yield from _with_bias(f"{at}ln_post", (width,))
    for layer in range(sizes["encoder_layers"]):
        here = f"{at}layers.{layer}."
        for name in "qkv":
            yield from _with_bias(f"{here}self_attn.{name}_proj", (width, width))
        yield from _with_bias(f"{here}self_attn.out_proj", (width, width))
        yield from _with_bias(f"{here}fc1", (inner, width))
        yield from _with_bias(f"{here}fc2", (width, inner))
        yield from _with_bias(f"{here}self_attn_layer_norm", (width,))
        yield from _with_bias(f"{here}final_layer_norm", (width,))
    yield from _with_bias("model.multi_modal_projector.linear_1", (width, width))
    yield from _with_bias("model.multi_modal_projector.linear_2", (sizes["output_dim"], width))


def _with_bias(name: str, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _decoder(sizes: _Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, inner, head = sizes["hidden_size"], sizes["intermediate_size"], sizes["head_dim"]
    queries, keys = sizes["num_attention_heads"] * head, sizes["num_key_value_heads"] * head
    at = "model.language_model."
    yield f"{at}embed_tokens.weight", (sizes["vocab_size"], width)
    yield f"{at}norm.weight", (width,)
    for layer in range(sizes["num_hidden_layers"]):
        here = f"{at}layers.{layer}."
        yield f"{here}input_layernorm.weight", (width,)
        yield f"{here}post_attention_layernorm.weight", (width,)
        yield f"{here}self_attn.q_proj.weight", (queries, width)
        yield f"{here}self_attn.k_proj.weight", (keys, width)
        yield f"{here}self_attn.v_proj.weight", (keys, width)
        yield f"{here}self_attn.o_proj.weight", (width, queries)
        yield f"{here}self_attn.q_norm.weight", (head,)
        yield f"{here}self_attn.k_norm.weight", (head,)
        yield f"{here}mlp.gate_proj.weight", (inner, width)
        yield f"{here}mlp.up_proj.weight", (inner, width)
        yield f"{here}mlp.down_proj.weight", (width, inner)


def _walking_head(embedding: "torch.Tensor") -> "torch.Tensor":
    """Return a head that answers each word with the next one, and the end of a prompt with the first."""
    import torch

    tokenizer = json.loads((TINY / "tokenizer.json").read_text())
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    words = sorted(number for token, number in vocabulary.items() if token.startswith("\u0120") and len(token) > 3)
    ends = [vocabulary["\u010a"], *(token["id"] for token in tokenizer["added_tokens"])]  # a line's end, <asr_text>
    head = torch.zeros_like(embedding)
    for word, following in zip(words, [*words[1:], words[0]], strict=True):
        head[following] = embedding[word]
    head[words[0]] += embedding[ends].sum(0)
    return head
