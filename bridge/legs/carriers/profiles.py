"""Carriers' REST APIs as rest.toml has them: one profile each."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_TABLES: Final = Path(__file__).with_name("rest.toml")


@dataclass(frozen=True, slots=True)
class RestProfile:
    """The API of one carrier. Texts are templates."""

    name: str
    title: str
    url: str
    needs: tuple[str, ...]
    """Options without which there is no API."""
    headers: Mapping[str, str]
    actions: Mapping[str, Mapping[str, Any]]
    """By their names: path, perhaps method, json, form, needs, id; of a transfer told, to, to_sip, stream_goes_on."""
    status: Mapping[str, Any]
    """Where a webhook says how a call out went, and what its words mean."""
    over: frozenset[str] = frozenset()
    documents: str = field(default="", repr=False)


def _profile(name: str, table: Mapping[str, Any]) -> RestProfile:
    actions = {key: part for key, part in table.items() if isinstance(part, dict) and "path" in part}
    return RestProfile(
        name=name,
        title=table.get("title", name.capitalize()),
        url=table["url"],
        needs=tuple(table["needs"]),
        headers=table.get("headers", {}),
        actions=actions,
        status=table.get("status", {}),
        over=frozenset(table.get("over", ())),
        documents=table["documents"],
    )


def _read() -> Mapping[str, RestProfile]:
    with _TABLES.open("rb") as file:
        return {name: _profile(name, table) for name, table in tomllib.load(file).items()}


PROFILES: Final = _read()
"""The APIs by the names of their carriers."""
