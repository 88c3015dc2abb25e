"""What a caller would notice, and what a call costs: real calls over the Twilio wire against the real server.

    python bench/calls.py [--quick] [--json FILE]

The telephone runs in this process and the server in one of its own. A run in which the telephone's own frames were
late (p99 above 5 ms) says so: its latencies are upper bounds.
"""

import argparse
import asyncio
import socket
import statistics
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from asr import hear, spelled
from capacity import converse, ramp, stream
from conversations import attempt
from denoiser import measure as measure_denoiser
from figures import announce, keep, machine
from finals import finals
from gauge import Results, hold, late, spread, usage
from integration.recordings import prompts, recordings, without_pauses, word_error_rate
from integration.server import Server, serve

from bridge.commands.call import call
from bridge.commands.phone.simulated_phone import SimulatedPhone, dial
from bridge.commands.recording import Recording
from bridge.speech.backends.whisper import WhisperAsr

HERE: Final = Path(__file__).resolve().parent
QUIET: Final = (
    *("--log-level", "WARNING", "--no-input-timeout", "0"),  # idle callers are measured, not asked
    *("--load-final-wait", "0", "--load-loop-lag", "0", "--max-calls", "1000"),  # and so is too much load
)
STUBS: Final = ("--asr", "stubs:InstantAsr", "--tts", "stubs:InstantTts")


async def turns(server: Server, said: Sequence[Recording], name: str) -> Results:
    """End of speech to the answer, one call after the other."""

    groups = [said[i : i + 10] for i in range(0, len(said), 10)]
    figures = [(await call(server.twilio, group, number=i))[0] for i, group in enumerate(groups)]
    note = late([figure.late_p99_ms for figure in figures])
    done = [turn for figure in figures for turn in figure.turns]
    return {
        f"{name}: speech end -> first audio received, ms": {**spread([t.first_audio_ms for t in done]), "note": note},
        f"{name}: speech end -> first audio heard, ms": {**spread([t.heard_ms for t in done]), "note": note},
        f"{name}: answered": {
            "too early": sum(t.heard_ms is not None and t.heard_ms < 0 for t in done),
            "too late (> 2 s)": sum(t.heard_ms is not None and t.heard_ms > 2000 for t in done),
            "never": sum(t.heard_ms is None for t in done),
            "gaps": sum(figure.gaps for figure in figures),
        },
    }


async def barge_ins(server: Server, said: Sequence[Recording], name: str) -> Results:
    """Onset of the caller's speech to clear and to silence, while the bot lectures."""
    groups = [said[i : i + 9] for i in range(0, len(said), 8)]
    figures = [(await call(server.twilio, group, number=i, barge_in_ms=1200))[0] for i, group in enumerate(groups)]
    note = late([figure.late_p99_ms for figure in figures])
    done = [turn for figure in figures for turn in figure.turns[1:]]
    return {
        f"{name}: barge-in -> clear, ms": {**spread([t.clear_ms for t in done]), "note": note},
        f"{name}: barge-in -> silence, ms": {**spread([t.silent_ms for t in done]), "note": note},
        f"{name}: barge-ins missed": {"n": sum(t.clear_ms is None for t in done), "of": len(done)},
    }


async def costs(server: Server, said: Sequence[Recording], *, seconds: float) -> Results:
    """CPU and memory of calls that say nothing and of callers who never stop talking."""
    empty = usage(server).rss_mb
    idle, _ = await hold(server, calls=5, seconds=seconds)
    one = usage(server).rss_mb
    talking, _ = await hold(server, calls=4, seconds=seconds, speech=without_pauses(said))
    grown: list[float] = []

    async def watch() -> None:
        await asyncio.sleep(seconds / 2)
        grown.append(usage(server).rss_mb)

    before = usage(server)
    (many, _), _ = await asyncio.gather(hold(server, calls=40, seconds=seconds), watch())
    talking_many, _ = await hold(server, calls=40, seconds=seconds, speech=without_pauses(said))
    return {
        "CPU-s a call-minute": {
            "idle": round(idle, 2),
            "idle, 40 calls": round(many, 2),
            "listening (caller talks), no ASR": round(talking, 2),
            "listening, 40 calls": round(talking_many, 2),
        },
        "memory, MB": {
            "server": round(empty),
            "after 5 calls": round(one),
            "each further call": round((grown[0] - before.rss_mb) / 40, 2),
        },
    }


async def set_up(server: Server) -> Results:
    """CPU of a call that begins and ends at once."""
    count = 100
    before = usage(server)
    for number in range(count):
        async with dial(server.twilio, call_sid=f"CA{number:032d}") as phone:
            await _first_audio(phone)
    mean_ms = (usage(server).cpu_s - before.cpu_s) * 1000 / count
    return {"set-up and tear-down of a call, CPU ms": {"mean": round(mean_ms, 1)}}


