"""The pool of recognisers as an application of Ray Serve: `serve run config/asr_pool.yaml`, or `bridge asr-pool`.

What is ours is the deployment; membership, placement, autoscaling and restart are Ray's.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy, RequestRouterConfig

from bridge.cluster.replica import PoolReplica
from bridge.settings import Settings
from bridge.settings.groups.recognition import Recognition, Vllm
from bridge.settings.options import SECRETS

ROUTER: Final = "bridge.speech.backends.ray.routing:UtteranceRouter"
POLICY: Final = "bridge.cluster.autoscaling:ongoing_and_wait"
"""Both are loaded by name: the router in each bridge, the policy in the controller of Ray Serve."""
DEPLOYMENT: Final = "Recogniser"
"""What a config file calls the deployment whose settings it changes."""
_WAITING: Final = 4
"""Decodes that may wait in a replica for each that it runs; more are routed elsewhere, or wait in the bridge."""
_BUSY: Final = 0.7
"""Decodes in hand that a replica should have, of those it runs at once: the rest is for the next minute's calls."""
_BUSY_BATCH: Final = 0.25
"""The same where they are one batch: a larger one takes longer, and hardly does more."""
_NO_ENGINES: Final = {"auto", "openai", "ray"}
"""Not known before it is loaded; servers of their own, which a bridge asks itself; a pool."""


class Placing(BaseModel):
    """What of the arguments is no option of the bridge. Ray's own settings of the deployment go before it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    replicas: tuple[int, int] = Field(default=(1, 8), description="At least and at most.")
    gpus: float | None = None
    cpus: float | None = None


def build(arguments: Mapping[str, object]) -> Application:
    """Return the application whose replicas run the engine that `arguments` describe.

    They are options of `bridge serve` by name, and those of `Placing`. The deployment is `DEPLOYMENT`.

    Raises:
        ValueError: an option is wrong, or `asr` is not one engine.
    """
    placing = Placing.model_validate(dict(arguments))
    options = {name: value for name, value in arguments.items() if name not in Placing.model_fields}
    settings = Settings.model_validate(options)
    if len(settings.asr) != 1 or settings.asr[0] in _NO_ENGINES:
        raise ValueError(f"asr is {', '.join(settings.asr)!r}; name the one engine of this pool, e.g. whisper or vllm")
    on_gpu = settings.asr[0] == "vllm"
    at_once = settings.vllm_max_num_seqs if on_gpu else settings.asr_threads
    least, most = placing.replicas
    deployment = serve.deployment(
        PoolReplica,
        name=DEPLOYMENT,
        max_ongoing_requests=(1 + _WAITING) * at_once,
        ray_actor_options=_resources(settings, placing),
        autoscaling_config=AutoscalingConfig(
            min_replicas=least,
            max_replicas=most,
            target_ongoing_requests=max(1.0, (_BUSY_BATCH if on_gpu else _BUSY) * at_once),
            upscale_delay_s=5,
            downscale_delay_s=300,
            look_back_period_s=12,  # Ray measures each 10 s
            policy=AutoscalingPolicy(policy_function=POLICY),
        ),
        request_router_config=RequestRouterConfig(request_router_class=ROUTER),
        logging_config={"enable_access_log": False},  # a line a decode costs as much as carrying it
        health_check_period_s=1,
        health_check_timeout_s=10,
        graceful_shutdown_timeout_s=30,  # the longest that anybody waits for a decode
        graceful_shutdown_wait_loop_s=0.25,
    )
    return deployment.bind(options)


def options_of(settings: Settings) -> dict[str, object]:
    """Return what of `settings` an engine needs to know, without secrets: all of the cluster can read it."""
    names = {*Recognition.model_fields, *Vllm.model_fields} - set(SECRETS)
    return settings.model_dump(mode="json", include=names, exclude_defaults=True)


def _resources(settings: Settings, placing: Placing) -> dict[str, float]:
    on_gpu = settings.asr[0] == "vllm"
    gpus = placing.gpus if placing.gpus is not None else float(on_gpu)
    cpus = placing.cpus if placing.cpus is not None else 2.0 if on_gpu else float(settings.asr_threads)
    return {"num_gpus": gpus, "num_cpus": cpus}
