"""What a soak claims, on books that agree and on books with one thing wrong in each."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import pytest
from soaking.accounts import Book, Call, Process, Sample, Series, as_json, claims
from soaking.bots import Census, Does, ident, name_of, uuid_of
from soaking.processor import ProcessorWatch, Used, used

LINES = [
    ("a", "began", ""),
    ("a", "final", "Hello there world"),
    ("a", "ended", "caller hung up"),
    ("b", "began", ""),
    ("b", "final", "Good bye for now"),
    ("b", "ended", "caller hung up"),
]
STARTED, ENDED, FINALS = (f"bridge_{name}_total" for name in ("calls_started", "calls_ended", "finals"))


@dataclass
class Books:
    """Of two healthy calls."""

    samples: list[Sample] = field(
        default_factory=lambda: [
            Sample(calls, Process(400, 17), Process(44, 22), Census(13, 7, 90_000, {}, {"builtins.dict": 90_000}))
            for calls in range(100, 1300, 100)
        ]
    )
    calls: list[Call] = field(
        default_factory=lambda: [
            Call("healthy", "twilio", "a", said=["Hello there world"], heard_ms=[500.0]),
            Call("healthy", "twilio", "b", said=["Good bye for now"], heard_ms=[500.0]),
        ]
    )
    counted: dict[tuple[str, str, str], float] = field(
        default_factory=lambda: {(STARTED, "", ""): 2, (ENDED, "fault", ""): 2, (FINALS, "", ""): 2}
    )
    """By name, another label than the wire and its value."""
    lines: list[tuple[str, str, str]] = field(default_factory=lambda: list(LINES))

    def failing(self, folder: Path) -> Sequence[str]:
        """Return the claims that do not hold."""
        series: Series = {
            (name, frozenset({("wire", "twilio"), (label, value)} - {("", "")})): count
            for (name, label, value), count in self.counted.items()
        }
        ledger = folder / "ledger"
        ledger.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        found = claims(self.calls, self.samples, series, Book(ledger), answer_ms=2000, growth_mb=8)
        told = json.loads(as_json(self.calls, self.samples, found))["claims"]
        return [claim["text"] for claim in told if not claim["holds"]]

    def grow(self, change: Callable[[Sample], Sample]) -> None:
        self.samples = [change(sample) for sample in self.samples]


def census(sample: Sample, *, tasks: int = 13, threads: int = 7, objects: int = 90_000) -> Sample:
    return replace(sample, census=replace(sample.census, tasks=tasks, threads=threads, objects=objects))


def swap(books: Books) -> None:
    finals = ["Good bye for now", "Hello there world"]
    books.lines = [(call, what, finals.pop(0) if what == "final" else text) for call, what, text in books.lines]


def slow(books: Books) -> None:
    for call in books.calls:
        call.heard_ms = [1600.0]


def test_books_that_agree_bear_every_claim_out(tmp_path: Path) -> None:
    assert Books().failing(tmp_path) == []


@pytest.mark.parametrize(
    ("spoil", "failing"),
    [
        (lambda b: b.grow(lambda s: replace(s, server=Process(400 + s.calls / 50, 17))), "memory of the server"),
        (lambda b: b.grow(lambda s: replace(s, server=Process(400, s.calls // 100))), "descriptors of the server"),
        (lambda b: b.grow(lambda s: replace(s, sip=Process(44 + s.calls / 50, 22))), "memory of the SIP process"),
        (lambda b: b.grow(lambda s: replace(s, sip=Process(44, s.calls // 100))), "descriptors of the SIP process"),
        (lambda b: b.grow(lambda s: census(s, tasks=s.calls // 400)), "tasks"),
        (lambda b: b.grow(lambda s: census(s, threads=s.calls // 100)), "threads"),
        (lambda b: b.grow(lambda s: census(s, objects=90_000 + 6 * s.calls)), "objects"),
        (lambda b: b.calls.pop(), "calls over twilio"),
        (lambda b: b.calls.append(Call("never-begun", "twilio")), "calls over twilio"),
        (lambda b: b.counted.update({(ENDED, "fault", "ours"): 1}), "calls over twilio"),
        (lambda b: b.counted.update({("bridge_calls", "", ""): 1}), "calls over twilio"),
        (lambda b: b.calls.append(Call("stranger", "twilio")), "refusals"),
        (lambda b: b.counted.update({("bridge_calls_refused_total", "reason", "busy"): 1}), "calls refused"),
        (lambda b: b.counted.update({("bridge_finals_lost_total", "", ""): 1}), "finals of bots"),
        (lambda b: b.lines.remove(LINES[1]), "finals of bots"),
        (lambda b: b.counted.update({("bridge_replies_failed_total", "", ""): 1}), "failed answers"),
        (lambda b: b.lines.append(LINES[2]), "each bot told once of the end"),
        (lambda b: b.lines.append(LINES[1]), "each sentence"),
        (swap, "each sentence"),
        (lambda b: setattr(b.calls[0], "gaps", 1), "no gap"),
        (lambda b: setattr(b.calls[0], "heard_ms", [None]), "healthy calls answered"),
        (lambda b: setattr(b.calls[0], "heard_ms", [2500.0]), "healthy calls answered"),
        (slow, "healthy calls answered"),
        (lambda b: setattr(b.calls[0], "failed", "not greeted"), "each call went"),
    ],
)
def test_what_is_wrong_fails_a_claim(spoil: Callable[[Books], object], failing: str, tmp_path: Path) -> None:
    books = Books()
    spoil(books)
    assert any(text.startswith(failing) for text in books.failing(tmp_path))


@pytest.mark.parametrize("does", Does)
def test_a_wire_that_names_calls_by_uuid_loses_nothing_of_the_name(does: Does) -> None:
    name = ident(does, 1234)
    assert name_of(str(UUID(int=uuid_of(name)))) == name_of(name) == name


@pytest.mark.parametrize(
    ("waited_ms", "others_ms", "let_down"),
    [(45.0, 5.0, True), (5.0, 0.0, False), (45.0, 90.0, False)],
    ids=["by the machine", "not at all", "by its own threads"],
)
def test_a_server_that_waits_for_a_processor_is_told_from_one_that_holds_itself_up(
    waited_ms: float, others_ms: float, let_down: bool
) -> None:
    watch = ProcessorWatch(1)
    for number in range(200):
        late = number >= 100  # after 2 s
        watch.add(Used(number * 0.02, waited_ms if late else 0.0, others_ms if late else 0.0))
    assert watch.let_down(2.05) is watch.let_down(2.2) is let_down
    assert not watch.let_down(1.5) and not watch.let_down(3.5), "it is the wait near a gap that counts"


def test_what_the_system_does_not_tell_excuses_nothing() -> None:
    assert not ProcessorWatch(1).let_down(1.0)


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel keeps no such account")
def test_the_account_of_a_process_is_read() -> None:
    seen = used(os.getpid(), 1.0)
    assert seen.at_s == 1.0 and seen.waited_ms >= 0 and seen.others_ms > -50, "in steps of 10 ms"
