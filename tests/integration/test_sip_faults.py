"""What callers, networks and the stack do wrong: given up, hung up, sent twice, fallen silent, killed."""

import asyncio
import os
import signal
import socket
from pathlib import Path

from integration.recordings import prompt
from integration.sip_peers import PROCESS, Desk, baresip, free_port, needs_baresip, needs_stack, sip, spoken, until
from integration.sipp import cancel, everything_twice, fall_silent, hang_up_at_once, needs_sipp, pcap, sipp

from bridge.legs.sip.from_settings import stack_options
from bridge.settings import Settings
from telephony.sip_frames import Kind, frame, on_the_wire

pytestmark = needs_stack


@needs_sipp
async def test_a_caller_who_gives_up_while_it_rings_is_no_call_and_leaves_nothing_behind(tmp_path: Path) -> None:
    desk = Desk(rings=True)
    async with sip(desk) as (link, port):
        await sipp(tmp_path, cancel(), port, calls=3)
        await until(lambda: desk.ringing == 3, "three calls that rang")
        desk.pick_up.set()
        await until(lambda: not desk.lines.taken, "all lines free")
        assert desk.calls == []
        assert len(desk.failed) == 3
        assert all("before the call started" in why for why in desk.failed), desk.failed
        await sipp(tmp_path, hang_up_at_once(), port)
        assert link.ready


@needs_sipp
async def test_a_caller_who_hangs_up_at_once_leaves_nothing_behind(tmp_path: Path) -> None:
    desk = Desk()
    async with sip(desk) as (link, port):
        await sipp(tmp_path, hang_up_at_once(), port, calls=5, rate=5)
        await until(lambda: not desk.lines.taken, "all lines free")
        assert len(desk.calls) + len(desk.failed) == 5
        assert link.ready


@needs_sipp
async def test_what_a_caller_sends_twice_is_done_once_and_answered_twice(tmp_path: Path) -> None:
    desk = Desk()
    async with sip(desk) as (_, port):
        await sipp(tmp_path, everything_twice(), port, calls=3, rate=5, resends=False)
        await desk.call(2)
        for taken in desk.calls:
            await taken.over.wait()
        await until(lambda: not desk.lines.taken, "all lines free")
    assert len(desk.calls) == 3
    assert desk.ringing == 3
    assert {taken.ended for taken in desk.calls} == {"the other side hung up"}


@needs_sipp
async def test_a_caller_whose_audio_stops_is_hung_up_with_that_reason(tmp_path: Path) -> None:
    pcap(tmp_path / "speech.pcap", prompt("vm-goodbye").mulaw)
    desk = Desk()
    async with sip(desk, sip_media_timeout=3) as (_, port):
        await sipp(tmp_path, fall_silent(tmp_path / "speech.pcap", talk_ms=1000), port)
        taken = await desk.call()
        await taken.over.wait()
    assert taken.ended == "no audio from the peer"
    assert any(taken.heard), "it had spoken before"


@needs_baresip
async def test_the_process_dies_and_its_calls_end_by_fault_and_new_ones_are_taken(tmp_path: Path) -> None:
    audio = spoken("vm-intro", after_s=10.0)
    desk = Desk()
    async with sip(desk) as (link, port):
        async with baresip(tmp_path / "1", audio, dial=f"sip:1@127.0.0.1:{port}"):
            taken = await desk.call()
            assert link.pid
            os.kill(link.pid, signal.SIGKILL)
            async with asyncio.timeout(10):
                await taken.over.wait()
            assert taken.ended.startswith("lost: the SIP process died")
        await until(lambda: link.ready, "started again")
        async with baresip(tmp_path / "2", audio, dial=f"sip:1@127.0.0.1:{port}"):
            assert (await desk.call(1)).started.callee == "1"


@needs_baresip
async def test_a_sigterm_that_reaches_the_process_too_ends_no_call(tmp_path: Path) -> None:
    """A supervisor may send it to all processes of a service; when calls end is for the bridge to say."""
    desk = Desk()
    async with (
        sip(desk) as (link, port),
        baresip(tmp_path, spoken("vm-intro", after_s=10.0), dial=f"sip:1@127.0.0.1:{port}"),
    ):
        taken = await desk.call()
        assert link.pid
        os.kill(link.pid, signal.SIGTERM)
        heard = len(taken.heard)
        await until(lambda: len(taken.heard) > heard + 50, "a second of audio after it")
        assert link.ready and not taken.over.is_set()


async def test_a_bridge_that_goes_with_something_unread_is_an_end_and_no_fault() -> None:
    settings = Settings.model_validate({"sip": True, "sip_port": free_port()})
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    ours, theirs = socket.socketpair()
    with theirs:
        command = (*PROCESS, str(theirs.fileno()))
        process = await asyncio.create_subprocess_exec(
            *command, pass_fds=[theirs.fileno()], stderr=asyncio.subprocess.PIPE
        )
    async with asyncio.timeout(30):
        with ours:
            ours.setblocking(False)
            await loop.sock_sendall(ours, on_the_wire([frame(Kind.OPTIONS, 0, stack_options(settings).to_json())]))
            loop.add_reader(ours, told.set)
            await told.wait()
            loop.remove_reader(ours)
        _, said = await process.communicate()
    assert (process.returncode, said) == (0, b"")
