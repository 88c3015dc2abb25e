"""What calls get from several engines: checks, choice, second tries, and what is left when some are gone."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import numpy as np
import pytest
from fakes import FakeClock, FakeEngine, FakePause

from bridge.speech.api import (
    AsrCapabilities,
    BadRequest,
    DeadlineExceeded,
    EngineFailed,
    EngineLost,
    Hypothesis,
    Overloaded,
    Recogniser,
    ReplicaLost,
    Request,
    UnsupportedLanguage,
)
from bridge.speech.pool import Pool

SECOND = np.zeros(16_000, np.float32)
PARTIAL, FINAL = Request(SECOND), Request(SECOND, final=True)
SOON_S = 0.02
"""For timeouts that a test waits for."""


class Bench:
    """Makes pools whose clock and pauses the test moves, and closes them."""

    def __init__(self) -> None:
        self.clock, self.pause = FakeClock(), FakePause()
        self._pools: list[Pool] = []
        self._decodes: list[asyncio.Task[Hypothesis]] = []

    def pool(self, *engines: FakeEngine) -> Pool:
        self._pools.append(pool := Pool(engines, timeout_s=5, clock_s=self.clock, pause=self.pause))
        return pool

    def hasty_pool(self, *engines: FakeEngine) -> Pool:
        """A pool that waits `SOON_S` for an answer, by the real clock."""
        self._pools.append(pool := Pool(engines, timeout_s=SOON_S, pause=self.pause))
        return pool

    async def started(self, decode: Coroutine[Any, Any, Hypothesis]) -> asyncio.Future[Hypothesis]:
        """Return a decode that has got to its engine; it ends with the test."""
        self._decodes.append(task := asyncio.create_task(decode))
        for _ in range(3):
            await asyncio.sleep(0)
        return task

    async def start(self, decode: Coroutine[Any, Any, Hypothesis]) -> None:
        await asyncio.wait([await self.started(decode)], timeout=0)

    async def close(self) -> None:
        for decode in self._decodes:
            decode.cancel()
        for pool in self._pools:
            pool.close()
        await asyncio.gather(*self._decodes, return_exceptions=True)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.close()


def hung(times: int = 100) -> list[Exception | asyncio.Event]:
    return [asyncio.Event() for _ in range(times)]


def test_a_pool_is_a_recogniser(bench: Bench) -> None:
    recogniser: Recogniser = bench.pool(FakeEngine())
    assert recogniser.name == "a"


# ---------------------------------------------------------------- what is checked


async def test_bad_audio_reaches_no_engine(bench: Bench) -> None:
    pool = bench.pool(engine := FakeEngine())
    for audio in (np.zeros(0, np.float32), np.zeros((2, 9), np.float32), np.full(9, np.nan, np.float32)):
        with pytest.raises(BadRequest):
            await pool.decode(Request(audio))
    assert not engine.requests


async def test_audio_longer_than_any_engine_takes_is_refused_with_the_limit(bench: Bench) -> None:
    pool = bench.pool(FakeEngine(), FakeEngine("b", capabilities=AsrCapabilities(longest_s=60)))
    with pytest.raises(BadRequest, match=r"60\.1 s long, at most 60 s"):
        await pool.decode(Request(np.zeros(961_600, np.float32)))


async def test_what_is_too_long_for_one_engine_goes_to_the_other(bench: Bench) -> None:
    pool = bench.pool(FakeEngine(), FakeEngine("b", capabilities=AsrCapabilities(longest_s=60)))
    answers = [(await pool.decode(Request(np.zeros(640_000, np.float32)))).engine for _ in range(3)]
    assert answers == ["b"] * 3


async def test_audio_too_short_for_an_engine_is_padded_for_it_only(bench: Bench) -> None:
    needy, other = FakeEngine(capabilities=AsrCapabilities(shortest_s=0.5)), FakeEngine("b")
    pool = bench.pool(needy, other)
    for _ in range(2):
        await pool.decode(Request(np.ones(100, np.float32)))
    assert [len(engine.requests[0].audio) for engine in (needy, other)] == [8000, 100]


async def test_a_language_goes_to_an_engine_that_knows_it_by_the_name_it_has_there(bench: Bench) -> None:
    english = FakeEngine(capabilities=AsrCapabilities(languages=frozenset({"English"})))
    qwen = FakeEngine("b", capabilities=AsrCapabilities(languages=frozenset({"English", "Filipino"})))
    pool = bench.pool(english, qwen)
    for _ in range(3):
        await pool.decode(Request(SECOND, language="tl"))
    assert not english.requests
    assert {request.language for request in qwen.requests} == {"Filipino"}


async def test_a_decode_that_may_be_in_several_languages_goes_to_an_engine_that_knows_one(bench: Bench) -> None:
    english = FakeEngine(capabilities=AsrCapabilities(languages=frozenset({"English"})))
    qwen = FakeEngine("b", capabilities=AsrCapabilities(languages=frozenset({"English", "Filipino"})))
    pool = bench.pool(english, qwen)
    for _ in range(3):
        await pool.decode(Request(SECOND, languages=("tl", "Klingon")))
    assert not english.requests
    assert {request.languages for request in qwen.requests} == {("Filipino",)}


def test_a_language_that_nobody_knows_is_refused_with_those_known_and_the_remedy(bench: Bench) -> None:
    english = AsrCapabilities(languages=frozenset({"English"}), more_languages="pip install more")
    pool = bench.pool(FakeEngine("tiny", capabilities=english))
    for language in (None, "english", "EN"):
        pool.check_language(language)
    with pytest.raises(UnsupportedLanguage) as caught:
        pool.check_language("Hindi")
    assert str(caught.value) == "language is 'Hindi'; tiny knows only English; pip install more"
    for unheard_of in ("Klingon", "", "<|endoftext|>"):
        with pytest.raises(UnsupportedLanguage, match=r"tiny knows English$"):
            pool.check_language(unheard_of)


async def test_an_unknown_language_reaches_no_engine(bench: Bench) -> None:
    pool = bench.pool(engine := FakeEngine(capabilities=AsrCapabilities(languages=frozenset({"English"}))))
    with pytest.raises(UnsupportedLanguage):
        await pool.decode(Request(SECOND, language="Hindi"))
    assert not engine.requests


def test_callers_may_count_on_what_all_engines_can(bench: Bench) -> None:
    one = AsrCapabilities(prefix=False, languages=frozenset({"English"}), backlog=3, shortest_s=0.5)
    two = AsrCapabilities(word_times=True, languages=frozenset({"Hindi"}), longest_s=60)
    assert bench.pool(FakeEngine(capabilities=one), FakeEngine("b", capabilities=two)).capabilities == AsrCapabilities(
        prefix=False, languages=frozenset({"English", "Hindi"}), longest_s=60, backlog=11
    )
    any_language = FakeEngine("c", capabilities=AsrCapabilities())
    assert bench.pool(FakeEngine(capabilities=one), any_language).capabilities.languages is None


def test_a_pool_of_nobody_is_an_error() -> None:
    with pytest.raises(ValueError, match="no engine"):
        Pool([], timeout_s=5)


# ---------------------------------------------------------------- who takes it


async def test_the_answer_names_its_engine_and_twins_are_told_apart(bench: Bench) -> None:
    pool = bench.pool(FakeEngine("twin"), FakeEngine("twin"))
    assert {(await pool.decode(PARTIAL)).engine for _ in range(2)} == {"twin", "twin (2)"}
    assert pool.name == "twin, twin (2)"


async def test_idle_engines_take_turns(bench: Bench) -> None:
    pool = bench.pool(*(FakeEngine(name) for name in "abc"))
    answers = [(await pool.decode(PARTIAL)).engine for _ in range(9)]
    assert {answers.count(name) for name in "abc"} == {3}


async def test_the_least_loaded_takes_it(bench: Bench) -> None:
    busy, idle = FakeEngine("a", hung()), FakeEngine("b", hung())
    pool = bench.pool(busy, idle)
    decodes = [await bench.started(pool.decode(PARTIAL)) for _ in range(6)]
    assert len(busy.requests) == len(idle.requests) == 3
    for decode in decodes[::2]:  # those of one of the two
        decode.cancel()
    await asyncio.wait(decodes[::2])
    lighter = min((busy, idle), key=lambda engine: 3 - engine.cancelled)
    for _ in range(2):
        await bench.start(pool.decode(PARTIAL))
    assert len(lighter.requests) == 5


async def test_an_engine_that_can_do_more_at_once_gets_more(bench: Bench) -> None:
    small = FakeEngine("a", hung(), capabilities=AsrCapabilities(backlog=8))
    big = FakeEngine("b", hung(), capabilities=AsrCapabilities(backlog=80))
    pool = bench.pool(small, big)
    for _ in range(44):
        await bench.start(pool.decode(PARTIAL))
    assert len(small.requests) == pytest.approx(4, abs=1)


async def test_an_utterance_stays_with_the_engine_that_has_its_beginning(bench: Bench) -> None:
    pool = bench.pool(*(FakeEngine(name) for name in "abc"))
    homes = {
        key: {(await pool.decode(Request(SECOND, key=key))).engine for _ in range(5)} for key in map(str, range(20))
    }
    assert all(len(engines) == 1 for engines in homes.values())
    assert set.union(*homes.values()) == {"a", "b", "c"}


async def test_an_utterance_whose_engine_is_busier_goes_elsewhere(bench: Bench) -> None:
    engines = [FakeEngine(name) for name in "ab"]
    pool = bench.pool(*engines)
    home = (await pool.decode(Request(SECOND, key="x"))).engine
    next(engine for engine in engines if engine.name == home).script = hung()
    await bench.start(pool.decode(Request(SECOND, key="x")))
    assert (await pool.decode(Request(SECOND, key="x"))).engine != home


async def test_any_engine_gives_the_same_answer_to_the_same_request(bench: Bench) -> None:
    class Hears(FakeEngine):
        async def decode(self, request: Request, /) -> Hypothesis:
            return Hypothesis((f"{len(request.audio)} {request.prefix}",), request.language or "")

    request = Request(SECOND, prefix="so", language="English", key="k")
    alone = [(await bench.pool(Hears(name)).decode(request)).text for name in "ab"]
    broken = FakeEngine("a", [EngineLost("gone")])
    assert {*alone, (await bench.pool(broken, Hears("b")).decode(request)).text} == {"16000 so"}


# ---------------------------------------------------------------- too much to do


async def test_partials_are_refused_where_they_would_delay_finals_and_finals_are_not(bench: Bench) -> None:
    engines = [FakeEngine(name, hung(), capabilities=AsrCapabilities(backlog=2)) for name in "ab"]
    pool = bench.pool(*engines)
    decodes = [await bench.started(pool.decode(PARTIAL)) for _ in range(4)]
    with pytest.raises(Overloaded, match="a has 2 decodes in hand, b has 2"):
        await pool.decode(PARTIAL)
    for _ in range(3):
        await bench.start(pool.decode(FINAL))
    assert sum(len(engine.requests) for engine in engines) == 7
    with pytest.raises(Overloaded):
        await pool.decode(PARTIAL)
    assert not any(decode.done() for decode in decodes)


async def test_finals_have_priority_in_the_engine(bench: Bench) -> None:
    assert FINAL.priority < PARTIAL.priority
    pool = bench.pool(engine := FakeEngine())
    await pool.decode(FINAL)
    assert engine.requests[0].final


async def test_an_engine_that_says_wait_is_left_alone_for_so_long_and_is_not_blamed(bench: Bench) -> None:
    full, other = FakeEngine("a", [Overloaded("queue is full", retry_after_s=3)]), FakeEngine("b")
    pool = bench.pool(full, other)
    assert {(await pool.decode(FINAL)).engine for _ in range(6)} == {"b"}
    assert len(full.requests) == 1
    bench.clock.advance(3)
    assert {(await pool.decode(FINAL)).engine for _ in range(6)} == {"a", "b"}


async def test_when_all_say_wait_the_caller_is_told_for_how_long(bench: Bench) -> None:
    pool = bench.pool(FakeEngine("a", [Overloaded("full", retry_after_s=3)]))
    with pytest.raises(Overloaded, match=r"^full$") as caught:
        await pool.decode(FINAL)
    assert caught.value.retry_after_s == 3
    bench.clock.advance(1)
    with pytest.raises(Overloaded) as caught:
        await pool.decode(FINAL)
    assert caught.value.retry_after_s == 2


async def test_an_engine_that_does_not_say_for_how_long_is_not_asked_again_at_once(bench: Bench) -> None:
    pool = bench.pool(engine := FakeEngine("a", [Overloaded("full")]))
    for _ in range(5):
        with pytest.raises(Overloaded):
            await pool.decode(FINAL)
    assert len(engine.requests) == 1


# ---------------------------------------------------------------- second tries


@pytest.mark.parametrize(
    "error", [EngineLost("gone"), EngineFailed("bad"), Overloaded("full"), DeadlineExceeded("late"), OSError("bug")]
)
@pytest.mark.parametrize("asked", [PARTIAL, FINAL], ids=["partial", "final"])
async def test_what_one_engine_fails_at_another_is_asked(bench: Bench, error: Exception, asked: Request) -> None:
    pool = bench.pool(failing := FakeEngine("a", [error]), FakeEngine("b"))
    assert [(await pool.decode(asked)).engine for _ in range(2)] == ["b", "b"]
    assert len(failing.requests) == 1


async def test_a_partial_is_tried_twice_and_a_final_three_times(bench: Bench) -> None:
    engines = [FakeEngine(name, [EngineFailed(name)]) for name in "abcd"]
    with pytest.raises(EngineFailed):
        await bench.pool(*engines).decode(PARTIAL)
    assert sum(len(engine.requests) for engine in engines) == 2
    engines = [FakeEngine(name, [EngineFailed(name)]) for name in "abcd"]
    with pytest.raises(EngineFailed):
        await bench.pool(*engines).decode(FINAL)
    assert sum(len(engine.requests) for engine in engines) == 3


async def test_a_lone_engine_that_failed_is_asked_again_for_a_final_only(bench: Bench) -> None:
    assert (await bench.pool(FakeEngine("a", [EngineFailed("x"), EngineFailed("x")])).decode(FINAL)).engine == "a"
    with pytest.raises(EngineFailed):
        await bench.pool(FakeEngine("a", [EngineFailed("x")])).decode(PARTIAL)


async def test_a_bad_request_is_not_tried_again_and_blames_nobody(bench: Bench) -> None:
    pool = bench.pool(*(engines := [FakeEngine(name, [BadRequest("no") for _ in range(9)]) for name in "ab"]))
    for tries in range(1, 18):
        with pytest.raises(BadRequest):
            await pool.decode(FINAL)
        assert sum(len(engine.requests) for engine in engines) == tries
    assert await pool.healthy()


async def test_a_bug_in_an_engine_costs_a_try_and_not_the_call(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    pool = bench.pool(FakeEngine("a", [ZeroDivisionError("oops")] * 2))
    with pytest.raises(EngineFailed, match=r"a: ZeroDivisionError\('oops'\)"):
        await pool.decode(PARTIAL)
    assert "a failed in a way it should not" in caplog.text


async def test_an_engine_that_does_not_answer_is_given_up_for_another(bench: Bench) -> None:
    silent = FakeEngine("a", hung())
    pool = bench.hasty_pool(silent, FakeEngine("b"))
    assert {(await pool.decode(FINAL)).engine for _ in range(2)} == {"b"}
    assert silent.cancelled == len(silent.requests) == 1


async def test_a_late_answer_of_an_attempt_that_was_given_up_is_ignored(bench: Bench) -> None:
    class Late(FakeEngine):
        async def decode(self, request: Request, /) -> Hypothesis:
            self.answer: asyncio.Future[Hypothesis] = asyncio.get_running_loop().create_future()
            return await asyncio.shield(self.answer)

    late = Late("late")
    pool = bench.hasty_pool(late, FakeEngine("b"))
    texts = [(await pool.decode(FINAL)).text for _ in range(2)]
    late.answer.set_result(Hypothesis(("late",), "English"))
    await asyncio.sleep(0)
    assert texts == ["b", "b"]


async def test_without_another_engine_a_decode_may_take_as_long_as_anybody_waits(bench: Bench) -> None:
    slow = FakeEngine("a", [done := asyncio.Event()])
    decode = await bench.started(bench.hasty_pool(slow).decode(FINAL))
    asyncio.get_running_loop().call_later(3 * SOON_S, done.set)
    assert (await decode).text == "a"


async def test_nobody_waits_longer_than_the_request_allows(bench: Bench) -> None:
    pool = bench.pool(*(engines := [FakeEngine(name, hung()) for name in "ab"]))
    with pytest.raises(DeadlineExceeded, match=r"no answer within 0\.0 s"):
        await pool.decode(Request(SECOND, final=True, timeout_s=SOON_S))
    assert sum(engine.cancelled for engine in engines) >= 1


async def test_a_partial_too_is_given_up_in_time_for_another_engine(bench: Bench) -> None:
    pool = bench.pool(silent := FakeEngine("a", hung()), FakeEngine("b"))
    for _ in range(2):
        assert (await pool.decode(Request(SECOND, timeout_s=2 * SOON_S))).engine == "b"
    assert silent.cancelled == 1


async def test_partials_that_time_out_may_close_one_of_two_engines_but_never_the_last(bench: Bench) -> None:
    class Slow(FakeEngine):
        async def decode(self, request: Request, /) -> Hypothesis:
            bench.clock.advance(1.0)
            raise DeadlineExceeded("late")

    pool = bench.pool(Slow("a"), Slow("b"))
    for _ in range(20):
        with pytest.raises(DeadlineExceeded):
            await pool.decode(Request(SECOND, timeout_s=2.5))
    await bench.pause.until(1)
    assert bench.pause.delays == [0.25]
    assert await pool.healthy()


async def test_a_caller_in_haste_gives_no_engine_a_bad_name(bench: Bench) -> None:
    pool = bench.pool(FakeEngine("a", hung(5)))
    for _ in range(5):
        with pytest.raises(DeadlineExceeded):
            await pool.decode(Request(SECOND, timeout_s=0.001))
    assert (await pool.decode(PARTIAL)).engine == "a"


async def test_cancelling_a_decode_cancels_it_in_the_engine_and_blames_nobody(bench: Bench) -> None:
    pool = bench.pool(engine := FakeEngine("a", hung(5)))
    for _ in range(5):
        decode = await bench.started(pool.decode(PARTIAL))
        decode.cancel()
        await asyncio.wait([decode])
        assert decode.cancelled()
    assert engine.cancelled == 5
    assert (await pool.decode(PARTIAL)).engine == "a"


# ---------------------------------------------------------------- down, and back


async def test_a_lost_engine_is_asked_no_more_until_it_is_well(bench: Bench) -> None:
    lost = FakeEngine("a", [EngineLost("killed")])
    pool = bench.pool(lost, FakeEngine("b"))
    assert {(await pool.decode(PARTIAL)).engine for _ in range(8)} == {"b"}
    assert len(lost.requests) == 1
    await bench.pause.end()
    assert bench.pause.delays == [0.25, 0.5]
    lost.alive = True
    await bench.pause.end()
    assert {(await pool.decode(PARTIAL)).engine for _ in range(8)} == {"a", "b"}
    assert bench.pause.delays == [0.25, 0.5], "nobody asks for its health any more"


async def test_a_replica_that_is_lost_takes_what_it_had_in_hand_and_not_the_engine_behind_which_there_are_others(
    bench: Bench,
) -> None:
    engine = FakeEngine("a", [ReplicaLost("gone")] * 8)
    pool = bench.pool(engine)
    finals = await asyncio.gather(*(pool.decode(FINAL) for _ in range(8)))
    assert {final.engine for final in finals} == {"a"}
    assert await pool.healthy()
    assert bench.pause.delays == []


async def test_a_partial_of_a_lost_replica_is_made_up_for_by_the_next(bench: Bench) -> None:
    pool = bench.pool(FakeEngine("a", [ReplicaLost("gone")]))
    with pytest.raises(ReplicaLost):
        await pool.decode(PARTIAL)
    assert (await pool.decode(PARTIAL)).engine == "a"


async def test_an_engine_that_refuses_and_wants_no_rest_is_asked_at_once(bench: Bench) -> None:
    pool = bench.pool(FakeEngine("a", [Overloaded("one of many is full", retry_after_s=0.0)]))
    with pytest.raises(Overloaded):
        await pool.decode(PARTIAL)
    assert (await pool.decode(FINAL)).engine == "a"


@pytest.mark.parametrize("error", [EngineFailed("bad"), ValueError("bug")])
async def test_an_engine_that_fails_at_once_every_time_is_no_black_hole(bench: Bench, error: Exception) -> None:
    broken = FakeEngine("a", [error] * 50)
    pool = bench.pool(broken, FakeEngine("b"))
    assert {(await pool.decode(PARTIAL)).engine for _ in range(30)} == {"b"}
    assert len(broken.requests) == 3


async def test_a_hung_engine_is_no_black_hole(bench: Bench) -> None:
    silent = FakeEngine("a", hung(), alive=True)
    pool = bench.hasty_pool(silent, FakeEngine("b"))
    assert {(await pool.decode(FINAL)).engine for _ in range(12)} == {"b"}
    assert len(silent.requests) == 3


async def test_audio_that_breaks_every_try_takes_no_engine_with_it(bench: Bench) -> None:
    pool = bench.pool(engine := FakeEngine("a", [EngineFailed("poison")] * 3))
    with pytest.raises(EngineFailed, match="poison"):
        await pool.decode(FINAL)
    assert len(engine.requests) == 3
    assert (await pool.decode(PARTIAL)).engine == "a"


async def test_with_all_engines_gone_the_error_says_why_each_is(bench: Bench) -> None:
    pool = bench.pool(*(FakeEngine(name, [EngineLost(f"{name} was killed")]) for name in "ab"))
    with pytest.raises(EngineLost):
        await pool.decode(FINAL)
    with pytest.raises(EngineLost, match="no engine is up: a: a was killed; b: b was killed"):
        await pool.decode(FINAL)
    assert not await pool.healthy()


async def test_an_engine_back_on_trial_gets_partials_one_at_a_time_and_finals_only_where_nobody_else_is(
    bench: Bench,
) -> None:
    back, other = FakeEngine("a", [EngineLost("killed"), asyncio.Event()], alive=True), FakeEngine("b")
    pool = bench.pool(back, other)
    await pool.decode(PARTIAL)
    await pool.decode(PARTIAL)
    await bench.pause.end()
    assert {(await pool.decode(FINAL)).engine for _ in range(4)} == {"b"}
    trial = await bench.started(pool.decode(PARTIAL))
    assert len(back.requests) == 2
    assert {(await pool.decode(PARTIAL)).engine for _ in range(4)} == {"b"}
    assert not trial.done()


async def test_a_lone_engine_on_trial_gets_every_final_that_waits(bench: Bench) -> None:
    pool = bench.pool(engine := FakeEngine("a", [EngineLost("killed"), *hung(3)], alive=True))
    with pytest.raises(EngineLost):
        await pool.decode(FINAL)
    await bench.pause.end()
    for _ in range(3):
        await bench.start(pool.decode(FINAL))
    assert len(engine.requests) == 4
    with pytest.raises(Overloaded):
        await pool.decode(PARTIAL)


async def test_an_engine_that_is_lost_on_trial_is_left_alone_for_longer(bench: Bench) -> None:
    pool = bench.pool(FakeEngine("a", [EngineLost("killed"), EngineLost("again")], alive=True))
    for _ in range(2):
        with pytest.raises(EngineLost):
            await pool.decode(FINAL)
        await bench.pause.end()
    assert bench.pause.delays == [0.25, 0.5]
    assert (await pool.decode(FINAL)).engine == "a"


@pytest.mark.parametrize("alive", [False, OSError("refused"), TimeoutError()])
async def test_an_engine_that_cannot_say_that_it_is_well_is_not(bench: Bench, alive: bool | Exception) -> None:
    pool = bench.pool(FakeEngine("a", [EngineLost("killed")], alive=alive))
    with pytest.raises(EngineLost):
        await pool.decode(FINAL)
    for _ in range(6):
        await bench.pause.end()
    assert bench.pause.delays == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    with pytest.raises(EngineLost, match="no engine is up"):
        await pool.decode(FINAL)


async def test_a_health_check_that_hangs_counts_as_no(bench: Bench) -> None:
    class Hangs(FakeEngine):
        async def healthy(self) -> bool:
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    pool = bench.hasty_pool(Hangs("a", [EngineLost("killed")]))
    with pytest.raises(EngineLost):
        await pool.decode(FINAL)
    await bench.pause.end()
    await bench.pause.until(2)


async def test_recovered_returns_at_once_while_an_engine_is_up(bench: Bench) -> None:
    pool = bench.pool(FakeEngine("a", [EngineLost("killed")]), FakeEngine("b"))
    await pool.decode(FINAL)
    await pool.recovered()


async def test_all_who_wait_learn_that_an_engine_is_back(bench: Bench) -> None:
    pool = bench.pool(engine := FakeEngine("a", [EngineLost("killed")]))
    with pytest.raises(EngineLost):
        await pool.decode(FINAL)
    waiting = [asyncio.create_task(pool.recovered()) for _ in range(3)]
    await bench.pause.end()
    assert not any(task.done() for task in waiting)
    engine.alive = True
    await bench.pause.end()
    assert all(task.done() for task in waiting)
    assert (await pool.decode(FINAL)).engine == "a"


async def test_recovered_waits_until_a_rest_is_over(bench: Bench) -> None:
    pool = bench.hasty_pool(FakeEngine("a", [Overloaded("full", retry_after_s=3 * SOON_S)]))
    with pytest.raises(Overloaded):
        await pool.decode(FINAL)
    began_s = asyncio.get_running_loop().time()
    await pool.recovered()
    assert asyncio.get_running_loop().time() - began_s > SOON_S
    assert (await pool.decode(FINAL)).engine == "a"


# ---------------------------------------------------------------- the end, and who is told


async def test_closing_ends_the_watch_and_closes_every_engine_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(FakeEngine):
        def close(self) -> None:
            raise RuntimeError("stuck")

    pool = bench.pool(Stuck("a", [EngineLost("killed")]), last := FakeEngine("b"))
    await pool.decode(FINAL)
    await pool.decode(FINAL)
    before = len(asyncio.all_tasks())
    await asyncio.to_thread(pool.close)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before - 1
    assert last.closed == 1
    assert "a does not close" in caplog.text


async def test_a_loss_after_the_close_starts_nothing(bench: Bench) -> None:
    pool = bench.pool(FakeEngine("a", [EngineLost("closed")]))
    pool.close()
    with pytest.raises(EngineLost):
        await pool.decode(FINAL)
    assert bench.pause.delays == []
    assert len(asyncio.all_tasks()) == 1


class Notes:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def began(self, engine: str, /) -> None:
        self.told.append(f"{engine} began")

    def ended(self, engine: str, request: Request, outcome: Hypothesis | BaseException, /, *, took_s: float) -> None:
        self.told.append(f"{engine} {type(outcome).__name__} {took_s:g}")

    def retried(self, engine: str, /) -> None:
        self.told.append(f"{engine} retried")

    def up(self, engine: str, up: bool, /) -> None:
        self.told.append(f"{engine} {'up' if up else 'down'}")


async def test_the_observer_is_told_the_whole_story(bench: Bench) -> None:
    engine = FakeEngine("a", [EngineFailed("bad"), EngineLost("killed")], alive=True)
    pool, notes = bench.pool(engine), Notes()
    pool.observe(notes)
    with pytest.raises(EngineLost):
        await pool.decode(FINAL)
    await bench.pause.end()
    await pool.decode(FINAL)
    assert notes.told == (
        "a up|a began|a EngineFailed 0|a retried|a began|a EngineLost 0|a down|a up|a began|a Hypothesis 0".split("|")
    )


async def test_the_observer_is_told_of_a_cancelled_decode_too(bench: Bench) -> None:
    pool, notes = bench.pool(FakeEngine("a", hung())), Notes()
    pool.observe(notes)
    decode = await bench.started(pool.decode(PARTIAL))
    bench.clock.advance(2)
    decode.cancel()
    await asyncio.wait([decode])
    assert notes.told == ["a up", "a began", "a CancelledError 2"]
