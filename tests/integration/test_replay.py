"""Real calls that are kept whole do in their replay what they did, with a real recogniser and voice."""

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest
from integration.recordings import FOLDER, prompts
from integration.server import Server, serve
from integration.sip_peers import free_port
from soaking.lines import Place, open_line

from bridge.commands.call import call, converse
from bridge.commands.phone.line_faults import Fault
from bridge.commands.phone.simulated_phone import on_line
from bridge.commands.recording import Recording, load
from bridge.replay.judging import Comparison, judge
from bridge.replay.live.parts import LivePart, LiveParts
from bridge.replay.report import told
from bridge.replay.rerun import Parts
from bridge.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOLERANCE_MS = 200
"""The loop of a server is late where the machine is busy, and that of a replay never is."""


def log_of(folder: Path) -> dict[str, str]:
    return {"BRIDGE_STATE_DIR": str(folder), "BRIDGE_RECORDS": f"sqlite:///{folder / 'calls.db'}"}


def said(first: int, count: int) -> list[Recording]:
    return [load(FOLDER / f"{each.name}.wav") for each in prompts(first + count, longest_s=3.5)[first:]]


def records(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*/*.wire.gz"))


async def ended(server: Server, calls: int) -> None:
    async with asyncio.timeout(10):
        while server.log.count("call ended") < calls:
            server.more.clear()
            await server.more.wait()


async def judged(folder: Path) -> Sequence[Comparison]:
    """Replay what a server has kept, once that has ended: it writes to its end."""
    found = await asyncio.to_thread(records, folder)
    return [await asyncio.to_thread(judge, path, tolerance_ms=TOLERANCE_MS) for path in found]


def finals(found: Comparison) -> list[object]:
    return [event["text"] for event in found.events if event["what"] == "final" and event["text"]]


def same(found: Comparison) -> bool:
    """Fail with what is otherwise; but a loop that was late when it was interrupted may have heard one word more."""
    assert not found.guessed and not found.remarks, found.remarks
    otherwise = [each for each in found.differences if not (each.before and each.after and each.what == "bot heard")]
    assert not otherwise, "\n".join(told(found))
    for each in found.differences:
        assert each.before and each.after
        texts = [f"{event['text']} {event['unheard']}".split() for event in (each.before, each.after)]
        assert texts[0] == texts[1], "\n".join(told(found))
    return True


async def over(wire: str, place: Place, recordings: Sequence[Recording]) -> None:
    async with open_line(wire, place, f"over-{wire}") as line, on_line(line) as phone:
        await converse(phone, recordings)


async def test_real_calls_over_several_wires_with_faults_replay_to_the_same_events(tmp_path: Path) -> None:
    folder, port = tmp_path / "wire", free_port()
    flags = ("--record-wire", str(folder), "--audiosocket-port", str(port))
    async with serve(*flags, env=log_of(tmp_path)) as server:
        place = Place(server.http, port)
        await asyncio.gather(
            call(server.twilio, said(0, 2), number=1, barge_in_ms=700),
            call(server.twilio, said(2, 1), number=2, fault=Fault.ABRUPT),
            over("talk", place, said(3, 1)),
            over("audiosocket", place, said(4, 1)),
        )
        await ended(server, 4)
    found = await judged(folder)
    assert len(found) == 4 and all(map(same, found))
    assert any(event["what"] == "barge-in" for each in found for event in each.events)
    await _the_recogniser_hears_the_same(max(found, key=lambda each: len(each.before.words)))
    await _deleted_with_its_call(tmp_path, folder, found[0])


async def _the_recogniser_hears_the_same(kept: Comparison) -> None:
    """Ask the real one: it hears the same words in the same audio."""

    def live() -> Comparison:
        parts = LiveParts([LivePart.ASR, LivePart.TTS, LivePart.BOT], Settings())
        try:
            return judge(kept.path, Parts(around=parts.around), tolerance_ms=TOLERANCE_MS)
        finally:
            parts.close()

    assert finals(await asyncio.to_thread(live)) == finals(kept)


async def _deleted_with_its_call(state: Path, folder: Path, kept: Comparison) -> None:
    name = kept.path.name.partition(".")[0]
    deleting = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "records", "delete", name),
        env={**os.environ, **log_of(state), "BRIDGE_RECORD_WIRE": str(folder)},
    )
    assert await deleting.wait() == 0
    assert not await asyncio.to_thread(kept.path.exists)
    assert len(await asyncio.to_thread(records, folder)) == 3


async def test_a_conversation_over_openais_wire_replays_with_what_its_client_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "wire"
    async with serve("--record-wire", str(folder), env=log_of(tmp_path)) as server:
        url = f"ws://{server.address}"
        await asyncio.gather(
            call(f"{url}/v1/realtime", said(0, 2), wire="realtime", barge_in_ms=700),
            call(f"{url}/v1/listen", said(2, 1), wire="deepgram"),
            _writes(f"{url}/v1/realtime"),
        )
        await ended(server, 3)
    found = await judged(folder)
    assert len(found) == 2, "who is only told what was said leaves no record"
    assert all(map(same, found))
    assert any(event["what"] == "barge-in" for each in found for event in each.events)


async def _writes(url: str) -> None:
    """Write to the bot and ask for its reply; change the format, ask again, and take that back.

    What is written takes several sentences to repeat: a reply that is made in the millisecond in which it is taken back
    may or may not be over, which no record tells.
    """
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=1 << 24) as socket:
        await socket.send_json(
            {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}}
        )
        morning = "Good morning. I have come a long way. It took me half a day. So I am glad to be here."
        museum = "Where is the museum? I have been told that it is near. Is it far to go? Is there a bus?"
        for number, text in enumerate((morning, museum)):
            part = {"type": "input_text", "text": text}
            item = {"type": "message", "role": "user", "content": [part]}
            await socket.send_json({"type": "conversation.item.create", "item": item})
            await socket.send_json({"type": "response.create"})
            async with asyncio.timeout(20):
                while (told := json.loads(str((await socket.receive()).data)))["type"] != "response.done":
                    if number and told["type"] == "response.output_audio.delta":
                        await socket.send_json({"type": "response.cancel"})


@pytest.mark.slow
async def test_many_calls_over_lines_with_every_fault_replay_to_the_same_events(tmp_path: Path) -> None:
    folder, each, number = tmp_path / "wire", 6, itertools.count()
    async with serve("--record-wire", str(folder), env=log_of(tmp_path)) as server:
        for first in range(each):
            await asyncio.gather(
                *(
                    call(server.twilio, said(2 * first, 2), number=next(number), fault=fault, barge_in_ms=barge_in_ms)
                    for fault, barge_in_ms in zip(Fault, itertools.cycle((None, 500)), strict=False)
                )
            )
        await ended(server, each * len(Fault))
    found = await judged(folder)
    assert len(found) == each * len(Fault) and all(map(same, found))
