"""Every target on its seeds, on what was found before, and on what is nearly those."""

import ast
import pkgutil
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest
from fuzzing.__main__ import ROOT, SEEDS, main
from fuzzing.targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

import telephony

MOST_FILES, MOST_BYTES = 20, 4096
"""Of the seeds of one target: what the fuzzer finds besides is kept in build/."""
NO_PARSERS: Final = {"errors", "events", "wire", "wires", "wire_protocol", "carriers", "carriers.catalogue"}
"""Modules of telephony/ that read nothing."""
READ_THEIR_OWN: Final = (
    *("bridge/commands/", "bridge/outbound/machine_detection", "bridge/legs/sip/options"),
    *("bridge/turns/backchannels", "bridge/turns/end_probability", "bridge/redaction/number_words"),
    *("bridge/speech/wording", "bridge/speech/backends/", "bridge/server/siblings/", "bridge/cluster/workers/"),
)
"""Files that are part of the package, of a model that the operator chose, and what our own processes send."""
every = pytest.mark.parametrize("name", TARGETS)


def seeds(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((SEEDS / name).iterdir())]


@every
def test_the_seeds_of_a_target_are_few_and_small_and_nothing_is_wrong_with_them(name: str) -> None:
    found = seeds(name)
    assert 0 < len(found) <= MOST_FILES
    for data in found:
        assert len(data) <= MOST_BYTES
        TARGETS[name].run(data)


@every
def test_what_is_nearly_a_seed_breaks_the_rules_and_nothing_else(name: str) -> None:
    @settings(max_examples=25, database=None)
    @given(nearly(seeds(name)))
    def holds(data: bytes) -> None:
        TARGETS[name].run(data)

    holds()


def nearly(known: list[bytes]) -> st.SearchStrategy[bytes]:
    """Return data that are seeds but for a piece, which is left out, doubled, put elsewhere or made of anything."""
    pieces = [data[at : at + size] for data in known for size in (1, 7, 31) for at in range(0, len(data), 29)]
    piece = st.sampled_from(pieces or [b""]) | st.binary(max_size=9)

    def changed(data: bytes, begin: int, end: int, new: bytes) -> bytes:
        begin, end = sorted((begin % (len(data) + 1), end % (len(data) + 1)))
        return data[:begin] + new + data[min(end, begin + 40) :]

    place = st.integers(0, MOST_BYTES)
    return st.builds(changed, st.sampled_from(known), place, place, piece) | st.binary(max_size=99)


def test_every_folder_of_seeds_has_its_target() -> None:
    assert {path.name for path in SEEDS.iterdir()} == set(TARGETS)


def test_every_target_names_the_modules_that_it_tries() -> None:
    for target in TARGETS.values():
        assert target.parsers
        for parser in target.parsers:
            assert find_spec(parser), f"{target.name} names {parser}"


def test_every_wire_format_has_a_target() -> None:
    tried = {parser for target in TARGETS.values() for parser in target.parsers}
    found = pkgutil.walk_packages(telephony.__path__, "telephony.")
    written = {module.name for module in found} - {f"telephony.{name}" for name in NO_PARSERS}
    assert written - tried == set()


def test_the_table_for_people_has_every_target() -> None:
    table = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    assert rows.keys() == TARGETS.keys()
    for name, target in TARGETS.items():
        assert all(f"`{parser}`" in rows[name] for parser in target.parsers), name


def test_whoever_reads_json_of_others_knows_that_it_may_be_nested_too_deep() -> None:
    for path in (path for room in ("bridge", "bot", "telephony") for path in (ROOT / room).rglob("*.py")):
        if not path.relative_to(ROOT).as_posix().startswith(READ_THEIR_OWN):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            tries = [node for node in ast.walk(tree) if isinstance(node, ast.Try)]
            guarded = {call for node in tries if "RecursionError" in _caught(node) for call in _loads(node)}
            assert set(_loads(tree)) == guarded, path


def _loads(tree: ast.AST) -> list[ast.Call]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) in {"json.loads", "tomllib.loads"}]


def _caught(node: ast.Try) -> str:
    return " ".join(ast.unparse(handler.type) for handler in node.handlers if handler.type)


def test_what_the_fuzzer_found_can_be_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "found").write_bytes(b"{")
    assert main(["--replay", "jsontext", str(tmp_path / "found")]) == 0
    assert "nothing is wrong with it" in capsys.readouterr().out


def test_a_target_that_is_none_is_named_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sipp"])
    assert "no target 'sipp'; there are wire-plain, " in capsys.readouterr().err
