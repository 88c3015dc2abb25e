"""What Ray Serve is told of the pool. Nothing is started; Ray has to be there: make test-ray."""

from pathlib import Path

import pytest
import yaml

from bridge.settings import Settings

serve_schema = pytest.importorskip("ray.serve.schema", reason="Ray is in an environment of its own: make test-ray")

pytestmark = pytest.mark.ray

CONFIG = Path(__file__).parents[2] / "config" / "asr_pool.yaml"


def test_the_config_file_is_what_ray_serve_takes_and_names_what_there_is() -> None:
    from bridge.cluster.asr_pool import DEPLOYMENT, build

    content = yaml.safe_load(CONFIG.read_text())
    serve_schema.ServeDeploySchema.model_validate(content)
    [app] = content["applications"]
    assert app["import_path"] == f"{build.__module__}:{build.__name__}"
    assert build(app["args"])._bound_deployment.name == DEPLOYMENT
    [deployment] = app["deployments"]
    assert deployment["name"] == DEPLOYMENT
    assert app["name"] == Settings().ray_app[0]


def test_the_config_file_says_what_the_command_would() -> None:
    from bridge.cluster.asr_pool import build

    [app] = yaml.safe_load(CONFIG.read_text())["applications"]
    [said] = app["deployments"]
    made = build(app["args"])._bound_deployment
    assert said["max_ongoing_requests"] == made.max_ongoing_requests
    assert said["ray_actor_options"]["num_cpus"] == made.ray_actor_options["num_cpus"]
    autoscaling = made._deployment_config.autoscaling_config
    for name, value in said["autoscaling_config"].items():
        there = getattr(autoscaling, name)
        assert (there.policy_function if name == "policy" else there) == (
            value["policy_function"] if name == "policy" else value
        ), name


def test_an_engine_on_a_gpu_has_one_and_a_fraction_where_that_is_said() -> None:
    from bridge.cluster.asr_pool import build

    options = build({"asr": "vllm"})._bound_deployment.ray_actor_options
    assert (options["num_gpus"], options["num_cpus"]) == (1, 2)
    shared = build({"asr": "vllm", "gpus": 0.5, "cpus": 1, "replicas": [2, 4]})._bound_deployment
    assert shared.ray_actor_options["num_gpus"] == 0.5
    assert shared._deployment_config.autoscaling_config.min_replicas == 2


@pytest.mark.parametrize("asr", ["auto", "openai", "ray", "whisper,vllm"])
def test_what_is_not_one_engine_is_refused(asr: str) -> None:
    from bridge.cluster.asr_pool import build

    with pytest.raises(ValueError, match="name the one engine of this pool"):
        build({"asr": asr})


def test_secrets_stay_out_of_what_the_cluster_can_read() -> None:
    from bridge.cluster.asr_pool import options_of

    settings = Settings.model_validate({"asr": "whisper", "asr_api_key": "secret", "asr_threads": 3, "port": 1})
    assert options_of(settings) == {"asr": ["whisper"], "asr_threads": 3}
