"""YAML as texts with lines; what is no plain document is refused."""

from pathlib import Path

import pytest

from bridge.evals.files.yaml_tree import MOST_BYTES, BadScenario, YamlMap, YamlText, parse, read


def test_scalars_stay_as_they_are_written() -> None:
    tree = parse('a: 0047\nb: no\nc: 2026-01-31\nd: "x"\n', "f")
    assert isinstance(tree, YamlMap)
    assert [item.text for item in tree.items.values() if isinstance(item, YamlText)] == [
        "0047",
        "no",
        "2026-01-31",
        "x",
    ]
    assert tree.lines == {"a": 1, "b": 2, "c": 3, "d": 4}


BOMB = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(30))


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (BOMB, 1, "anchors and aliases"),
        ("a: *b", 1, "anchors and aliases"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", 2, "tag"),
        ("a: !!binary aGVsbG8=", 1, "tag"),
        ("a: ! x", 1, "tag"),
        ("a: 1\na: 2", 2, "twice; the first is in line 1"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("? [a, b]\n: 1", 1, "keys are words"),
        ("a: " + "[" * 40 + "]" * 40, 1, "levels deep"),
        ("a: " + "x" * 10_001, 1, "10001 characters"),
        ("a:\n" + "- x\n" * 5001, 4_999, "more than 5000 values"),
        ("a: [", 1, "no YAML"),
        ("a: \x00", None, "no YAML"),
        ("a: b: c", 1, "no YAML"),
        ("%YAML 9.9\n---\na: 1", 1, "no YAML"),
    ],
)
def test_what_is_hostile_or_no_yaml_is_refused_with_its_line(text: str, line: int | None, why: str) -> None:
    with pytest.raises(BadScenario) as caught:
        parse(text, "bad.yaml")
    assert why in str(caught.value)
    assert str(caught.value).startswith(f"bad.yaml:{line}: " if line else "bad.yaml")


@pytest.mark.parametrize(("raw", "why"), [(b"", "empty"), (b"a: \xff", "UTF-8"), (b"#" * (MOST_BYTES + 1), "KiB")])
def test_a_file_that_is_empty_too_long_or_no_text_is_refused(tmp_path: Path, raw: bytes, why: str) -> None:
    (tmp_path / "x.yaml").write_bytes(raw)
    with pytest.raises(BadScenario, match=why):
        read(tmp_path / "x.yaml")
