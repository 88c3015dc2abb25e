"""Own patterns: what finds them takes time that grows with the text and no faster. Pure."""

import re
from typing import Final

_ATOM: Final = re.compile(
    r"(?P<atom>\\[dws]|\\[^\w\s]|\[\^?(?:\\.|[^\]\\\[]){1,60}\]|[^\\\[\](){}*+?|.^$])"
    r"(?P<times>\{\d{1,2}(?:,\d{1,2})?\}|[?*+])?"
)
_MOST_REPEATS: Final = 64
_LONGEST_MATCH: Final = 256


class BadPattern(ValueError):
    """An own pattern cannot be used; the text says why."""


def compiled(pattern: str) -> re.Pattern[str]:
    r"""Return what finds a pattern: characters and classes like `[A-Z]` and `\d`, each with `{2,5}`, `?`, `+`, `*`.

    A repetition takes all that it can, 64 at most, and gives nothing back: so no text makes it slow.

    Raises:
        BadPattern: it has what is not known here, or matches what is too long, or nothing at all.
    """
    parts, longest, shortest, at = [], 0, 0, 0
    while at < len(pattern):
        found = _ATOM.match(pattern, at)
        if found is None:
            raise BadPattern(f"{pattern!r} from character {at + 1}: no groups, no alternatives, no dot, no anchors")
        least, most = _times(found["times"] or "", pattern)
        parts.append(f"{found['atom']}{{{least},{most}}}+")
        longest, shortest, at = longest + most, shortest + least, found.end()
    if not shortest or longest > _LONGEST_MATCH:
        raise BadPattern(f"{pattern!r} must match at least one character and at most {_LONGEST_MATCH}")
    try:
        return re.compile("".join(parts))
    except re.error as error:
        raise BadPattern(f"{pattern!r}: {error}") from error


def _times(times: str, pattern: str) -> tuple[int, int]:
    match times:
        case "":
            return 1, 1
        case "?":
            return 0, 1
        case "*":
            return 0, _MOST_REPEATS
        case "+":
            return 1, _MOST_REPEATS
    least, _, most = times.strip("{}").partition(",")
    span = int(least), int(most or least)
    if not span[0] <= span[1] <= _MOST_REPEATS:
        raise BadPattern(f"{pattern!r}: {times} must be from few to many, {_MOST_REPEATS} at most")
    return span
