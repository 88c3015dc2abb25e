"""Targets of `bridge eval`: scenario files, and scenarios made of records."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from bridge.evals.facts import from_entries
from bridge.evals.files.reading import scenario
from bridge.evals.files.writing import as_scenario
from bridge.evals.files.yaml_tree import BadScenario, parse
from bridge.records.entries import Entry, EntryKind
from fuzzing.target import Target, clean, is_text, records, value

_LONGEST_COMPLAINT: Final = 200_000
_KINDS: Final = tuple(EntryKind)


def _scenario(data: bytes) -> None:
    """A file: it is a scenario, or an error says where it is not."""
    try:
        found = scenario(parse(clean(data), "f.yaml"), Path("f.yaml"))
    except BadScenario as error:
        assert str(error).startswith("f.yaml") and len(str(error)) < _LONGEST_COMPLAINT
        assert is_text(str(error))
        return
    assert found.steps and all(step.line > 0 for step in found.steps)


def _recorded_call(data: bytes) -> None:
    """Records: texts and data of the entries of one call, in turns. What is made of it reads as a scenario."""
    parts = records(data)
    entries = []
    for number, part in enumerate(parts):
        data_of = value(parts[number - 1]) if number else {}
        kind = _KINDS[number % len(_KINDS)]
        given = data_of if isinstance(data_of, dict) else {"arguments": data_of, "played_ms": data_of}
        entries.append(Entry("a" * 32, number + 1, 1000.0 + number, kind, clean(part), given))
    told = [
        {"kind": entry.kind.value, "text": entry.text, "data": entry.data, "at": "2026-01-31T12:00:00.000Z"}
        for entry in entries
    ]
    with suppress(ValueError):  # without its begin
        from_entries(told)
    with suppress(ValueError):
        written = as_scenario({"record": "a" * 32, "wire": clean(parts[0]), "bot": clean(parts[-1])}, entries)
        assert scenario(parse(written, "f.yaml"), Path("f.yaml")).steps


TARGETS: Final = (
    Target(
        "scenario",
        _scenario,
        [
            "bridge.evals.files.yaml_tree",
            "bridge.evals.files.fields",
            "bridge.evals.files.reading",
            "bridge.evals.files.steps",
            "bridge.evals.files.expectations",
        ],
    ),
    Target("recorded-call", _recorded_call, ["bridge.evals.facts", "bridge.evals.files.writing"]),
)
