"""What a recording costs: the CPU of the event loop and of the thread that writes, for each minute of a call.

    python bench/recording.py [--calls 40]

Calls with 20 ms packets of mu-law both ways, in virtual time, as fast as they can be written.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import numpy as np

from bridge.recording.consent import Consent
from bridge.recording.recorder import CallRecording, Recorder
from telephony.codec import encode
from telephony.events import AudioFormat, Encoding

MULAW = AudioFormat(Encoding.MULAW, 8000)


async def measure(calls: int, folder: Path) -> None:
    """Record a minute of `calls` calls, and print what it cost."""
    frame = encode((0.3 * np.sin(np.arange(160) * 0.3)).astype(np.float32), Encoding.MULAW)
    now_ms = 0.0
    with Recorder() as recorder:
        made = [
            CallRecording(recorder, folder / f"{i}.wav", MULAW, consent=Consent(""), clock_ms=lambda: now_ms)
            for i in range(calls)
        ]
        began, ours = time.process_time(), 0.0
        for second in range(60):
            at = time.thread_time()
            for packet in range(50):
                now_ms = (second * 50 + packet + 1) * 20
                for recording in made:
                    recording.heard(frame, int(now_ms) - 20)
                    recording.play(frame)
            ours += time.thread_time() - at
            while recorder.waiting > calls:  # noqa: ASYNC110 - a thread makes room, and tells nobody
                await asyncio.sleep(0.001)
        done = [await recording.close() for recording in made]
        spent = time.process_time() - began
    assert not any(each.lost_ms or each.failure for each in done)
    print(f"{calls} calls: {ours / calls * 1000:.1f} ms of the event loop, {spent / calls * 1000:.1f} ms of CPU in all")
    print("for each minute of a call")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=40)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(parser.parse_args().calls, Path(folder)))


if __name__ == "__main__":
    main()
