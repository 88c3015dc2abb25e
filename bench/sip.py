"""What a SIP call costs and how late the bridge makes it: sipp's calls with speech, and one timed from mouth to ear.

    python bench/sip.py [--calls 100] [--seconds 20] [--json build/sip.json]

The bridge's SIP side runs without models and says back what it hears: what is measured is the wire and nothing else.
Of lines that hold packets back and deliver them at once it is told which part of the speech arrives, and of a calm line
how long a packet takes to be the bridge's. `--calls 0` leaves the load out.
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

from integration.by_hand import opened
from integration.called_by_hand import arrived, called
from integration.recordings import prompt
from integration.rtp_source import RtpSource
from integration.sip_peers import Desk, Taken, baresip, place, sip
from integration.sipp import pcap, sipp, talk
from prometheus_client.parser import text_string_to_metric_families

from telephony.events import Media


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


BURSTS = ((3, 0), (5, 0), (10, 0), (3, 20), (5, 20), (10, 20))
"""Packets that are held back, and those that come as they are sent until the next."""


async def bursts() -> dict[str, float]:
    """Return which part of the speech is heard of lines that hold packets back."""
    speech, figures = prompt("vm-intro").mulaw, dict[str, float]()
    for burst, calm in ((1, 0), *BURSTS):
        desk = Desk()
        with opened() as wire, RtpSource.at("127.0.0.1") as phone:
            async with sip(desk) as (_, port), called(wire, desk, port, media=phone.port) as call:
                await phone.say(call.rtp, speech, burst=burst, calm=calm)
                await asyncio.sleep(0.3)  # what is on its way
        figures[f"arrived_{burst}_after_{calm}"] = arrived(speech, call.taken.heard)
        figures[f"concealed_ms_{burst}_after_{calm}"] = _counters(desk)["bridge_sip_concealed_ms_total"]
    return figures


class _Stopwatch(Desk):
    """Notes when it first hears something loud, again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.heard_at_s: list[float] = []

    async def _follow(self, taken: Taken) -> None:
        clock_s = asyncio.get_running_loop().time
        async for event in taken.leg:
            if isinstance(event, Media) and np.abs(np.frombuffer(event.payload, "<i2").astype(int)).max() > 10_000:
                self.heard_at_s.append(clock_s())


async def delay(packets: int = 100) -> dict[str, float]:
    """Return how long after its packet was sent audio is the bridge's, on a calm line, in milliseconds."""
    desk, clock_s, sent_at_s = _Stopwatch(), asyncio.get_running_loop().time, list[float]()
    with opened() as wire, RtpSource.at("127.0.0.1") as phone:
        async with sip(desk) as (_, port), called(wire, desk, port, media=phone.port) as call:
            await phone.say(call.rtp, b"\xff" * 8000)
            began_s = clock_s()
            for number in range(10 * packets):
                loud = number % 10 == 5
                phone.put(call.rtp, phone.packet(payload=(b"\x10\x90" if loud else b"\xff\xff") * 80))
                if loud:
                    sent_at_s.append(clock_s())
                # a little more than 20 ms each time: every place within the tick of the other side
                await asyncio.sleep(max(0.0, began_s + (number + 1) * 0.0201 - clock_s()))
    heard = [next((at for at in desk.heard_at_s if at > sent), sent) - sent for sent in sent_at_s[:-1]]
    return {f"delay_p{part}_ms": 1000 * float(np.percentile(heard, part)) for part in (50, 95)}


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
        figures = await bursts() | await delay() | await round_trip(Path(name))
        if flags.calls:
            figures |= await load(flags.calls, flags.seconds, Path(name))
    for name, value in figures.items():
        print(f"{name:28}{value:10.2f}")
    if flags.json:
        await asyncio.to_thread(flags.json.write_text, json.dumps(figures, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
