"""Scenario files become scenarios. An unknown key or a value that cannot be is an error with its line and the fix."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from bridge.commands.phone.line_faults import Fault
from bridge.evals.files import fields
from bridge.evals.files.expectations import read_expectations
from bridge.evals.files.fields import BadField, Fields, duration_ms, one_of, text, texts, truth, values, whole
from bridge.evals.files.steps import USUAL_SNR_DB, background, read_steps, snr
from bridge.evals.files.yaml_tree import BadScenario, YamlList, YamlMap, YamlNode, YamlText, read
from bridge.evals.scenario import Expectation, Scenario


def read_scenario(path: Path) -> Scenario:
    """Return the scenario in the file at `path`.

    Raises:
        BadScenario: it is none; the text has a line for each fault.
        OSError: it cannot be read.
    """
    return scenario(read(path), path)


def scenario(tree: YamlNode, path: Path) -> Scenario:
    """Return the scenario that `tree` is, which was read from `path`. Files that it names are relative to that.

    Raises:
        BadScenario: it is none.
    """
    errors: list[BadField] = []
    try:
        found = _scenario(tree, path, errors)
    except BadField as error:
        raise fields.as_bad_scenario([*errors, error], str(path)) from None
    if errors:
        raise fields.as_bad_scenario(errors, str(path))
    return found


def _scenario(tree: YamlNode, path: Path, errors: list[BadField]) -> Scenario:
    def expectations(node: YamlNode, field: str) -> tuple[Expectation, ...]:
        return tuple(read_expectations(node, field, errors, in_step=False))

    top = Fields(tree, "", like="steps: [{say: Hello}]")
    steps = top.need("steps", lambda node, field: tuple(read_steps(node, field, path, errors)))
    found = Scenario(
        path=path,
        name=top.take("name", lambda node, field: text(node, field, most=120), _stem(path)),
        about=top.take("about", text, ""),
        settings=top.take("settings", _settings, {}),
        parameters=top.take("parameters", values, {}),
        voice=top.take("voice", text, ""),
        background=top.take("noise", background(top, path), None),
        faults=top.take("faults", _faults, (Fault.NONE,)),
        times=top.take("times", lambda node, field: whole(node, field, least=1, most=1000), 1),
        own_server=top.take("own_server", truth, False),
        patience_ms=top.take("patience", duration_ms, 700),
        limit_ms=top.take("limit", duration_ms, 120_000),
        expects=top.take("expect", expectations, ()),
        steps=steps,
    )
    top.take("snr", snr, USUAL_SNR_DB)
    top.done()
    return found


def _stem(path: Path) -> str:
    return path.name.removesuffix(".yaml").removesuffix(".yml").removesuffix(".scenario").replace("_", " ")


def _settings(node: YamlNode, field: str) -> Mapping[str, str | bool]:
    """Read options of the bridge: a text or a number each, a list of them, or true and false."""
    if not isinstance(node, YamlMap):
        raise BadField(node.line, f"{field}: got {fields.shown(node)}; write options, as {{bot: mybot:MyBot}}")
    found: dict[str, str | bool] = {}
    for name, value in node.items.items():
        option = name.replace("-", "_")
        if isinstance(value, YamlText) and value.plain and value.text in {"true", "false"}:
            found[option] = value.text == "true"
        else:
            found[option] = ",".join(texts(value, f"{field}.{name}"))
    return found


def _faults(node: YamlNode, field: str) -> tuple[Fault, ...]:
    names = one_of([fault.value for fault in Fault])
    items = node.items if isinstance(node, YamlList) else (node,)
    found = [Fault(names(item, f"{field}[{at}]")) for at, item in enumerate(items)]
    if not found:
        raise BadField(node.line, f"{field}: the list is empty; write [none, jitter]")
    return tuple(dict.fromkeys(found))


def find_scenarios(paths: Iterable[Path]) -> list[Scenario]:
    """Return the scenarios in `paths`, files or folders of .yaml files, in order.

    Raises:
        BadScenario: one is none, or two have one name; the text tells of all.
    """
    problems: list[str] = []
    found: list[Scenario] = []
    for path in dict.fromkeys(_files(paths, problems)):
        try:
            found.append(read_scenario(path))
        except BadScenario as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{path}: {error.strerror or error}")
    names: dict[str, Path] = {}
    problems += [
        f"{one.path}: name is {one.name!r}, which {first} has too; give each its own"
        for one in found
        if (first := names.setdefault(one.name, one.path)) != one.path
    ]
    if problems:
        raise BadScenario("\n".join(problems))
    return found


def _files(paths: Iterable[Path], problems: list[str]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            below = sorted({*path.glob("*.yaml"), *path.glob("*.yml")})
            problems += [] if below else [f"{path}: there is no .yaml file in the folder"]
            yield from below
        else:
            yield path
