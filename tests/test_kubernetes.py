"""config/kubernetes/ says of the bridge what is so: options, metrics and times that it has."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bridge.cli import main
from bridge.metrics import Metrics
from bridge.server.lifecycle.shutdown import longest_s
from bridge.settings import Settings, load, refusals
from bridge.speech.backends.openai.servers import _MISSES, EVERY_S

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config" / "kubernetes"
FILES = sorted(path for path in CONFIG.rglob("*.yaml") if path.name != "kustomization.yaml")
OVERLAYS = sorted(path.name for path in (CONFIG / "overlays").iterdir())
SUFFIX = {"m": 0.001, "": 1.0}


Document = Mapping[str, Any]


def documents(path: Path) -> list[Any]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def one(path: Path, kind: str) -> Document:
    found: list[Document] = [document for document in documents(path) if document["kind"] == kind]
    assert len(found) == 1
    return found[0]


def pod_of(path: Path) -> Document:
    spec: Document = one(path, "Deployment")["spec"]["template"]["spec"]
    return spec


def bridge_pod() -> Document:
    return pod_of(CONFIG / "base" / "deployment.yaml")


def environment(overlay: str = "") -> dict[str, str]:
    """Return the variables of a bridge's container, those of an overlay over those of the base."""
    told = bridge_pod()["containers"][0]["env"]
    if overlay:
        patch = documents(CONFIG / "overlays" / overlay / "bridge.yaml")[0]
        told = told + patch["spec"]["template"]["spec"]["containers"][0]["env"]
    return {each["name"]: str(each.get("value", "")) for each in told}


def options(overlay: str, secrets: Path) -> Settings:
    """Return the options that a bridge starts with: the file's, the variables', and secrets of a test."""
    environ = environment(overlay)
    for name, value in environ.items():
        if value.startswith("/run/secrets/"):
            (secrets / Path(value).name).write_text("0123456789abcdef\n")
            environ[name] = str(secrets / Path(value).name)
    return load({"config": str(CONFIG / "base" / "bridge.toml")}, environ)


@pytest.mark.parametrize("overlay", ["", *OVERLAYS])
def test_a_bridge_starts_with_the_options_of_its_pods(overlay: str, tmp_path: Path) -> None:
    ours = {f"BRIDGE_{name.upper()}" for name in Settings.model_fields}
    if "BRIDGE_RAY_ADDRESS" in environment(overlay) and "BRIDGE_RAY_ADDRESS" not in ours:
        pytest.skip("this bridge has no recogniser on Ray")
    told = {name for name in environment(overlay) if name.startswith("BRIDGE_")}
    assert told <= ours
    settings = options(overlay, tmp_path)
    assert settings.host == "0.0.0.0"
    assert settings.records.startswith("postgresql://")
    assert not list(refusals(settings))


def test_no_call_is_cut_by_a_pod_that_goes(tmp_path: Path) -> None:
    pod, settings = bridge_pod(), options("", tmp_path)
    [command] = [pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]]
    assert command[0] == "sleep"
    before_s = int(command[1])
    ready = pod["containers"][0]["readinessProbe"]
    assert before_s >= ready["periodSeconds"] * ready["failureThreshold"] + 1
    assert pod["terminationGracePeriodSeconds"] >= before_s + longest_s(settings)
    assert settings.drain_timeout == Settings().drain_timeout


def test_the_document_shows_the_times_of_the_files() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    [block] = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "terminationGrace" in block]
    shown = yaml.safe_load(block)["spec"]
    pod = bridge_pod()
    assert shown["terminationGracePeriodSeconds"] == pod["terminationGracePeriodSeconds"]
    for name in ("readinessProbe", "livenessProbe", "startupProbe", "lifecycle"):
        told = pod["containers"][0][name]
        assert _by_number(shown["containers"][0][name]) == _by_number(told)


def _by_number(probe: Document) -> Document:
    if "httpGet" in probe:
        return {**probe, "httpGet": {**probe["httpGet"], "port": 8000}}
    return probe


