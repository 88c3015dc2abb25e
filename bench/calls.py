"""What a caller would notice, and what a call costs: real calls over the Twilio wire against the real server.

    python bench/calls.py [--quick] [--json FILE]

The telephone runs in this process and the server in one of its own. A run in which the telephone's own frames were
late (p99 above 5 ms) says so: its latencies are upper bounds.
"""

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import socket
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from asr import hear, spelled
from denoiser import measure as measure_denoiser
from integration.recordings import Prompt, prompts, word_error_rate
from integration.server import Server, serve

from bridge.phone import dial
from bridge.speech.backends.whisper import WhisperAsr
from bridge.telephone import MAX_LATE_MS, CallFigures, Recording, call, load_test, speech_span

HERE: Final = Path(__file__).resolve().parent
STUBS: Final = ("--asr", "stubs:InstantAsr", "--tts", "stubs:InstantTts", "--bot", "stubs:Talker")
TICKS: Final = os.sysconf("SC_CLK_TCK")

Results = dict[str, dict[str, float | str]]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far."""

    cpu_s: float
    rss_mb: float


def usage(server: Server) -> Usage:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return Usage((int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6)


def recordings(said: Sequence[Prompt]) -> list[Recording]:
    return [Recording(prompt.name, prompt.mulaw, *speech_span(prompt.audio)) for prompt in said]


def spread(values: Sequence[float | None]) -> dict[str, float | str]:
    known = [value for value in values if value is not None]
    if not known:
        return {"n": 0}
    return {
        "p50": round(statistics.median(known)),
        "p95": round(float(np.percentile(known, 95))),
        "max": round(max(known)),
        "n": len(known),
    }


def late(figures: Sequence[CallFigures]) -> str:
    """Return how late this process was, where it was too late to tell the whole truth."""
    late_ms = max(figure.late_p99_ms for figure in figures)
    return f"telephone late {late_ms:.0f} ms (p99)" if late_ms > MAX_LATE_MS else ""


async def turns(server: Server, said: Sequence[Recording], name: str) -> Results:
    """End of speech to the answer, one call after the other."""

    groups = [said[i : i + 10] for i in range(0, len(said), 10)]
    figures = [(await call(server.twilio, group, number=i))[0] for i, group in enumerate(groups)]
    note = late(figures)
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
    note = late(figures)
    done = [turn for figure in figures for turn in figure.turns[1:]]
    return {
        f"{name}: barge-in -> clear, ms": {**spread([t.clear_ms for t in done]), "note": note},
        f"{name}: barge-in -> silence, ms": {**spread([t.silent_ms for t in done]), "note": note},
        f"{name}: barge-ins missed": {"n": sum(t.clear_ms is None for t in done), "of": len(done)},
    }


async def hold(server: Server, *, calls: int, seconds: float, speech: bytes = b"") -> float:
    """Keep `calls` calls up, silent or talking without end; return CPU-seconds a call-minute."""

    async def one(number: int) -> None:
        async with dial(server.twilio, call_sid=f"CA{number:032d}") as phone:
            if speech:
                phone.babble(speech)
            await phone.until(lambda: phone.now_ms > seconds * 1000, timeout_s=seconds + 10)

    before = usage(server)
    await asyncio.gather(*(one(number) for number in range(calls)))
    return (usage(server).cpu_s - before.cpu_s) / (calls * seconds / 60)


async def costs(server: Server, said: Sequence[Recording], *, seconds: float) -> Results:
    """CPU and memory of calls that say nothing and of calls that never stop talking."""
    speech = b"".join(recording.mulaw[recording.begins_ms * 8 : recording.ends_ms * 8] for recording in said)
    empty = usage(server).rss_mb
    idle = await hold(server, calls=5, seconds=seconds)
    one = usage(server).rss_mb
    talking = await hold(server, calls=4, seconds=seconds, speech=speech)
    grown: list[float] = []

    async def watch() -> None:
        await asyncio.sleep(seconds / 2)
        grown.append(usage(server).rss_mb)

    before = usage(server)
    await asyncio.gather(hold(server, calls=40, seconds=seconds), watch())
    return {
        "CPU-s a call-minute": {"idle": round(idle, 2), "talking, no ASR": round(talking, 2)},
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
            await phone.until(lambda phone=phone: phone.now_ms > 25)  # type: ignore[misc]
    mean_ms = (usage(server).cpu_s - before.cpu_s) * 1000 / count
    return {"set-up and tear-down of a call, CPU ms": {"mean": round(mean_ms, 1)}}


async def crowd(server: Server, said: Sequence[Recording], *, calls: int, name: str) -> Results:
    """Many calls at once: what each of them notices of the others."""
    before = usage(server)
    pairs = await load_test(server.twilio, said[:3], calls=calls, ramp_s=3.0)
    figures = [figure for figure, _ in pairs]
    done = [turn for figure in figures for turn in figure.turns]
    minutes = sum(len(record.caller) for _, record in pairs) / 8000 / 60
    return {
        f"{calls} calls at once, {name}": {
            "gaps": sum(figure.gaps for figure in figures),
            "never answered": sum(turn.heard_ms is None for turn in done),
            **{f"heard {key}": value for key, value in spread([turn.heard_ms for turn in done]).items() if key != "n"},
            "CPU-s a call-minute": round((usage(server).cpu_s - before.cpu_s) / minutes, 2),
            "note": late(figures),
        }
    }


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
        bare = await hold(Server(process, f"127.0.0.1:{port}"), calls=5, seconds=seconds)
        bridge = await hold(server, calls=5, seconds=seconds)
    finally:
        process.terminate()
        await process.wait()
    return {"idle call beside a bare echo server": {"echo": round(bare, 2), "bridge": round(bridge, 2)}}


def machine() -> dict[str, str]:
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    versions = ("voice-bridge", "aiohttp", "numpy", "onnxruntime", "ctranslate2", "hibari-tts")
    return {
        "cpu": f"{os.cpu_count()} x {model}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "models": "Silero 6.2, Whisper tiny.en int8, hibari heart",
        "versions": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions),
    }


async def run(*, quick: bool) -> Results:
    said = recordings(prompts(12 if quick else 34, shortest_s=1.3, longest_s=5.0))
    seconds = 10.0 if quick else 30.0
    results: Results = {}

    def note(more: Results) -> None:
        results.update(more)
        for name, values in more.items():
            print(f"{name:<58}", "  ".join(f"{k} {v}" for k, v in values.items() if v != ""), flush=True)

    async with serve("--log-level", "WARNING") as server:
        note(await turns(server, said, "real models"))
        note(await crowd(server, said, calls=4, name="real models"))
    async with serve("--log-level", "WARNING", "--bot", "stubs:Lecturer", cwd=HERE) as server:
        note(await barge_ins(server, said, "real models"))
    async with serve("--log-level", "WARNING", *STUBS, cwd=HERE) as server:
        note(await turns(server, said, "instant stubs"))
        note(await set_up(server))
        for calls in (20,) if quick else (20, 60):
            note(await crowd(server, said, calls=calls, name="instant stubs"))
    stubs = ("--asr", "stubs:InstantAsr", "--tts", "stubs:InstantTts", "--bot", "stubs:Silent")
    async with serve("--log-level", "WARNING", *stubs, cwd=HERE) as server:
        note(await floor(server, seconds=seconds))
        note(await costs(server, said, seconds=seconds))
    note(await words(quick=quick))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer turns, shorter holds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    flags = parser.parse_args()
    about = machine()
    print("\n".join(f"{name:<9} {value}" for name, value in about.items()), end="\n\n")
    results = asyncio.run(run(quick=flags.quick))
    if flags.json:
        flags.json.write_text(json.dumps({"machine": about, "results": results}, indent=1))


if __name__ == "__main__":
    main()
