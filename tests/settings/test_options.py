"""One list of groups: all that is derived from it is complete, and everybody has its order."""

import re
import tomllib
from pathlib import Path

from bridge.settings.describe import flag
from bridge.settings.options import FIRST_OPTIONS, GROUPS, OPTIONS, SECRETS, Settings
from bridge.settings.routes import CALL_OPTIONS
from bridge.settings.types import Section

ROOT = Path(__file__).parents[2]


def test_every_field_is_an_option_of_one_group() -> None:
    assert len(OPTIONS) == len(set(OPTIONS))
    assert set(OPTIONS) | {"route"} == set(Settings.model_fields)


def test_groups_stand_in_the_order_of_their_sections() -> None:
    order = list(Section)
    places = [order.index(group.section) for group in GROUPS]
    assert places == sorted(places)
    assert set(places) == set(range(len(order)))


def test_each_group_has_a_heading() -> None:
    titles = [group.title() for group in GROUPS]
    assert len(set(titles)) == len(titles)
    assert all(10 < len(title) <= 98 or title == "Logs" for title in titles), "it fits the line of the TOML file"


def test_a_call_may_have_the_options_of_its_groups_and_a_few_others() -> None:
    ours = {name for group in GROUPS if group.per_call for name in group.model_fields}
    assert {"bot", "tts", "greeting", "turn_silence", "machine_detection"} <= set(CALL_OPTIONS)
    assert set(CALL_OPTIONS) - ours == {
        "language",
        "languages",
        "script",
        "context",
        "chunk_size_sec",
        "vad_threshold",
        "max_call_duration",
    }
    assert not {"port", "asr", "ending", "webhook_secret", "webhook_secret_file"} & set(CALL_OPTIONS)


def test_the_documented_file_has_the_order_of_the_options() -> None:
    written = list(tomllib.loads((ROOT / "config" / "bridge.toml").read_text()))
    assert written == [name for name in OPTIONS if name not in SECRETS]


def test_the_readme_names_first_options_in_their_order() -> None:
    table = (ROOT / "README.md").read_text().partition("## Options\n")[2].partition("\nSecrets")[0]
    rows = [re.findall(r"`(--[a-z-]+)`", line.split("|")[1]) for line in table.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in row]
    assert len(named) >= 8
    assert named == [name for name in map(flag, FIRST_OPTIONS) if name in named]
