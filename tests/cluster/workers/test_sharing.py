"""The settings of a server, shared out among its workers."""

import os
from pathlib import Path

from bridge.cluster.workers.sharing import has_ports, of_worker, shares_engines, workers_of
from bridge.settings import Settings

ENGINES = Path("/run/bridge/engines")


def test_auto_is_a_worker_for_each_core_that_this_process_may_use() -> None:
    assert workers_of(Settings(workers="auto")) == len(os.sched_getaffinity(0))
    assert workers_of(Settings()) == 1 and workers_of(Settings(workers=3)) == 3


def test_threads_are_those_of_the_server_and_each_worker_has_one_at_least() -> None:
    settings = Settings(asr_threads=8, denoiser_threads=2)
    second = of_worker(settings, 2, of=4, engines=ENGINES)
    assert (second.asr_threads, second.denoiser_threads) == (2, 1)


def test_only_the_first_worker_has_what_no_second_process_can_have() -> None:
    settings = Settings(sip=True, ari_url="http://pbx:8088")
    first, second = (of_worker(settings, n, of=2, engines=ENGINES) for n in (1, 2))
    assert has_ports(settings) and has_ports(first) and not has_ports(second)
    assert not has_ports(Settings())


def test_an_engine_that_a_machine_holds_once_is_asked_by_all_workers_in_a_process_of_its_own() -> None:
    settings = Settings(asr=("vllm",), asr_model_path="Qwen/Qwen3-ASR-0.6B")
    for number in 1, 2:
        of_it = of_worker(settings, number, of=2, engines=ENGINES)
        assert of_it.asr_model_path == str(ENGINES) and "vllm" not in of_it.asr
    assert shares_engines(settings) and not shares_engines(Settings(asr=("whisper",)))
    assert of_worker(Settings(asr=("whisper",)), 1, of=2, engines=ENGINES).asr == ("whisper",)


def test_the_port_is_handed_over_by_the_supervisor_and_by_no_worker() -> None:
    settings = Settings(workers=2, handover_socket=Path("/run/next"))
    assert not any(of_worker(settings, n, of=2, engines=ENGINES).handover_socket for n in (1, 2))
