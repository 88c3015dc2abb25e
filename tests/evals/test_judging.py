"""Each kind of expectation can be met, and can fail."""

from pathlib import Path

import pytest
from evals_support import act, heard, verdict, written

from bridge.commands.phone.call_record import Moment
from bridge.evals.checks import NEEDS_RECORD
from bridge.evals.facts import BotDid, BotSaid, CallFacts, Understood
from bridge.evals.judging import Opinion, conversation, questions, verdicts
from bridge.evals.scenario import Check

GREETING = BotSaid(100, "Good morning. What is your name?")
ANSWER = BotSaid(4500, "You are booked for Friday. Anything else?")
TOOL = BotDid(4200, "book", {"day": "Friday", "seats": "4"}, "done")
TRANSFER = BotDid(4300, "Transfer", {"target": "+4930"}, "")


def call(*spans: tuple[int, int], **more: object) -> CallFacts:
    """Return a call: the bot greets to 1.5 s, the caller speaks from 2 to 4 s, the bot answers from 4.5 to 6 s."""
    given: dict[str, object] = {
        "acts": [act(1, 2000, 4000)],
        "record": heard(*(spans or ((100, 1500), (4500, 6000)))),
        "said": [GREETING, ANSWER],
        "understood": [Understood(2050, 4000, "A table for four.")],
        "tools": [TOOL],
        "actions": [TRANSFER],
        "ended_by": "bot",
        "reason": "the bot hung up",
        "kept": True,
        **more,
    }
    return CallFacts(**given)  # type: ignore[arg-type]


AGAIN = [BotSaid(100, "What is your name?"), BotSaid(4500, "What's your name?")]


@pytest.mark.parametrize(
    ("expected", "met", "not_met", "why"),
    [
        ("says: booked for Friday", call(), call(said=[GREETING]), "it said ''"),
        ("never_says: sorry", call(), call(said=[BotSaid(4500, "Sorry, no.")]), "it said 'Sorry, no.'"),
        ("matches: 'book(ed|ing)'", call(), call(said=[]), "it said ''"),
        ("says_nothing: true", call((100, 1500)), call(), "heard at 4.5 s"),
        (
            "understands: table for 4",
            call(),
            call(understood=[Understood(2050, 4000, "a cable")]),
            "it understood 'a cable'",
        ),
        ("within: 600ms", call(), call((100, 1500), (4700, 6000)), "step 1: 700 ms"),
        ("within: 600ms", call(), call((100, 1500)), "never answered"),
        ("within: 600ms", call(), call((100, 1500), (3900, 6000)), "cut in 100 ms before the end"),
        ('calls_tool: book\n        with: {day: friday, seats: "/^[0-9]$/"}', call(), call(tools=[]), "it called none"),
        (
            "calls_tool: book\n        with: {day: Friday}",
            call(),
            call(tools=[BotDid(4200, "book", {"day": "Monday"})]),
            "it called book(day=Monday)",
        ),
        ("calls_tool: book", call(), call(tools=[BotDid(500, "book", {})]), "it called none"),
        ("never_calls: cancel", call(), call(tools=[BotDid(4200, "cancel", {})]), "it called cancel()"),
        ("does: Transfer\n        with: {target: '+4930'}", call(), call(actions=[]), "it did none"),
        (
            "transfers_to: '+4930'",
            call(),
            call(actions=[BotDid(4300, "Transfer", {"target": "+49"})]),
            "it did Transfer(target=+49)",
        ),
        ("no_talking_over: true", call(), call((100, 3000), (4500, 6000)), "step 1: 1000 ms"),
    ],
)
def test_what_is_expected_of_a_step_is_met_or_not(expected: str, met: CallFacts, not_met: CallFacts, why: str) -> None:
    text = f"steps:\n  - say: x\n    expect:\n      - {expected}\n"
    good, bad = verdict(text, met), verdict(text, not_met)
    assert (good.met, good.fails, good.step) == (True, False, 1), good
    assert (bad.met, bad.fails) == (False, True) and why in bad.detail
    soft = verdict(f"{text}        soft: true\n", not_met)
    assert not soft.met and not soft.fails


