"""The shape of bridge/: one name a class, short modules, small folders."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
BRIDGE = ROOT / "bridge"
MODULES = sorted(BRIDGE.rglob("*.py"))
FOLDERS = sorted({module.parent for module in MODULES})
MOST_LINES = 300
MOST_MODULES = 15
"""In one folder, beside __init__.py."""


def name(path: Path) -> str:
    return str(path.relative_to(BRIDGE.parent))


def nodes(module: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(module.read_text("utf-8")))


def modules_of(folder: Path) -> Sequence[Path]:
    return [module for module in MODULES if module.parent == folder and module.name != "__init__.py"]


def test_no_two_classes_have_one_name() -> None:
    homes = defaultdict[str, list[str]](list)
    for module in MODULES:
        for node in nodes(module):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(name(module))
    assert len(homes) > 100
    assert {shared: modules for shared, modules in homes.items() if len(modules) > 1} == {}


def test_no_module_is_longer_than_300_lines() -> None:
    lengths = {name(module): len(module.read_text("utf-8").splitlines()) for module in MODULES}
    assert {module: length for module, length in lengths.items() if length > MOST_LINES} == {}


def test_no_folder_holds_more_than_15_modules() -> None:
    counts = {name(folder): len(modules_of(folder)) for folder in FOLDERS}
    assert counts["bridge/turns"] > 5
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


def test_who_catches_everything_says_why() -> None:
    broad = re.compile(r"\s*except\b(?:.*\b(?:Base)?Exception\b.*|\s*):")
    caught = 0
    unexplained = []
    for module in [*MODULES, *sorted((ROOT / "bot").rglob("*.py")), *sorted((ROOT / "telephony").rglob("*.py"))]:
        lines = module.read_text("utf-8").splitlines()
        for number, (line, following) in enumerate(zip(lines, [*lines[1:], ""], strict=True), 1):
            if broad.match(line):
                caught += 1
                if "#" not in line and "#" not in following:
                    unexplained.append(f"{name(module)}:{number}")
    assert caught > 50
    assert unexplained == []


def test_final_has_no_other_name() -> None:
    renamed = [
        (name(module), alias.asname)
        for module in MODULES
        for node in nodes(module)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == "Final" and alias.asname
    ]
    assert renamed == []


def test_the_map_shows_the_layers_that_are_enforced() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract.get("containers") == ["bridge"]]
    assert " > ".join(layers) in " ".join((ROOT / "ARCHITECTURE.md").read_text("utf-8").split())


def test_what_the_map_names_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8") + (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rooms = [
        BRIDGE,
        BRIDGE / "speech",
        BRIDGE / "server",
        BRIDGE / "call",
        BRIDGE / "speaking",
        BRIDGE / "outbound",
        ROOT,
    ]
    named = set(re.findall(r"[\w/]+\.(?:py|toml)\b", text))
    assert len(named) > 30
    assert {path for path in named if not any((room / path).exists() for room in rooms)} == set()
