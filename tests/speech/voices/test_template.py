"""Placeholders, and what becomes of those that stand for nothing."""

import json
from collections.abc import Mapping

import pytest

from bridge.speech.voices.template import Value, fill, places, written

VALUES: Mapping[str, Value] = {"text": 'He said "no"', "speed": 1.25, "rate": 8000, "none": None, "empty": ""}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{text}", 'He said "no"'),
        ("{rate}", 8000),
        ("{speed}", 1.25),
        ("x{rate}-{speed}", "x8000-1.25"),
        ("{none}", None),
        ("{empty}", None),
        ("Bearer {none}", None),
        ({"a": "{rate}", "b": "{none}"}, {"a": 8000}),
        ({"a": {"b": {"c": "{none}"}}}, None),
        ({"a": {}}, {"a": {}}),
        (["{text}", "{none}", True, 3], ['He said "no"', True, 3]),
        (True, True),
    ],
)
def test_a_template_is_filled_and_what_is_nothing_left_out(template: object, filled: object) -> None:
    assert fill(template, VALUES) == filled


def test_a_text_cannot_break_out_of_its_place() -> None:
    hostile = '{key}", "x": {text}'
    assert json.loads(json.dumps(fill({"t": "{text}"}, {"text": hostile, "key": "secret"}))) == {"t": hostile}
    assert (
        written("/v/{text}?x", {"text": "a/b?c&{key}", "key": "secret"}, lambda value: value.upper())
        == "/v/A/B?C&{KEY}?x"
    )


def test_all_places_are_found() -> None:
    assert sorted(places({"a": ["{x}", {"b": "{y}-{z}"}], "c": 3})) == ["x", "y", "z"]
