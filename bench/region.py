"""A model of many bridges and many recognisers, decode by decode. Pure: time is simulated, chance is seeded.

    caller speaks -> partials, a final -> the bridge chooses a replica -> it decodes several at once -> answer

What is ours is used as it is: `LoadSteps` and `Recent` decide what each bridge leaves out, as in `bridge/admission`.
The choice of a replica is that of `bridge/speech/pool`: the fewest in hand *of this bridge*, in eighths of the backlog;
among equals the one that has the utterance. A bridge does not know what the others ask. With `router` it is that of a
pool on Ray, whose `Loads` are used as they are: a bridge knows what it asks itself, and what the answers of the last
half second said of the others.
"""

import heapq
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Final

from bridge.admission.load import LoadSteps, Recent, Step
from bridge.speech.backends.ray.choice import Loads

STEPS: Final = 8
"""Parts of the backlog in which loads are compared."""
LOST_S: Final = 2.0
"""Until a machine that does not answer at all counts as gone (`bridge/speech/remote/connections.py`)."""
LOOK_S: Final = 5.0
"""Until a bridge notices at the latest that a replica is back."""
MOST_SPEECH_S: Final = 28.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What a replica does: it decodes several at once, each the slower the more there are."""

    curve: Sequence[tuple[float, float]]
    """Decodes at once, and how many a second that gives; between two points it is a line."""
    at_once: int
    """More wait, finals first."""
    backlog: int = 64
    waits_in_bridge: bool = False
    """What a bridge has in hand there is at most `at_once`; more wait in the bridge."""

    @classmethod
    def timed(cls, seconds: float, *, at_once: int = 1, waits_in_bridge: bool = False) -> "Engine":
        """Return one whose decodes take so long, whatever runs beside them."""
        curve = ((0.0, 0.0), (float(at_once), at_once / seconds))
        return cls(curve=curve, at_once=at_once, backlog=8, waits_in_bridge=waits_in_bridge)

    def a_second(self, running: int) -> float:
        """Return how many decodes a second come out with so many at once."""
        place = min(bisect_right(self.curve, (float(running), float("inf"))), len(self.curve) - 1)
        (x0, y0), (x1, y1) = self.curve[place - 1], self.curve[place]
        return min(y1, y0 + (y1 - y0) * (running - x0) / (x1 - x0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """How callers talk. Means, in seconds; lengths of calls, pauses and replies are exponential."""

    call_s: float = 120.0
    speech_s: float = 3.0
    reply_s: float = 5.5
    """From the end of the words to the next: waiting, the bot's reply, thinking."""
    first_partial_s: float = 0.5
    partial_every_s: float = 1.0


@dataclass(slots=True)
class Decode:
    """One of a bridge's decodes."""

    bridge: int
    asked_s: float
    final: bool
    utterance: int
    done: Callable[[float], None]
    tries: int = 0