def metrics_of(path: Path) -> Iterator[tuple[str, str, float]]:
    """Yield the kind, the name and the target of each metric of the autoscalers in `path`."""
    for document in documents(path):
        if isinstance(document, dict) and document.get("kind") == "HorizontalPodAutoscaler":
            for metric in document["spec"]["metrics"]:
                told = metric[metric["type"].lower()]
                target = told["target"].get("averageValue") or told["target"]["value"]
                number, unit = re.fullmatch(r"(\d+)(m?)", target).groups()  # type: ignore[union-attr]
                yield metric["type"], told["metric"]["name"], int(number) * SUFFIX[unit]


def test_autoscalers_ask_for_metrics_that_there_are() -> None:
    families = text_string_to_metric_families(Metrics().text().decode())
    ours = {name for each in families for name in (each.name, f"{each.name}_bucket" * (each.type == "histogram"))}
    rules = documents(CONFIG / "prometheus-adapter.yaml")[0]["rules"]
    known = {"Pods": rules["custom"], "External": rules["external"]}
    for kind, told in known.items():
        for rule in told:
            series = re.match(r"\w+", rule["seriesQuery"])
            assert series
            assert series[0] == rule["name"]["matches"]
            assert series[0] in ours, (kind, series[0])
    asked = [metric for path in FILES for metric in metrics_of(path)]
    assert {kind for kind, *_ in asked} == set(known)
    for kind, name, _ in asked:
        assert name in {rule["name"]["as"] for rule in known[kind]}


def test_autoscalers_act_before_bridges_refuse(tmp_path: Path) -> None:
    settings = options("", tmp_path)
    targets = {name: target for _, name, target in metrics_of(CONFIG / "base" / "hpa.yaml")}
    assert 0.5 * settings.max_calls <= targets["bridge_calls"] <= 0.8 * settings.max_calls
    assert targets["bridge_load_loop_lag_seconds"] <= 0.5 * settings.load_loop_lag
    assert targets["bridge_load_final_wait_seconds"] <= 0.5 * settings.load_final_wait
    for overlay in OVERLAYS:
        [change, _] = documents(CONFIG / "overlays" / overlay / "bridge-hpa.yaml")[0]
        most = int(environment(overlay)["BRIDGE_MAX_CALLS"])
        assert 0.5 * most <= int(change["value"]) <= 0.8 * most


def test_the_vllm_servers_start_as_the_document_says() -> None:
    text = (ROOT / "docs" / "vllm.md").read_text()
    command = text[text.index("vllm serve Q") :].partition("\n\n")[0]
    flags = dict(re.findall(r"(--[a-z-]+) ('[^']*'|\"[^\"]*\"|[\w./]+)", command))
    arguments = pod_of(CONFIG / "overlays" / "vllm" / "asr.yaml")["containers"][0]["args"]
    assert "Qwen/Qwen3-ASR-1.7B" in arguments
    told = dict(each.split("=", 1) for each in arguments if "=" in each)
    same = set(flags) - {"--port", "--api-key", "--chat-template", "--gpu-memory-utilization"}
    assert {"--max-model-len", "--scheduling-policy", "--max-num-seqs"} <= same
    assert {name: told[name] for name in same} == {name: flags[name].strip("'") for name in same}
    template = CONFIG / "overlays" / "vllm" / "qwen3_asr_chat_template.jinja"
    assert template.read_bytes() == (ROOT / "config" / "qwen3_asr_chat_template.jinja").read_bytes()


def test_a_server_that_goes_decodes_until_bridges_know() -> None:
    pod = pod_of(CONFIG / "overlays" / "vllm" / "asr.yaml")
    held_s, cached_s = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1]), 30
    assert held_s >= cached_s + _MISSES * EVERY_S
    assert pod["terminationGracePeriodSeconds"] >= held_s + 30, "the longest that anybody waits for a decode"


def test_secrets_are_named_and_never_there() -> None:
    text = "".join(path.read_text() for path in CONFIG.rglob("*") if path.is_file())
    assert not re.search(r"kind: Secret\b", text)
    assert not re.search(r"(?i)(password|token|api_key)['\"]?\s*[:=]\s*['\"]?[\w-]{12,}", text)


def test_the_arguments_of_the_pods_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    container = bridge_pod()["containers"][0]
    with pytest.raises(SystemExit) as ended:
        main([*container["args"], "--help"])
    assert ended.value.code == 0
    capsys.readouterr()
