"""What dashboards, alerts and documents say of metrics is so, and the files are what their programs take."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from bridge.metrics import Metrics

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config"
ALERTS = CONFIG / "prometheus" / "alerts.yaml"
DASHBOARD = CONFIG / "grafana" / "dashboards" / "bridge.json"
DOCUMENT = ROOT / "docs" / "observability.md"
NAME = re.compile(r"\bbridge_(?!eval\b)[a-z0-9_]+")  # bridge_eval is an option of pytest


def families() -> dict[str, str]:
    """Return the name of each metric as it is scraped, and its type."""
    told = text_string_to_metric_families(Metrics().text().decode())
    kinds = {family.name: family.type for family in told if not family.name.endswith("_created")}
    return {f"{name}_total" if kind == "counter" else name: kind for name, kind in kinds.items()}


def series() -> set[str]:
    """Return the names that a query may ask for."""
    found = set[str]()
    for name, kind in families().items():
        found |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Yield where each query is, and what it asks."""
    for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    board = json.loads(DASHBOARD.read_text("utf-8"))
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in board["templating"]["list"]:
        if "definition" in variable:
            yield variable["name"], variable["definition"]


def test_every_metric_that_is_asked_for_exists() -> None:
    asked = {(place, name) for place, expression in expressions() for name in NAME.findall(expression)}
    assert len(asked) > 50
    assert {(place, name) for place, name in asked if name not in series()} == set()


def test_labels_that_are_asked_for_are_those_of_the_metric() -> None:
    labels = {
        "bridge_answer_seconds_bucket": {"wire", "part", "le"},
        "bridge_calls_ended_total": {"wire", "fault"},
        "bridge_calls_refused_total": {"reason"},
    }
    metrics = Metrics()
    metrics.answers("test")({"sent_ms": 1})
    metrics.ended.labels("test", "ours").inc()
    metrics.refused.labels("busy").inc()
    shown = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }
    assert {name: shown[name] for name in labels} == labels
    for place, expression in expressions():
        for name, selected in re.findall(r"\b(bridge_[a-z_]+)\{([^}]*)\}", expression):
            asked = set(re.findall(r"(\w+)=", selected)) - {"instance", "job"}
            assert asked <= labels.get(name, set()), (place, name)


def test_each_alert_says_how_bad_it_is_and_each_is_explained() -> None:
    [group] = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    rules = group["rules"]
    assert {rule["labels"]["severity"] for rule in rules} == {"page", "ticket"}
    assert all(rule["annotations"]["summary"] for rule in rules)
    explained = set(re.findall(r"^\| `(Bridge\w+)`", DOCUMENT.read_text("utf-8"), re.MULTILINE))
    assert explained == {rule["alert"] for rule in rules}


def test_every_metric_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| `(bridge_[a-z0-9_]+)(?:\{[a-z,]*\})?`", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(families())
    for document in sorted((ROOT / "docs").glob("*.md")):
        named = set(NAME.findall(document.read_text("utf-8")))
        wrong = {name for name in named if name not in families() and name not in series() and not name.endswith("_")}
        assert wrong == set(), document


def test_labels_of_the_table_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| `(bridge_[a-z0-9_]+)\{([a-z,]*)\}`", DOCUMENT.read_text("utf-8"), re.MULTILINE))
    for collector in Metrics()._registry._collector_to_names:
        assert isinstance(collector, MetricWrapperBase)
        name = collector._name + ("_total" if collector._type == "counter" else "")
        assert rows.get(name, "") == ",".join(collector._labelnames), name


def test_panels_have_names_and_ids_of_their_own_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels) > 20
    taken = [
        (x, y)
        for grid in (panel["gridPos"] for panel in panels)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


def test_the_composition_has_all_that_it_names() -> None:
    base, more = (
        yaml.safe_load((CONFIG / name).read_text("utf-8")) for name in ("compose.yaml", "compose.observe.yaml")
    )
    assert set(more["services"]) == {"bridge", "postgres", "prometheus", "grafana"}
    assert more["services"]["bridge"]["build"]["target"] in re.findall(
        r" AS (\w+)", (ROOT / "Dockerfile").read_text("utf-8")
    )
    secrets, volumes = set(base["secrets"]) | set(more["secrets"]), set(more["volumes"])
    for name, service in more["services"].items():
        assert set(service.get("secrets", ())) <= secrets, name
        assert set(service.get("depends_on", ())) <= set(more["services"]), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in volumes or (CONFIG / source).exists(), volume
    options = {line.split(" = ")[0].lstrip("# ") for line in (CONFIG / "bridge.toml").read_text("utf-8").splitlines()}
    variables = {name for name in more["services"]["bridge"]["environment"] if name.startswith("BRIDGE_")}
    assert {name.removeprefix("BRIDGE_").lower() for name in variables} <= options
    targets = yaml.safe_load((CONFIG / "prometheus" / "prometheus.yaml").read_text("utf-8"))["scrape_configs"][0]
    assert targets["static_configs"] == [{"targets": ["bridge:8000"]}]


promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed: apt install prometheus")


@promtool
def test_prometheus_takes_rules_and_settings() -> None:
    for arguments in (
        ["check", "rules", str(ALERTS)],
        ["check", "config", "--syntax-only", str(CONFIG / "prometheus" / "prometheus.yaml")],
    ):
        subprocess.run(["promtool", *arguments], check=True, timeout=30)


@promtool
def test_alerts_fire_when_they_should_and_only_then() -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", str(ROOT / "tests" / "data" / "alerts_test.yaml")],
        check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0,
    reason="docker compose is not installed",
)
def test_docker_compose_takes_the_composition() -> None:
    names = ("BRIDGE_API_TOKEN", "BRIDGE_TWILIO_AUTH_TOKEN", "POSTGRES_PASSWORD", "GRAFANA_PASSWORD")
    files = [argument for name in ("compose.yaml", "compose.observe.yaml") for argument in ("-f", str(CONFIG / name))]
    subprocess.run(
        ["docker", "compose", *files, "config", "--quiet"], check=True, timeout=30, env=dict.fromkeys(names, "x")
    )
