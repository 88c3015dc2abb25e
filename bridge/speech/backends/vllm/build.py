"""What vLLM's engine is built from: the model's own description, and our options as vLLM's arguments."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.speech.api import ModelMissing
from bridge.speech.backends.process import refusal
from bridge.speech.backends.vllm.messages import Options
from bridge.speech.backends.vllm.prompts import Family

if TYPE_CHECKING:
    from vllm.engine.arg_utils import AsyncEngineArgs


class NoStatistics:
    """A logger of vLLM's statistics that logs none: with one, answers say how long they waited."""

    def __init__(self, vllm_config: object, engine_index: int = 0) -> None: ...
    def record(self, *_: object, **__: object) -> None: ...
    def log(self) -> None: ...
    def log_engine_initialized(self) -> None: ...
    def record_sleep_state(self, *_: object) -> None: ...


def config_of(model: str) -> Mapping[str, object]:
    """Return config.json of `model`.

    Raises:
        ModelMissing: it is not there.
    """
    try:
        folder = Path(model).expanduser()
        if folder.is_dir():
            file = folder / "config.json"
        else:
            from huggingface_hub import hf_hub_download

            file = Path(hf_hub_download(model, "config.json"))
        content = json.loads(file.read_bytes())
    except Exception as error:  # offline, not found, denied, no JSON: the hub's client raises many unrelated types
        raise ModelMissing(
            f"asr_model_path is {model!r}: no folder with a model, and not to be had from the hub "
            f"({refusal.one_line(error)}); for a model that needs permission set HF_TOKEN"
        ) from error
    return content if isinstance(content, dict) else {}


def arguments(options: Options, family: Family) -> "AsyncEngineArgs":
    """Return the arguments of an engine for `family`."""
    from vllm.engine.arg_utils import AsyncEngineArgs

    given: dict[str, object] = {
        "model": options.model,
        "dtype": options.dtype,
        "max_model_len": options.max_model_len,
        "max_num_seqs": options.max_num_seqs,
        "max_num_batched_tokens": options.max_num_batched_tokens,
        "max_num_queued_reqs": options.max_num_seqs + options.max_queued,  # vLLM counts those under way
        "gpu_memory_utilization": options.gpu_memory_utilization,
        "enable_prefix_caching": options.prefix_caching,
        "enforce_eager": not options.cuda_graphs,
        "limit_mm_per_prompt": {"audio": family.items},
        "scheduling_policy": "priority",
        "disable_log_stats": True,
    }
    if options.kv_cache_mb:
        given["kv_cache_memory_bytes"] = options.kv_cache_mb << 20
    if options.block_size:
        given["block_size"] = options.block_size
    return AsyncEngineArgs(**{**given, **family.engine})
