"""The settings of a server, shared out among its workers."""

import os
from pathlib import Path

import pytest

from bridge.cluster.workers.sharing import has_ports, of_worker, refusals, workers_of
from bridge.settings import Settings


def test_auto_is_a_worker_for_each_core_that_this_process_may_use() -> None:
    assert workers_of(Settings(workers="auto")) == len(os.sched_getaffinity(0))
    assert workers_of(Settings()) == 1 and workers_of(Settings(workers=3)) == 3


def test_threads_are_those_of_the_server_and_each_worker_has_one_at_least() -> None:
    settings = Settings(asr_threads=8, denoiser_threads=2)
    second = of_worker(settings, 2, of=4)
    assert (second.asr_threads, second.denoiser_threads) == (2, 1)


def test_only_the_first_worker_has_what_no_second_process_can_have() -> None:
    settings = Settings(sip=True, ari_url="http://pbx:8088")
    first, second = of_worker(settings, 1, of=2), of_worker(settings, 2, of=2)
    assert has_ports(settings) and has_ports(first) and not has_ports(second)
    assert not has_ports(Settings())


@pytest.mark.parametrize(
    ("given", "fix"),
    [({"handover_socket": Path("/run/next")}, "SIGUSR2"), ({"asr": ("whisper", "vllm")}, "--asr openai --asr-url")],
)
def test_what_several_workers_cannot_do_is_refused_with_what_to_do_instead(given: dict[str, object], fix: str) -> None:
    (line,) = refusals(Settings(workers=2).model_copy(update=given))
    assert fix in line
    assert not list(refusals(Settings(workers=2)))
