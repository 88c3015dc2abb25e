"""What was expected of a call, held against its facts. Pure; what a model has to judge is asked before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.evals.checks import CHECKS, Asked
from bridge.evals.facts import CallFacts, parts_of
from bridge.evals.scenario import Check, Expectation, Scenario

_SHOWN: Final = 300

Question = tuple[int | None, Expectation]
"""An expectation and the number of its step; None: of the whole call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a model thinks of one rubric."""

    met: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether one expectation was met."""

    step: int | None
    line: int
    expected: str
    met: bool
    soft: bool = False
    detail: str = ""
    """What was there instead, or how it was met."""

    @property
    def fails(self) -> bool:
        """Whether the call fails by it."""
        return not self.met and not self.soft


def questions(scenario: Scenario) -> list[Question]:
    """Return all that is expected, each with the number of its step."""
    return [(step.number if step else None, expectation) for step, expectation in scenario.expectations]


def conversation(facts: CallFacts, step: int | None) -> str:
    """Return what both said in a step, or in the whole call, a line each: what a judge reads."""
    found = parts_of(facts, step)
    lines = [(act.began_ms, f"caller: {act.text or act.what}") for act in facts.acts]
    lines += [(said.at_ms, f"bot: {said.text}") for said in facts.said if said.text]
    return "\n".join(line for at_ms, line in sorted(lines) if any(part.from_ms <= at_ms < part.to_ms for part in found))


def verdicts(scenario: Scenario, facts: CallFacts, opinions: Mapping[tuple[Question, str], Opinion]) -> list[Judgement]:
    """Return what became of each expectation. `opinions`: of a model, by question and rubric."""
    found: list[Judgement] = []
    if facts.failed_step:
        number, why = facts.failed_step
        step = scenario.steps[number - 1]
        found.append(Judgement(step=number, line=step.line, expected="the step is played", met=False, detail=why))
    found += [_verdict(facts, question, opinions) for question in questions(scenario)]
    return found


def _verdict(facts: CallFacts, question: Question, opinions: Mapping[tuple[Question, str], Opinion]) -> Judgement:
    step, expected = question
    if expected.check is Check.MEANS:
        unasked = Opinion(met=False, why="no model was asked")
        asked = [opinions.get((question, rubric), unasked) for rubric in expected.texts]
        met, detail = all(one.met for one in asked), "; ".join(one.why for one in asked)
    else:
        met, detail = CHECKS[expected.check](Asked(facts, expected, step, parts_of(facts, step)))
    told = detail if len(detail) <= _SHOWN else detail[:_SHOWN] + "..."
    return Judgement(step=step, line=expected.line, expected=str(expected), met=met, soft=expected.soft, detail=told)