async def _first_audio(phone: SimulatedPhone) -> None:
    await phone.until(lambda: phone.now_ms > 25)


async def words(*, quick: bool) -> Results:
    """Word error rate on clean and noisy telephone audio, with and without the denoiser."""
    asr = await asyncio.to_thread(WhisperAsr.load)
    heard = await hear(asr, prompts(30 if quick else 120, shortest_s=1.0, longest_s=29.0))
    await asyncio.to_thread(asr.close)
    rate = word_error_rate([spelled(h.prompt.text) for h in heard], [spelled(h.text) for h in heard])
    results: Results = {
        "clean telephone audio": {
            "word errors, %": round(100 * rate, 1),
            "decode, CPU ms": round(statistics.median(h.cpu_ms for h in heard)),
            "n": len(heard),
        }
    }
    for row in await measure_denoiser(5 if quick else 10):
        name = row.noise if row.noise == "clean" else f"{row.noise} {row.snr_db} dB"
        limit = f"denoised, {row.limit_db} dB" if row.limit_db else "raw"
        results[f"{name}, {limit}"] = {
            "word errors, %": round(100 * row.word_error_rate, 1),
            "VAD found, %": round(100 * row.vad_true_positive_rate, 1),
            "VAD false, %": round(100 * row.vad_false_positive_rate, 1),
        }
    return results


async def floor(server: Server, *, seconds: float) -> Results:
    """A bare echo of every frame beside the same idle calls on the bridge."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(sys.executable, str(HERE / "floor.py"), str(port))
    try:
        await asyncio.sleep(2)
        echo = Server(process, f"127.0.0.1:{port}")
        (bare, _), (bridge, _) = await asyncio.gather(*(hold(s, calls=5, seconds=seconds) for s in (echo, server)))
    finally:
        process.terminate()
        await process.wait()
    ratio = round(bridge / bare, 2)
    return {"idle call beside a bare echo server": {"echo": round(bare, 2), "bridge": round(bridge, 2), "ratio": ratio}}


async def run(*, quick: bool) -> Results:
    said = recordings(prompts(12 if quick else 34, shortest_s=1.3, longest_s=5.0))
    seconds = 10.0 if quick else 30.0
    results: Results = {}

    def note(more: Results) -> None:
        results.update(more)
        for name, values in more.items():
            print(f"{name:<58}", "  ".join(f"{k} {v}" for k, v in values.items() if v != ""), flush=True)

    async with serve(*QUIET) as server:
        note(await turns(server, said, "real models"))
        note(await finals(server, said, "real models"))
        few = (2, 4, 8) if quick else (2, 4, 8, 16, 30)
        await ramp("embedded engine", few, partial(converse, server, said[:3]), budget_s=150, note=note)
        many = (20, 40) if quick else (40, 80, 100, 150)
        await ramp("four turns, real models", many, partial(attempt, server), budget_s=240, note=note)
    async with serve(*QUIET, "--bot", "stubs:Lecturer", cwd=HERE) as server:
        note(await barge_ins(server, said, "real models"))
    async with serve(*QUIET, *STUBS, "--bot", "stubs:Talker", cwd=HERE) as server:
        note(await turns(server, said, "instant stubs"))
        note(await finals(server, said, "instant stubs"))
        note(await set_up(server))
        many = (20, 60) if quick else (20, 40, 60, 80)
        await ramp("VAD, instant stubs", many, partial(converse, server, said[:3]), budget_s=150, note=note)
    async with serve(*QUIET, *STUBS, "--bot", "stubs:Orator", cwd=HERE) as server:
        cpu_s, _ = await hold(server, calls=4, seconds=seconds)
        note({"CPU-s a call-minute, talking (the bot, without end)": {"n": round(cpu_s, 2)}})
    async with serve(*QUIET, *STUBS, "--bot", "stubs:Orator", "--vad", "stubs:NoVad", cwd=HERE) as server:
        media = partial(stream, server, without_pauses(said), seconds=10.0)
        await ramp("media plane, no VAD", (60,) if quick else (30, 60, 90, 120), media, budget_s=90, note=note)
    async with serve(*QUIET, *STUBS, "--bot", "stubs:Silent", cwd=HERE) as server:
        note(await floor(server, seconds=seconds))
        note(await costs(server, said, seconds=seconds))
    note(await words(quick=quick))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer turns, shorter holds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    flags = parser.parse_args()
    about = {**machine(), "models": "Silero 6.2, Whisper tiny.en int8, hibari heart"}
    announce(about)
    results = asyncio.run(run(quick=flags.quick))
    keep(flags.json, about, results)


if __name__ == "__main__":
    main()
