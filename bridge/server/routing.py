"""Which `[[route]]` a call takes: the first whose conditions all hold. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.settings.route import Route, matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing:
    """What is known of a call before it is answered."""

    wire: str
    callee: str = ""
    caller: str = ""
    direction: str = "inbound"
    parameters: Mapping[str, str] = field(default_factory=dict)


def choose(routes: Sequence[Route], call: Ringing) -> Route | None:
    """Return the first route that matches `call`; None if none does and the plain settings count."""
    return next((route for route in routes if _holds(route, call)), None)


def _holds(route: Route, call: Ringing) -> bool:
    plain = all(
        matches(patterns, value)
        for patterns, value in (
            (route.callee, call.callee),
            (route.caller, call.caller),
            (route.wire, call.wire),
            (route.direction, call.direction),
        )
        if patterns
    )
    named = call.parameters
    return plain and all(name in named and matches(route.parameters[name], named[name]) for name in route.parameters)


def unreachable(routes: Sequence[Route]) -> list[str]:
    """Return a line for each route that no call can take, because an earlier route takes all its calls."""
    lines = []
    for place, route in enumerate(routes):
        if first := next((before for before in routes[:place] if _covers(before, route)), None):
            lines.append(f"{route} is never taken: {first} matches all of its calls; put it before that, or drop it")
    return lines


def _covers(wide: Route, narrow: Route) -> bool:
    theirs = dict(narrow.conditions)
    return all(
        what in theirs and all(any(_includes(one, other) for one in patterns) for other in theirs[what])
        for what, patterns in wide.conditions
    )


def _includes(wide: str, narrow: str) -> bool:
    """Return whether `wide` matches all that `narrow` matches: the text of `narrow` with its "*" stands for them."""
    return matches((wide,), narrow)
