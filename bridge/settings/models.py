"""Which engine a model is for, as far as its name tells."""

import re
from pathlib import Path
from typing import Final

from bot import installing

_ON_VLLM: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]*(qwen3-?asr|voxtral)[\w.-]*", re.ASCII | re.IGNORECASE)


def not_for_whisper(model: str) -> str:
    """Return what to do about `model`, an id of the hub, where Whisper cannot run it but vLLM can; "" elsewhere."""
    if not _ON_VLLM.fullmatch(model) or Path(model).is_dir():
        return ""
    vllm, multilingual = installing.extra("vllm"), installing.extra("multilingual")
    return (
        f"--asr-model-path {model} runs on vLLM (extra vllm, an NVIDIA GPU): {vllm}, then --asr vllm; without this "
        f"Whisper tiny.en would run, English only, on any CPU; --asr-model-path base knows 99 languages: {multilingual}"
    )
