"""Sockets go from one server to the next, and are always listened on."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.server.access.listener import close
from bridge.server.lifecycle.handover import Handover, Predecessor, find_predecessor


class Old:
    """The side that gives."""

    def __init__(self) -> None:
        self.port = socket.create_server(("127.0.0.1", 0))
        self.gave_up = 0

    async def give_up(self) -> None:
        self.gave_up += 1
        self.port.close()


@asynccontextmanager
async def old_at(path: Path) -> AsyncIterator[Old]:
    old = Old()
    try:
        async with Handover(path, [old.port], old.give_up):
            yield old
    finally:
        old.port.close()


@asynccontextmanager
async def next_at(path: Path) -> AsyncIterator[Predecessor]:
    before = await find_predecessor(path)
    try:
        yield before
    finally:
        before.leave()
        close(before.sockets)


async def test_the_next_server_gets_the_same_sockets_and_the_path(tmp_path: Path) -> None:
    path = tmp_path / "next"
    async with old_at(path) as old, next_at(path) as before:
        address = old.port.getsockname()
        assert [one.getsockname() for one in before.sockets] == [address]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, "who opens it can take the port"
        await before.claim()
        assert old.gave_up == 0, "not before the next one accepts"
        await before.release()
        assert old.gave_up == 1 and not path.exists()
        socket.create_connection(address).close()


async def test_a_next_server_that_fails_leaves_all_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "next"
    async with old_at(path) as old:
        async with next_at(path) as before:
            await before.claim()
        async with next_at(path) as after:
            await after.claim()
            await after.release()
        assert old.gave_up == 1


async def test_only_one_server_comes_next(tmp_path: Path) -> None:
    path = tmp_path / "next"
    async with old_at(path), next_at(path) as one, next_at(path) as other:
        await one.claim()
        with pytest.raises(OSError, match="another server is taking over"):
            await other.claim()


async def test_a_server_that_ends_before_it_is_taken_over_leaves_all_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "next"
    async with old_at(path) as old:
        address = old.port.getsockname()
        before = await find_predecessor(path)
    await before.claim()
    await before.release()
    socket.create_connection(address).close()
    close(before.sockets)


async def test_a_path_that_a_dead_server_left_is_taken_and_one_in_use_is_not(tmp_path: Path) -> None:
    path = tmp_path / "next"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert not (await find_predecessor(path)).sockets
    async with old_at(path):
        with pytest.raises(OSError, match="another server waits"):
            async with old_at(path):
                pass
    assert not os.listdir(tmp_path)


async def test_a_file_that_is_no_socket_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(OSError, match="cannot listen at"):
        async with old_at(path):
            pass
    assert path.read_text() == "mine"


async def test_without_a_path_there_is_nobody() -> None:
    before = await find_predecessor(None)
    await before.claim()
    await before.release()
    assert not before.sockets


async def test_silence_from_a_stranger_does_not_keep_the_next_server_out(tmp_path: Path) -> None:
    path = tmp_path / "next"
    async with old_at(path) as old:
        _, stranger = await asyncio.open_unix_connection(str(path))
        async with next_at(path) as before:
            await before.claim()
            await before.release()
        stranger.close()
        assert old.gave_up == 1