@pytest.mark.parametrize(
    ("expected", "met", "not_met", "why"),
    [
        ("ended_by: bot", call(), call(ended_by="caller"), "caller: the bot hung up"),
        ("end_reason: hung up$", call(), call(reason="a fault"), "'a fault'"),
        ("no_repeated_question: true", call(), call(said=AGAIN), "asked again"),
        ("no_faults: true", call(), call(faults=["the bot failed"]), "the bot failed"),
        ("no_gaps: true", call(), call(record=heard(moments=[Moment(5000, "gap", "80 ms")])), "1 gaps"),
        ("says: name", call(), call(said=[ANSWER]), "it said"),
        ("within: 600ms", call(), call((100, 1500), (4700, 6000)), "step 1: 700 ms"),
    ],
)
def test_what_is_expected_of_a_call_is_met_or_not(expected: str, met: CallFacts, not_met: CallFacts, why: str) -> None:
    text = f"steps: [say: x]\nexpect:\n  - {expected}\n"
    assert verdict(text, met).met
    bad = verdict(text, not_met)
    assert bad.fails and why in bad.detail and bad.step is None


def over(what: str, *spans: tuple[int, int], **more: object) -> CallFacts:
    """Return a call in which the caller makes a sound from 5.0 to 5.5 s, over the answer that began at 4.5 s."""
    acts = [act(1, 2000, 4000), act(2, 5000, 5500, what)]
    return call(*spans, acts=acts, **more)


@pytest.mark.parametrize(
    ("spans", "met", "why"),
    [
        (((4500, 5300), (7000, 8000)), True, "300 ms"),
        (((4500, 5900), (7000, 8000)), False, "900 ms"),
        (((4500, 4800), (7000, 8000)), False, "not speaking"),
    ],
)
def test_a_bot_yields_in_time_or_not(spans: tuple[tuple[int, int], ...], met: bool, why: str) -> None:
    text = "steps:\n  - say: x\n  - interrupt: y\n    expect:\n      - yields_within: 500ms\n"
    found = verdict(text, over("interrupt", *spans))
    assert found.met is met and why in found.detail


@pytest.mark.parametrize(
    ("spans", "unheard", "met"),
    [
        (((4500, 8000),), "", True),
        (((4500, 5200), (6200, 8000)), "", True),
        (((4500, 5200), (9900, 11_000)), "", False),
        (((4500, 5200),), "", False),
        (((4500, 8000),), "the rest of it", False),
        (((4500, 4700),), "", False),
    ],
)
def test_a_bot_goes_on_after_a_cough_or_not(spans: tuple[tuple[int, int], ...], unheard: str, met: bool) -> None:
    text = "steps:\n  - say: x\n  - cough: true\n    expect:\n      - goes_on: true\n"
    assert verdict(text, over("cough", *spans, said=[BotSaid(4500, "You are", unheard)])).met is met


def test_the_answer_to_an_interruption_is_timed_from_its_end_and_not_from_what_it_cut() -> None:
    text = "steps:\n  - say: x\n  - interrupt: y\n    expect:\n      - within: 800ms\n"
    assert verdict(text, over("interrupt", (4500, 5300), (6200, 8000))).detail == "700 ms"
    assert not verdict(text, over("interrupt", (4500, 5300), (6400, 8000))).met


def test_a_question_that_was_cut_off_may_be_asked_again() -> None:
    text = "steps: [say: x]\nexpect:\n  - no_repeated_question: true\n"
    cut = [BotSaid(100, "What is your name?", unheard="And your number?"), BotSaid(4500, "What is your name?")]
    assert verdict(text, call(said=cut)).met


def test_a_rubric_is_what_the_model_thinks_of_it() -> None:
    one = written("steps:\n  - say: x\n    expect:\n      - means: [it books, it is polite]\n")
    [question] = questions(one)
    asked = {(question, "it books"): Opinion(met=True, why="it does")}
    rude = {**asked, (question, "it is polite"): Opinion(met=False, why="it is rude")}
    [found] = verdicts(one, call(), rude)
    assert found.fails and found.detail == "it does; it is rude"
    [found] = verdicts(one, call(), {**rude, (question, "it is polite"): Opinion(met=True, why="it is")})
    assert found.met
    [found] = verdicts(one, call(), asked)
    assert found.fails, "without an opinion nothing is met"


def test_a_judge_reads_what_both_said_in_the_step() -> None:
    assert conversation(call(), 1) == "caller: Hello?\nbot: You are booked for Friday. Anything else?"
    assert conversation(call(), None).startswith("bot: Good morning.")


def test_a_step_that_could_not_be_played_fails_the_call() -> None:
    [found] = verdicts(written("steps:\n  - interrupt: x\n"), call(failed_step=(1, "the bot said nothing")), {})
    assert found.fails and (found.line, found.detail) == (2, "the bot said nothing")


def test_each_kind_of_expectation_is_tried_here() -> None:
    text = Path(__file__).read_text()
    assert [check for check in Check if f"{check.value}: " not in text] == []
    assert {Check.CALLS_TOOL, Check.TRANSFERS_TO} <= NEEDS_RECORD
