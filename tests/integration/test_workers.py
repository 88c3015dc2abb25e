"""One server as two processes on one port: calls are shared out, any worker answers for all, and one may die."""

import asyncio
import json
import os
import re
import signal
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import fakes
import pytest
import pytest_asyncio
from integration.server import Server, serve
from integration.sip_peers import free_port

import bridge
from bridge.commands.phone.simulated_phone import SimulatedPhone, dial

pytestmark = pytest.mark.asyncio(loop_scope="module")

AUDIOSOCKET = free_port()
_PATH = os.pathsep.join((str(Path(bridge.__file__).parents[1]), str(Path(fakes.__file__).parent)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    kept = tmp_path_factory.mktemp("kept")
    flags = ("--workers", "2", "--asr", "fakes:FakeAsr", "--records", f"sqlite:///{kept}/calls.db")
    port = ("--audiosocket-port", str(AUDIOSOCKET))
    async with serve(*flags, *port, "--state-dir", str(kept), env={"PYTHONPATH": _PATH}) as server:
        yield server


async def asked(server: Server, path: str, method: str = "GET", **options: object) -> tuple[int, dict[str, object]]:
    """Ask on a connection of its own: any worker may take it."""
    async with aiohttp.ClientSession() as session, session.request(method, f"{server.http}{path}", **options) as answer:  # type: ignore[arg-type]
        return answer.status, json.loads(await answer.text() or "{}")


async def counted(server: Server, name: str) -> float:
    """Return the sum of a metric."""
    async with aiohttp.ClientSession() as session, session.get(f"{server.http}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


def pids(server: Server) -> list[int]:
    """Return the process ids of the workers, in the order of their start."""
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def calls(server: Server, stack: AsyncExitStack, names: Sequence[str]) -> list[SimulatedPhone]:
    phones = [await stack.enter_async_context(dial(server.twilio, call_sid=name)) for name in names]
    for phone in phones:
        await phone.until_heard(after_ms=0)
    return phones


async def audiosocket_call(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Place a call as chan_audiosocket does, and hear the bot."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x01\x00\x10" + uuid.uuid4().bytes)
    async with asyncio.timeout(10):
        await reader.readexactly(323)
    return reader, writer


async def until_well(server: Server) -> None:
    """Wait until both workers serve."""
    well = {"1": "ok", "2": "ok"}
    async with asyncio.timeout(20):
        while (await asked(server, "/healthz"))[1].get("workers") != well:  # noqa: ASYNC110 - it tells who asks
            await asyncio.sleep(0.05)


async def test_any_worker_answers_for_the_calls_of_both(two: Server) -> None:
    names = [f"CA{number:032d}" for number in range(8)]
    async with AsyncExitStack() as stack:
        await calls(two, stack, names)
        by_worker = [two.log.count(f"INFO #{number} bridge.server.switchboard") for number in (1, 2)]
        assert min(by_worker) >= 1, by_worker  # how evenly, bench/workers.py tells: here others use the machine
        for _ in range(4):
            assert (await asked(two, "/healthz"))[1]["calls"] == 8
            _, page = await asked(two, "/calls?live=true")
            assert isinstance(page["calls"], list) and {call["call_id"] for call in page["calls"]} == set(names)
            assert await counted(two, "bridge_calls") == 8
        async with aiohttp.ClientSession() as session, session.get(f"{two.http}/events") as events:
            for name in names:
                status, told = await asked(two, f"/calls/{name}")
                assert (status, told["status"]) == (200, "answered")
                assert (await asked(two, f"/calls/{name}", "DELETE"))[0] == 202
            ended = set[str]()
            async with asyncio.timeout(15):
                async for line in events.content:
                    if line.startswith(b"data: ") and (told := json.loads(line[6:])).get("kind") == "ended":
                        ended.add(str(told["record"]))
                        if len(ended) == 8:
                            break
    _, page = await asked(two, "/calls")
    assert isinstance(page["calls"], list) and {call["record"] for call in page["calls"]} >= ended


async def test_a_worker_that_is_killed_costs_its_own_calls_and_comes_back(two: Server) -> None:
    await until_well(two)
    before = await counted(two, "bridge_calls_started_total")
    async with AsyncExitStack() as stack:
        phones = await calls(two, stack, [f"CB{number:032d}" for number in range(6)])
        os.kill(pids(two)[-1], signal.SIGKILL)
        await two.logged("worker 2", "has ended: signal SIGKILL")
        await asyncio.sleep(0.5)
        gone = [phone for phone in phones if phone.closed.is_set()]
        assert 1 <= len(gone) <= 5  # how evenly they are shared out, bench/workers.py tells
        assert (await asked(two, "/healthz"))[1]["calls"] == 6 - len(gone)
        await calls(two, stack, ["CC1"])
        await until_well(two)
        assert [phone for phone in phones if phone.closed.is_set()] == gone
        assert await counted(two, "bridge_calls") == 7 - len(gone), "the dead worker's calls are in no gauge"
        assert await counted(two, "bridge_calls_started_total") == before + 7, "and its counts are not forgotten"


async def test_calls_of_an_asterisk_are_shared_out_too(two: Server) -> None:
    await until_well(two)
    placed = [await audiosocket_call(AUDIOSOCKET) for _ in range(6)]
    by_worker = [0, 0]
    async with asyncio.timeout(10):
        while sum(by_worker) < 6:
            by_worker = [len(re.findall(rf"INFO #{number} .* over audiosocket", two.log)) for number in (1, 2)]
            await asyncio.sleep(0.05)
    for _, writer in placed:
        writer.close()
    assert sum(by_worker) == 6 and min(by_worker) >= 1, by_worker


async def place_always(server: Server, name: str, placed: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Place ten calls a second until `stop`, as Twilio does; the bot must be heard on each."""

    async def place(call_sid: str) -> None:
        voice = f"{server.http}/twilio/voice"
        async with aiohttp.ClientSession() as session, session.post(voice, data={"CallSid": call_sid}) as answer:
            assert "<Stream" in await answer.text()
        async with dial(server.twilio, call_sid=call_sid) as phone:
            await phone.until_heard(after_ms=0)

    while not stop.is_set():
        placed.append(asyncio.create_task(place(f"{name}{len(placed)}")))
        await asyncio.sleep(0.1)


async def test_workers_are_replaced_one_by_one_and_no_call_is_lost(two: Server) -> None:
    await until_well(two)
    before, stop, placed = pids(two), asyncio.Event(), list[asyncio.Task[None]]()
    async with dial(two.twilio, call_sid="CE1") as running:
        await running.until_heard(after_ms=0)
        callers = asyncio.create_task(place_always(two, "CD", placed, stop))
        two.stop(signal.SIGUSR2)
        await two.logged("all workers are replaced", timeout_s=30)
        await asyncio.sleep(0.5)
        stop.set()
        await callers
        await asyncio.gather(*placed)
        assert len(placed) > 10 and not running.closed.is_set()
        status, told = await asked(two, "/calls/CE1")
        assert (status, told["status"]) == (200, "answered"), "a worker that leaves is asked for its calls, too"
    async with asyncio.timeout(15):
        while set(pids(two)) & set(before):  # noqa: ASYNC110 - the kernel tells nobody else's
            await asyncio.sleep(0.05)
    await until_well(two)
    assert "Traceback" not in two.log


async def test_the_limit_of_calls_is_one_for_all_and_so_is_the_end() -> None:
    flags = ("--workers", "2", "--asr", "fakes:FakeAsr", "--max-calls", "3")
    async with serve(*flags, env={"PYTHONPATH": _PATH}) as server, AsyncExitStack() as stack:
        phones = await calls(server, stack, ["CA1", "CA2", "CA3"])
        for _ in range(4):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                async with dial(server.twilio, call_sid="CA4"):
                    pass
        assert (await asked(server, "/readyz"))[0] == 503
        await phones[0].hang_up()
        async with asyncio.timeout(5):
            while (await asked(server, "/readyz"))[0] != 200:  # noqa: ASYNC110 - it tells who asks
                await asyncio.sleep(0.05)
        await calls(server, stack, ["CA5"])
        server.stop(signal.SIGTERM)
        for number in (1, 2):
            await server.logged(f"INFO #{number} ", "no new calls", timeout_s=5)
        assert sum(int(left) for left in re.findall(r"no new calls; (\d) in progress", server.log)) == 3
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            async with dial(server.twilio, call_sid="CA6"):
                pass
        for phone in phones[1:]:
            await phone.hang_up()


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_signals_while_it_ends_do_not_change_its_exit_code(workers: str) -> None:
    async with serve("--workers", workers, "--asr", "fakes:FakeAsr", env={"PYTHONPATH": _PATH}) as server:
        server.stop(signal.SIGTERM)
        while server.process.returncode is None:
            server.stop(signal.SIGINT)
            await asyncio.sleep(0.005)
    assert "Traceback" not in server.log and "Unknown child" not in server.log


async def test_the_next_server_takes_the_port_from_all_workers_and_no_call_is_lost(tmp_path: Path) -> None:
    patient = ("--no-input-timeout", "0")  # the call that goes on says nothing meanwhile
    flags = ("--workers", "2", "--asr", "fakes:FakeAsr", "--handover-socket", str(tmp_path / "next"), *patient)
    env, stop, placed = {"PYTHONPATH": _PATH}, asyncio.Event(), list[asyncio.Task[None]]()
    async with serve(*flags, env=env) as first, dial(first.twilio, call_sid="CA1") as running:
        await running.until_heard(after_ms=0)
        callers = asyncio.create_task(place_always(first, "CB", placed, stop))
        port = first.address.rpartition(":")[2]
        async with serve(*flags, "--port", port, env=env) as second:
            for number in (1, 2):
                await first.logged(f"INFO #{number} ", "no new calls", timeout_s=20)
            before = len(placed)
            await asyncio.sleep(1)
            stop.set()
            await callers
            await asyncio.gather(*placed)
            assert len(placed) > before + 2, "calls were placed after the hand-over, too"
            assert not first.process.returncode and not running.closed.is_set()
            await running.hang_up()
            async with asyncio.timeout(15):
                await first.process.wait()
            await until_well(second)
            answered = [server.log.count("call ended") for server in (first, second)]
            assert sum(answered) == len(placed) + 1 and min(answered) > 1, answered
    assert first.process.returncode == 0 and "Traceback" not in first.log + second.log
    assert not os.listdir(tmp_path), "no socket is left behind"