class Replica:
    """Shares its speed among what runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.up, self.version = True, 0
        self._running: list[tuple[float, int, Decode]] = []
        self._waiting: list[tuple[bool, int, Decode]] = []
        self._done, self._at_s = 0.0, 0.0  # of each that runs, in decodes; up to then

    def __len__(self) -> int:
        return len(self._running) + len(self._waiting)

    def add(self, decode: Decode, number: int, now_s: float) -> None:
        self._advance(now_s)
        if len(self._running) < self._engine.at_once:
            heapq.heappush(self._running, (self._done + 1.0, number, decode))
        else:
            heapq.heappush(self._waiting, (not decode.final, number, decode))

    def next_s(self) -> float | None:
        """Return when the next is done, if nothing comes meanwhile."""
        if not self._running:
            return None
        running = len(self._running)
        return self._at_s + (self._running[0][0] - self._done) * running / self._engine.a_second(running)

    def take_done(self, now_s: float) -> Decode:
        """Return what is done now."""
        self._advance(now_s)
        _, _, decode = heapq.heappop(self._running)
        if self._waiting:
            _, number, following = heapq.heappop(self._waiting)
            heapq.heappush(self._running, (self._done + 1.0, number, following))
        return decode

    def die(self) -> Sequence[Decode]:
        """Return what is lost."""
        lost = [each[2] for each in (*self._running, *self._waiting)]
        self.up, self._running, self._waiting = False, [], []
        return lost

    def _advance(self, now_s: float) -> None:
        if running := len(self._running):
            self._done += (now_s - self._at_s) * self._engine.a_second(running) / running
        self._at_s = now_s


@dataclass(slots=True)
class Bridge:
    """What one bridge has on its lines, and in hand."""

    lines: int
    waits: Recent
    steps: LoadSteps = field(default_factory=LoadSteps)
    calls: set[int] = field(default_factory=set)
    in_hand: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    loads: Loads = field(default_factory=Loads)
    down: set[int] = field(default_factory=set)
    queue: list[tuple[bool, int, Decode]] = field(default_factory=list)
    up: bool = True

    @property
    def takes_calls(self) -> bool:
        return self.up and len(self.calls) < self.lines and self.steps.step < Step.NEWCOMERS


@dataclass(slots=True)
class Outcome:
    """What was measured."""

    finals_s: list[tuple[float, float]] = field(default_factory=list)
    """When each final was answered, and how long after it was asked for."""
    decodes: int = 0
    offered: int = 0
    refused: int = 0
    """Calls that found no bridge."""
    cut: int = 0
    """Calls that ended with their bridge."""
    partials_left_out: int = 0


class Region:
    """Bridges and replicas. `run` lets time pass."""

    def __init__(
        self,
        *,
        bridges: int,
        replicas: int,
        engine: Engine,
        lines: int = 50,
        talk: Talk | None = None,
        overhead_s: float = 0.0,
        router: bool = False,
        final_wait_s: float = 1.0,
        seed: int = 1,
    ) -> None:
        """`overhead_s`: network and what carries a decode, there and back. `router`: the replica is chosen as in a pool
        on Ray (`bridge/speech/backends/ray/choice.py`), not as the bridge chooses engines. `final_wait_s`: as
        `--load-final-wait`."""
        self.now_s, self.dice = 0.0, random.Random(seed)
        self.engine, self.talk, self.overhead_s, self.router = engine, talk or Talk(), overhead_s, router
        self._final_wait_s = final_wait_s
        self.bridges = [Bridge(lines, Recent(lambda: self.now_s)) for _ in range(bridges)]
        self.replicas = [Replica(engine) for _ in range(replicas)]
        self._names = [str(number) for number in range(replicas)]
        self.told = Outcome()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers, self._calls = count(), count()

    # ------------------------------------------------------------ time

    def at(self, when_s: float, what: Callable[[], None]) -> None:
        """Have `what` done then."""
        heapq.heappush(self._events, (when_s, next(self._numbers), what))

    def run(self, until_s: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, what = heapq.heappop(self._events)
            what()
        self.now_s = until_s

    def look_at_load(self) -> None:
        """Have each bridge look once a second from now on at what its finals wait."""
        for bridge in self.bridges:
            bridge.steps.look(bridge.waits.typical() / self._final_wait_s, self.now_s)
        self.at(self.now_s + 1.0, self.look_at_load)

    # ------------------------------------------------------------ calls

    def call(self, *, phase_s: float | None = None) -> None:
        """Let somebody call; `phase_s`: they speak first after so long."""
        self.told.offered += 1
        number = self._free_bridge()
        if number is None:
            self.told.refused += 1
            return
        call = next(self._calls)
        self.bridges[number].calls.add(call)
        self.at(self.now_s + self._mean(self.talk.call_s), lambda: self.bridges[number].calls.discard(call))
        first_s = self._mean(self.talk.reply_s) if phase_s is None else phase_s
        self.at(self.now_s + first_s, lambda: self._speak(number, call))

    def calls_come(self, a_second: float, until_s: float) -> None:
        """Let calls come at random times."""
        if self.now_s < until_s:
            self.call()
            self.at(self.now_s + self.dice.expovariate(a_second), lambda: self.calls_come(a_second, until_s))

    def _free_bridge(self) -> int | None:
        for _ in range(4):  # a balancer among those that are ready
            number = self.dice.randrange(len(self.bridges))
            if self.bridges[number].takes_calls:
                return number
        free = [number for number, bridge in enumerate(self.bridges) if bridge.takes_calls]
        return self.dice.choice(free) if free else None

    def _speak(self, number: int, call: int) -> None:
        if call not in self.bridges[number].calls:
            return
        utterance, begun_s = self.dice.getrandbits(48), self.now_s
        speech_s = min(MOST_SPEECH_S, max(0.4, self._mean(self.talk.speech_s)))
        busy = [False]

        def snapshot(at_s: float) -> None:
            bridge = self.bridges[number]
            if call not in bridge.calls:
                return
            if at_s + self.talk.partial_every_s < begun_s + speech_s:
                self.at(at_s + self.talk.partial_every_s, lambda: snapshot(at_s + self.talk.partial_every_s))
            if busy[0] or bridge.steps.step >= Step.PARTIALS:
                self.told.partials_left_out += 1
                return
            busy[0] = True
            self.ask(number, final=False, utterance=utterance, done=lambda _: busy.__setitem__(0, False))

        def final() -> None:
            if call in self.bridges[number].calls:
                self.ask(number, final=True, utterance=utterance, done=heard)

        def heard(_: float) -> None:
            self.at(self.now_s + self._mean(self.talk.reply_s), lambda: self._speak(number, call))

        if self.talk.first_partial_s < speech_s:
            first_s = begun_s + self.talk.first_partial_s
            self.at(first_s, lambda: snapshot(first_s))
        self.at(begun_s + speech_s, final)

    def _mean(self, mean_s: float) -> float:
        return self.dice.expovariate(1 / mean_s)

    # ------------------------------------------------------------ decodes

    def ask(
        self,
        number: int,
        *,
        final: bool,
        utterance: int | None = None,
        done: Callable[[float], None] = lambda took_s: None,
    ) -> None:
        """Have a bridge ask for a decode now; `done` is told how long it took, once it is answered."""
        chosen = self.dice.getrandbits(48) if utterance is None else utterance
        self._send(Decode(number, self.now_s, final, chosen, done))

    def _send(self, decode: Decode) -> None:
        bridge = self.bridges[decode.bridge]
        if not bridge.up:
            return
        replica = self._choose(bridge, decode)
        if replica is None:
            heapq.heappush(bridge.queue, (not decode.final, next(self._numbers), decode))
            return
        bridge.in_hand[replica] += 1
        bridge.loads.sent(self._names[replica])
        if decode.final:
            bridge.waits.add(self.now_s - decode.asked_s)
        self.at(self.now_s + self.overhead_s / 2, lambda: self._arrive(decode, replica))

    def _choose(self, bridge: Bridge, decode: Decode) -> int | None:
        count_, engine = len(self.replicas), self.engine
        if self.router:
            return self._routed(bridge, decode)
        favourite = decode.utterance % count_
        own = bridge.in_hand[favourite]
        free = own * STEPS < engine.backlog and (not engine.waits_in_bridge or own < engine.at_once)
        if free and favourite not in bridge.down and not decode.tries:
            return favourite
        able = [
            each
            for each in range(count_)
            if each not in bridge.down and (not engine.waits_in_bridge or bridge.in_hand[each] < engine.at_once)
        ]
        if not able:
            return None if len(bridge.down) < count_ else favourite
        start = decode.utterance // count_
        return min(able, key=lambda each: (bridge.in_hand[each] * STEPS // engine.backlog, _shuffled(each, start)))

    def _routed(self, bridge: Bridge, decode: Decode) -> int:
        count_, room = len(self.replicas), min(self.engine.at_once, max(1, self.engine.backlog // STEPS))
        favourite, start = decode.utterance % count_, decode.utterance // count_

        def filled(replica: int) -> int:
            return bridge.loads.of(self._names[replica], self.now_s) // room

        if favourite not in bridge.down and not filled(favourite):
            return favourite
        return min(range(count_), key=lambda each: (each in bridge.down, filled(each), _shuffled(each, start)))

    def _arrive(self, decode: Decode, number: int) -> None:
        replica = self.replicas[number]
        if not replica.up:
            self.at(self.now_s + LOST_S, lambda: self._lose(decode, number))
            return
        replica.add(decode, next(self._numbers), self.now_s)
        self._plan(number)

    def _plan(self, number: int) -> None:
        replica = self.replicas[number]
        replica.version += 1
        version, next_s = replica.version, replica.next_s()
        if next_s is not None:
            self.at(next_s, lambda: self._finish(number, version))

    def _finish(self, number: int, version: int) -> None:
        replica = self.replicas[number]
        if replica.version != version:
            return
        decode = replica.take_done(self.now_s)
        others = len(replica)
        self._plan(number)
        self.at(self.now_s + self.overhead_s / 2, lambda: self._answer(decode, number, others))

    def _answer(self, decode: Decode, number: int, others: int) -> None:
        """`others`: what the replica has in hand beside it, as it says."""
        bridge = self.bridges[decode.bridge]
        bridge.in_hand[number] -= 1
        bridge.loads.told(self._names[number], others, self.now_s)
        bridge.loads.over(self._names[number])
        self.told.decodes += 1
        took_s = self.now_s - decode.asked_s
        if decode.final and bridge.up:
            self.told.finals_s.append((self.now_s, took_s))
        decode.done(took_s)
        self._grant(bridge)

    def _grant(self, bridge: Bridge) -> None:
        while bridge.queue and self._choose(bridge, bridge.queue[0][2]) is not None:
            self._send(heapq.heappop(bridge.queue)[2])

    # ------------------------------------------------------------ what dies

    def lose_replicas(self, numbers: Sequence[int], *, back_s: float) -> None:
        """Let replicas die now, machine and all; others are there in their place after `back_s`."""
        for number in numbers:
            replica = self.replicas[number]
            replica.version += 1
            for decode in replica.die():
                self.at(self.now_s + LOST_S, partial(self._lose, decode, number))
            self.at(self.now_s + back_s, partial(self._bring_back, number))

    def _bring_back(self, number: int) -> None:
        self.replicas[number].up = True
        for bridge in self.bridges:
            self.at(self.now_s + self.dice.uniform(0, LOOK_S), partial(bridge.down.discard, number))

    def _lose(self, decode: Decode, number: int) -> None:
        """A bridge notices that a replica is gone: what it had asked there it asks elsewhere."""
        bridge = self.bridges[decode.bridge]
        bridge.in_hand[number] -= 1
        bridge.loads.over(self._names[number])
        if not self.replicas[number].up:
            bridge.down.add(number)
        decode.tries += 1
        if (
            decode.final
        ):  # as often as it takes: where the pool gives up, the call asks again (`bridge/call/asr_outage.py`)
            self._send(decode)
        else:
            decode.done(self.now_s - decode.asked_s)
        self._grant(bridge)

    def lose_bridges(self, numbers: Sequence[int], *, back_s: float) -> None:
        """Let bridges die now: their calls are cut, and who was cut off calls again within ten seconds."""
        for number in numbers:
            bridge = self.bridges[number]
            bridge.up = False
            for _ in bridge.calls:
                self.told.cut += 1
                self.at(self.now_s + self.dice.uniform(1, 10), self.call)
            bridge.calls.clear()
            bridge.queue.clear()
            self.at(self.now_s + back_s, partial(setattr, bridge, "up", True))


def _shuffled(replica: int, utterance: int) -> int:
    """Return a place for `replica` in an order that is another for each utterance."""
    return hash((utterance, replica))
