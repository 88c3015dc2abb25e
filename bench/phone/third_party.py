"""Third parties' tools measure the bridge: voicebench over `/talk`, and streamdouble over Twilio's dialect.

    python -m phone.third_party

A check of our own figures. Both are run unchanged, from an environment of their own; what they print is printed.
voicebench says ten recordings, two interruptions and a cough; streamdouble says a recording, interrupts a story and
counts what is against the protocol.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Final

import numpy as np

from bot.api import Samples
from phone import material, scenarios
from phone.processes import KINDS, ROOT, DidNotStart, Local, started

TOOLS: Final = ROOT / ".venv-bench-tools" / "bin"
FOLDER: Final = ROOT / "build" / "bench-phone" / "third-party"
SAID: Final = 10
STORY: Final = "hibari:Please tell me the whole story."
STOP: Final = "hibari:Stop, please. I have another question."
LEAD_MS: Final = 200
"""Silence before and behind each sound."""


def wav(source: str, sounds: dict[str, Samples]) -> str:
    """Write a sound; return its file's name."""
    quiet = np.zeros(8 * LEAD_MS, np.float32)
    padded = {source: np.concatenate([quiet, sounds[source], quiet])}
    material.save(padded, FOLDER)
    return (FOLDER / "sounds.txt").read_text().split()[0] + ".wav"


def conversation(recordings: Sequence[str], sounds: dict[str, Samples]) -> str:
    """Return a scenario of voicebench; JSON is YAML."""

    def turn(name: str, source: str, after: str, delay_ms: int, **more: object) -> dict[str, object]:
        return {
            "id": name,
            "audio": {"file": wav(source, sounds)},
            "start": {"after": after, "delay_ms": delay_ms},
            **more,
        }

    turns = [turn(f"said-{n}", source, "agent_speech_end", 1000) for n, source in enumerate(recordings, start=1)]
    for n in (1, 2):
        turns.append(turn(f"story-{n}", STORY, "agent_speech_end", 1000))
        turns.append(turn(f"stop-{n}", STOP, "agent_speech_start", 2600, expect="stop"))
    turns.append(turn("story-3", STORY, "agent_speech_end", 1000))
    turns.append(turn("cough", "cough:1", "agent_speech_start", 2600, expect="ignore"))
    return json.dumps(
        {
            "name": "bridge",
            "sample_rate": 16_000,
            "max_duration_ms": 240_000,
            "adapter": {
                "type": "websocket",
                "options": {"start_message": {"type": "config", "encoding": "int16", "language": "English"}},
            },
            "defaults": {"response_timeout_ms": 10_000},
            "turns": turns,
        },
        indent=1,
    )


def script(recording: str, sounds: dict[str, Samples]) -> str:
    """Return a scenario of streamdouble; JSON is YAML."""
    story, stop = wav(STORY, sounds), wav(STOP, sounds)
    spoken: list[object] = [{"wait": 5}, {"say": wav(recording, sounds)}, {"wait": 5}]
    interrupted: list[object] = [{"say": story}, {"wait": 3}, {"say": stop}, {"expect": "clear"}, {"wait": 4}, "hangup"]
    return json.dumps({"name": "bridge", "steps": spoken + interrupted})


async def tool(*command: str) -> int:
    """Run a tool in the folder of its files; return its exit status."""
    print(f"\n$ {' '.join(command)}", flush=True)
    process = await asyncio.create_subprocess_exec(str(TOOLS / command[0]), *command[1:], cwd=FOLDER)
    return await process.wait()


async def measure(local: Local) -> int:
    """Let both tools call the server; return how many of their runs failed."""
    public = scenarios.load()
    recordings = [sound for sound in public.sounds() if sound.startswith("recording:")][:SAID]
    made = await material.Material(public.seed).make([*recordings, STORY, STOP, "cough:1"])
    sounds = dict(made)
    await asyncio.to_thread(FOLDER.mkdir, parents=True, exist_ok=True)
    text = conversation(recordings, sounds)
    await asyncio.to_thread((FOLDER / "bridge.yaml").write_text, text)
    talk = local.url.replace("/twilio/stream", "/talk")
    failed = await tool("voicebench", "run", "bridge.yaml", "--url", talk, "--no-write")
    await asyncio.to_thread((FOLDER / "streamdouble.yaml").write_text, script(recordings[0], sounds))
    return failed + await tool("streamdouble", "scenario", "streamdouble.yaml", local.url)


async def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    try:
        async with started(KINDS["bridge"], ROOT / "build" / "bench-phone") as local:
            failed = await measure(local)
    except DidNotStart as error:
        sys.exit(str(error))
    sys.exit(bool(failed))


if __name__ == "__main__":
    asyncio.run(main())
