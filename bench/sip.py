"""What a SIP call costs and how late the bridge makes it: sipp's calls with speech, and one timed from mouth to ear.

    python bench/sip.py [--calls 100] [--seconds 20] [--json build/sip.json]

The bridge's SIP side runs without models and says back what it hears: what is measured is the wire and nothing else.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from integration.recordings import prompt
from integration.sip_peers import Desk, baresip, place, sip
from integration.sipp import pcap, sipp, talk
from prometheus_client.parser import text_string_to_metric_families


async def load(calls: int, seconds: float, folder: Path) -> dict[str, float]:
    """Return what `calls` at once cost, each of which speaks for `seconds` and is spoken to as long."""
    speech = (prompt("demo-congrats").mulaw * 10)[: int(seconds * 8000)]
    await asyncio.to_thread(pcap, folder / "speech.pcap", speech)
    desk = Desk(echo=True)
    async with sip(desk, sip_max_calls_per_second=100, max_calls=calls) as (link, port):
        before, ours = _cpu_s(link.pid), _own_cpu_s()
        script = talk(folder / "speech.pcap", talk_ms=round(seconds * 1000))
        await sipp(folder, script, port, calls=calls, timeout_s=seconds + 60)
        for taken in desk.calls:
            await taken.over.wait()
        process_s, bridge_s = _cpu_s(link.pid) - before, _own_cpu_s() - ours
    told = _counters(desk)
    return {
        "calls": len(desk.calls),
        "process_percent_per_call": 100 * process_s / (calls * seconds),
        "bridge_percent_per_call": 100 * bridge_s / (calls * seconds),
        "late_frames": told["bridge_sip_late_frames_total"],
        "packets": told["bridge_sip_packets_total"],
        "packets_lost": told["bridge_sip_packets_lost_total"],
        "concealed_ms": told["bridge_sip_concealed_ms_total"],
    }


async def round_trip(folder: Path) -> dict[str, float]:
    """Return how long after a telephone said something it hears it said back, in milliseconds."""
    said = (prompt("vm-intro").audio * 32767).astype(np.int16)
    audio = np.concatenate((np.zeros(8000, np.int16), said, np.zeros(16000, np.int16)))
    desk = Desk(echo=True)
    async with sip(desk) as (_, port), baresip(folder / "phone", audio, dial=f"sip:1@127.0.0.1:{port}") as phone:
        await (await desk.call()).over.wait()
        await phone.end()
        sent, heard = await asyncio.to_thread(phone.said), await asyncio.to_thread(phone.heard)
    there, back = place(said, sent)[0], place(said, heard)[0]
    # Both recordings begin with the call, within a packet or two of each other.
    return {"round_trip_ms": (back - there) / 8}


def _counters(desk: Desk) -> dict[str, float]:
    families = text_string_to_metric_families(desk.metrics.text().decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


def _cpu_s(pid: int | None) -> float:
    """Return the processor time of a process so far (man 5 proc: fields 14 and 15, in ticks)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0, help="that each call lasts")
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = await round_trip(Path(name)) | await load(flags.calls, flags.seconds, Path(name))
    for name, value in figures.items():
        print(f"{name:28}{value:10.2f}")
    if flags.json:
        await asyncio.to_thread(flags.json.write_text, json.dumps(figures, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
