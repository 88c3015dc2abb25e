"""Lets a coverage-guided fuzzer (Atheris) try the targets, one after the other. See tests/fuzz/README.md.

make fuzz                                       all targets, 60 s each
make fuzz ARGS="--seconds 600 replies toml"     two of them, longer
make fuzz ARGS="--replay replies FILE"          what the fuzzer found, with its traceback
"""

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fuzzing.target import Target

ROOT: Final = Path(__file__).resolve().parents[3]
SEEDS: Final = ROOT / "tests" / "data" / "fuzz"
BUILD: Final = ROOT / "build" / "fuzz"
_LONGEST_WORD: Final = 40
_LIMITS: Final = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one target."""

    name: str
    executions: int
    """0: it did not even begin; its log says why."""
    findings: list[Path]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 1 where something was found, or a target did not begin."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all where none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"), help="run one target on one file")
    options = parser.parse_args(arguments)
    from fuzzing.targets import TARGETS

    if unknown := {*options.targets, *(options.replay or ())[:1]} - TARGETS.keys():
        parser.error(f"no target {min(unknown)!r}; there are {', '.join(TARGETS)}")
    if options.replay:
        TARGETS[options.replay[0]].run(Path(options.replay[1]).read_bytes())
        print("nothing is wrong with it")
        return 0
    if not find_spec("atheris"):
        print("Atheris is not installed: say make fuzz", file=sys.stderr)
        return 2
    print(f"{'target':<20} executions in {options.seconds} s")
    results = [_told(_run(TARGETS[name], options.seconds)) for name in options.targets or TARGETS]
    return int(any(result.findings or not result.executions for result in results))


def _run(target: Target, seconds: int) -> Result:
    """Fuzz one target in a process of its own: libFuzzer ends the one it runs in."""
    corpus, findings, seeds = BUILD / "corpus" / target.name, BUILD / "findings" / target.name, SEEDS / target.name
    for folder in (corpus, findings, seeds):
        folder.mkdir(parents=True, exist_ok=True)
    known = set(findings.iterdir())
    limits = [*_LIMITS, *_dictionary(target), f"-max_total_time={seconds}", f"-artifact_prefix={findings}/"]
    command = [sys.executable, "-m", "fuzzing.inside", target.name, *limits, str(corpus), str(seeds)]
    with _log(target.name).open("wb") as log:
        subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
    told = _log(target.name).read_text(encoding="utf-8", errors="replace")
    executions = [int(count) for count in re.findall(r"^(?:stat::number_of_executed_units: |#)(\d+)", told, re.M)]
    return Result(target.name, max(executions, default=0), sorted(set(findings.iterdir()) - known))


def _told(result: Result) -> Result:
    print(f"{result.name:<20} {result.executions:>10}", flush=True)
    if not result.executions:
        print(f"    it did not begin: see {_log(result.name).relative_to(ROOT)}")
    for path in result.findings:
        print(f"    found, see {_log(result.name).relative_to(ROOT)}; again:")
        print(f'    make fuzz ARGS="--replay {result.name} {path.relative_to(ROOT)}"', flush=True)
    return result


def _log(name: str) -> Path:
    return BUILD / f"{name}.log"


def _dictionary(target: Target) -> list[str]:
    """Write down the words of the target's parsers; return the option that names the file, if there are any."""
    path, words = BUILD / f"{target.name}.dict", sorted(_words(target.parsers))
    path.write_text("".join(f'"{_escaped(word)}"\n' for word in words), encoding="ascii")
    return [f"-dict={path}"] if words else []


def _words(parsers: Sequence[str]) -> set[str]:
    """Return the texts in the sources of `parsers`: names of fields, verbs, marks."""
    sources = [find_spec(parser) for parser in parsers]
    trees = [ast.parse(Path(str(source.origin)).read_text(encoding="utf-8")) for source in sources if source]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    words = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {word for word in words if 0 < len(word.encode()) <= _LONGEST_WORD and "\n" not in word}


def _escaped(word: str) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    sys.exit(main())
