"""What is known of a call: its parts, its record, and what was heard of the bot when."""

from math import inf

import pytest
from evals_support import act, entry, heard

from bridge.evals.facts import (
    BotDid,
    BotSaid,
    CallFacts,
    Span,
    Understood,
    begun,
    bot_spans,
    from_entries,
    parts,
    parts_of,
    response_ms,
    text_in,
)

ACTS = [act(1, 2000, 4000), act(2, 5000, 5500, "cough"), act(3, 9000, 9500)]


def test_a_cough_begins_no_part_of_its_own() -> None:
    assert [(part.from_ms, part.to_ms) for part in parts(ACTS)] == [(-inf, 2000), (2000, 9000), (9000, inf)]
    facts = CallFacts(acts=ACTS, record=heard())
    assert [part.from_ms for part in parts_of(facts, 2)] == [2000], "of a cough: the part in which it was"
    assert [part.from_ms for part in parts_of(facts, 3)] == [9000]
    assert [part.from_ms for part in parts_of(facts, 4)] == [9000], "a step that waits belongs to what was before"
    assert [(part.from_ms, part.to_ms) for part in parts_of(facts, None)] == [(-inf, inf)]


def test_before_the_caller_did_anything_is_what_the_greeting_is_in() -> None:
    facts = CallFacts(acts=[act(2, 2000, 4000)], record=heard(), said=[BotSaid(-5, "Hello!"), BotSaid(4500, "Yes.")])
    assert text_in(facts, parts_of(facts, 1)) == "Hello!"
    assert text_in(facts, parts_of(facts, 2)) == "Yes."


def test_short_pauses_are_inside_of_what_the_bot_says() -> None:
    assert bot_spans(heard((100, 1000), (1200, 2000), (3000, 4000))) == [Span(100, 2000), Span(3000, 4000)]


def test_an_answer_is_timed_from_the_end_of_speech_and_belongs_to_one_act_alone() -> None:
    facts = CallFacts(acts=[act(1, 2000, 4000), act(2, 9000, 9500)], record=heard((9800, 11_000)))
    assert [response_ms(facts, one) for one in facts.acts] == [None, 300]


def test_a_reply_began_where_it_was_heard_and_not_where_it_was_written_down() -> None:
    spans = [Span(100, 3100), Span(6300, 8700), Span(9200, 11_700), Span(14_300, 16_000)]
    one = BotSaid(0.0, "Hello")
    assert [said.at_ms for said in begun([(6200, 3000, one)], spans)] == [100]
    assert [said.at_ms for said in begun([(14_200, 5300, one)], spans)] == [6300], "a pause inside is no end"
    assert [said.at_ms for said in begun([(20_000, 1700, one)], spans)] == [14_300]
    assert [said.at_ms for said in begun([(7000, 700, one)], spans)] == [6300], "it was cut off"
    assert [said.at_ms for said in begun([(7000, 700, one)], [])] == [6300], "nothing was heard: by the clock"


def test_the_bridges_own_record_is_read() -> None:
    found = from_entries(
        [
            entry("started", 1, data={"call_id": "CA1"}),
            entry("bot", 4, "Hello", {"played_ms": 900, "unheard": "and more"}),
            entry("caller", 5, "On Friday", {"from_ms": 2000, "to_ms": 3500}),
            entry("tool", 5.5, "book", {"arguments": '{"day": "Friday", "n": 4, "x": [1]}', "result": "Booked."}),
            entry("action", 6, "Transfer", {"action": "Transfer(target='+49', returns=False)", "failed": "busy"}),
            entry("fault", 6.5, "the voice failed"),
            entry("latency", 7, data={"heard_ms": 400}),
            entry("ended", 8, "the bot hung up", {"ended_by": "bot"}),
        ]
    )
    assert found.said == [(3000, 900, BotSaid(0.0, "Hello", "and more"))]
    assert found.understood == [Understood(2000, 3500, "On Friday")]
    assert found.tools == [BotDid(4500, "book", {"day": "Friday", "n": "4", "x": "[1]"}, "Booked.")]
    assert found.actions == [BotDid(5000, "Transfer", {"target": "+49", "returns": "false"}, "busy")]
    assert (found.faults, found.ended_by, found.reason) == (["the voice failed"], "bot", "the bot hung up")


def test_arguments_that_are_no_json_and_actions_that_were_cut_are_borne() -> None:
    deep = "[" * 100_000
    for arguments in ("{", deep, "[]", None, 3):
        [tool] = from_entries([entry("started", 0), entry("tool", 1, "t", {"arguments": arguments})]).tools
        assert tool.name == "t"
    for action in ("Transfer(target='+4", "Transfer", "f(g())", deep, "", "x = 1"):
        [done] = from_entries([entry("started", 0), entry("action", 1, "a", {"action": action})]).actions
        assert done.arguments == {}


def test_a_record_without_its_begin_is_refused() -> None:
    with pytest.raises(ValueError, match="its begin is no longer held"):
        from_entries([entry("bot", 4, "Hello", {"played_ms": 900})])
    assert from_entries([]).said == []
