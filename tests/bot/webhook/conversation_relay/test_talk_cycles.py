"""Which messages belong to an answer that nobody waits for any more."""

from bot.webhook.conversation_relay.talk_cycles import TalkCycles


def test_the_rest_of_an_answer_that_was_interrupted_is_dropped_up_to_its_end() -> None:
    cycles = TalkCycles()
    assert cycles.wanted(speaks=True, last=False)
    cycles.interrupted()
    assert not cycles.wanted(speaks=True, last=False)
    assert not cycles.wanted(speaks=True, last=True)
    assert cycles.wanted(speaks=True, last=True), "the next answer is wanted, though no prompt came between"


def test_an_answer_that_had_come_whole_leaves_nothing_to_be_dropped() -> None:
    cycles = TalkCycles()
    assert cycles.wanted(speaks=True, last=True)
    cycles.interrupted()
    assert cycles.wanted(speaks=True, last=False)


def test_a_prompt_makes_what_comes_an_answer_to_it() -> None:
    cycles = TalkCycles()
    cycles.wanted(speaks=True, last=False)
    cycles.interrupted()
    cycles.prompted()
    assert cycles.wanted(speaks=True, last=True)


def test_one_empty_text_acknowledges_an_interruption_and_a_second_is_an_empty_answer() -> None:
    cycles = TalkCycles()
    cycles.interrupted()
    cycles.prompted()
    assert not cycles.wanted(speaks=False, last=True)
    assert cycles.wanted(speaks=False, last=True)


def test_an_answer_preempts_the_one_before_where_that_allows_it() -> None:
    cycles = TalkCycles()
    assert not cycles.preempts(speaks=True), "nothing was said yet"
    cycles.wanted(speaks=True, last=False, preemptible=True)
    assert not cycles.preempts(speaks=True), "it is the same answer"
    cycles.wanted(speaks=True, last=True, preemptible=True)
    assert not cycles.preempts(speaks=False), "there is nothing to say instead"
    assert cycles.preempts(speaks=True)
    cycles.wanted(speaks=True, last=True, preemptible=False)
    assert not cycles.preempts(speaks=True)


def test_an_empty_text_that_ends_an_answer_ends_it() -> None:
    cycles = TalkCycles()
    cycles.interrupted()
    cycles.prompted()
    assert cycles.wanted(speaks=True, last=False)
    assert cycles.wanted(speaks=False, last=True)
    assert not cycles.open


def test_settings_are_wanted_whatever_was_interrupted() -> None:
    cycles = TalkCycles()
    cycles.wanted(speaks=True, last=False)
    cycles.interrupted()
    assert cycles.wanted(speaks=False, last=False)
