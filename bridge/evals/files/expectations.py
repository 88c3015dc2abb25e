"""What is expected, as scenario files say it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from bridge.evals.files import fields
from bridge.evals.files.fields import BadField, Fields, duration_ms, kind_of, one_of, pattern, texts, truth, values
from bridge.evals.files.yaml_tree import YamlList, YamlMap, YamlNode, YamlText
from bridge.evals.scenario import Check, Expectation


def read_expectations(node: YamlNode, field: str, errors: list[BadField], *, in_step: bool) -> Iterable[Expectation]:
    if not isinstance(node, YamlList) or not node.items:
        raise BadField(node.line, f"{field}: got {fields.shown(node)}; write a list, as - says: Hello")
    for at, item in enumerate(node.items, 1):
        try:
            yield _expectation(item, f"{field}[{at}]", in_step=in_step)
        except BadField as error:
            errors.append(error)


def _expectation(node: YamlNode, field: str, *, in_step: bool) -> Expectation:
    if not isinstance(node, YamlMap):
        raise BadField(node.line, f"{field}: got {fields.shown(node)}; write a mapping, as says: Hello")
    check = Check(kind_of(node, field, dict.fromkeys(map(str, Check)), what="expectation"))
    if check in _OF_STEPS and not in_step:
        raise BadField(node.line, f"{field}: {check.value} is of one step; write it below that step")
    if check in _OF_CALLS and in_step:
        raise BadField(node.line, f"{field}: {check.value} is of the whole call; write it below expect at the end")
    taken = Fields(node, field, like="says: Hello")
    words, limit_ms = _VALUES[check](taken, check)
    takes_arguments = check in {Check.CALLS_TOOL, Check.DOES}
    arguments: dict[str, str] = taken.take("with", _arguments, {}) if takes_arguments else {}
    soft = taken.take("soft", truth, False)
    taken.done()
    return Expectation(check=check, line=node.line, texts=words, limit_ms=limit_ms, arguments=arguments, soft=soft)


def _arguments(node: YamlNode, field: str) -> dict[str, str]:
    found = values(node, field)
    for name, value in found.items():
        if is_pattern(value):
            pattern(YamlText(node.line, value[1:-1], False), f"{field}.{name}")
    return found


def is_pattern(value: str) -> bool:
    """Return whether the expected value is written as a pattern: /Fri|Thu/."""
    return len(value) > 2 and value.startswith("/") and value.endswith("/")


_Value = tuple[tuple[str, ...], int]


def _words(taken: Fields, check: Check) -> _Value:
    return taken.need(check.value, texts), 0


def _pattern(taken: Fields, check: Check) -> _Value:
    return (taken.need(check.value, pattern),), 0


def _limit(taken: Fields, check: Check) -> _Value:
    return (), taken.need(check.value, duration_ms)


def _limit_or_true(taken: Fields, check: Check) -> _Value:
    def read_limit(node: YamlNode, field: str) -> int:
        return _USUAL_OVERLAP_MS if isinstance(node, YamlText) and node.text == "true" else duration_ms(node, field)

    return (), taken.need(check.value, read_limit)


def _true(taken: Fields, check: Check) -> _Value:
    def read_true(node: YamlNode, field: str) -> None:
        if not truth(node, field):
            raise BadField(node.line, f"{field}: got 'false'; leave it out where it is not expected")

    taken.need(check.value, read_true)
    return (), 0


def _who(taken: Fields, check: Check) -> _Value:
    return (taken.need(check.value, one_of(["bot", "caller", "bridge", "operator"])),), 0


_USUAL_OVERLAP_MS: Final = 300
_OF_STEPS: Final = {Check.YIELDS_WITHIN, Check.GOES_ON}
_OF_CALLS: Final = {Check.ENDED_BY, Check.END_REASON, Check.NO_REPEATED_QUESTION, Check.NO_GAPS, Check.NO_FAULTS}
_VALUES: Final[Mapping[Check, Callable[[Fields, Check], _Value]]] = {
    **dict.fromkeys(
        (Check.SAYS, Check.NEVER_SAYS, Check.MEANS, Check.UNDERSTANDS, Check.CALLS_TOOL, Check.NEVER_CALLS), _words
    ),
    **dict.fromkeys((Check.DOES, Check.TRANSFERS_TO), _words),
    **dict.fromkeys((Check.MATCHES, Check.END_REASON), _pattern),
    **dict.fromkeys((Check.WITHIN, Check.YIELDS_WITHIN), _limit),
    **dict.fromkeys(
        (Check.SAYS_NOTHING, Check.GOES_ON, Check.NO_REPEATED_QUESTION, Check.NO_GAPS, Check.NO_FAULTS), _true
    ),
    Check.NO_TALKING_OVER: _limit_or_true,
    Check.ENDED_BY: _who,
}
