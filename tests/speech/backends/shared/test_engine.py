"""Engines in another process are asked as if they were here: answers, refusals, what is given up, and their loss."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from bridge.speech.api import (
    AsrCapabilities,
    BadRequest,
    EngineLost,
    Hypothesis,
    MarksAhead,
    Overloaded,
    Request,
    SpeechError,
    Standing,
)
from bridge.speech.backends.shared.engine import SharedEngines
from bridge.speech.backends.shared.host import EngineHost
from bridge.speech.backends.shared.messages import packed, received

AUDIO = np.linspace(-1, 1, 16_000, dtype=np.float32)
HEARD = Hypothesis(["Hel", "lo."], "English", words=[("Hello.", 10, 480)], marks=MarksAhead(0.9, 0.05), cached_tokens=3)


class Asked:
    """A recogniser that keeps what it was asked."""

    name, device = "qwen", "CUDA"
    capabilities = AsrCapabilities(languages=frozenset({"English", "Hindi"}), at_once=4, backlog=128)

    def __init__(self, *answers: Hypothesis | SpeechError) -> None:
        self.answers: Sequence[Hypothesis | SpeechError] = answers
        self.requests: list[Request] = []
        self.well = True
        self.begun, self.cancelled = asyncio.Event(), asyncio.Event()

    async def decode(self, request: Request, /) -> Hypothesis:
        self.requests.append(request)
        self.begun.set()
        if not self.answers:
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, SpeechError):
            raise answer
        return answer

    async def healthy(self) -> bool:
        return self.well

    async def recovered(self) -> None: ...
    def check_language(self, language: str | None) -> None: ...
    def close(self) -> None: ...


@asynccontextmanager
async def shared(path: Path, asked: Asked) -> AsyncIterator[SharedEngines]:
    async with EngineHost(asked, path):
        engines = await asyncio.to_thread(SharedEngines, str(path))
        yield engines
        engines.close()
        await asyncio.sleep(0.01)


async def test_a_decode_is_the_same_on_both_sides(tmp_path: Path) -> None:
    asked = Asked(HEARD)
    request = Request(
        AUDIO, "So", "English", "Zürich", final=True, key="u1", session="s", standing=Standing(1), languages=("Hindi",)
    )
    async with shared(tmp_path / "engines", asked) as engines:
        assert await engines.decode(request) == HEARD
        assert (engines.name, engines.device) == ("qwen", "CUDA")
        assert engines.capabilities.languages == frozenset({"English", "Hindi"})
        assert engines.capabilities.at_once is None, "who asks does not order what waits: others ask, too"
        assert await engines.healthy()
    got = asked.requests[0]
    np.testing.assert_array_equal(got.audio, AUDIO)
    names = ("prefix", "language", "context", "final", "key", "session", "standing", "languages", "priority")
    assert [getattr(got, name) for name in names] == [getattr(request, name) for name in names]


async def test_refusals_keep_their_kind_and_what_they_say(tmp_path: Path) -> None:
    asked = Asked(Overloaded("128 wait", retry_after_s=2.5), BadRequest("no speech"))
    async with shared(tmp_path / "engines", asked) as engines:
        with pytest.raises(Overloaded, match="128 wait") as overloaded:
            await engines.decode(Request(AUDIO))
        assert overloaded.value.retry_after_s == 2.5
        with pytest.raises(BadRequest, match="no speech"):
            await engines.decode(Request(AUDIO))


async def test_a_decode_that_is_given_up_here_is_cancelled_there(tmp_path: Path) -> None:
    asked = Asked()
    async with shared(tmp_path / "engines", asked) as engines:
        decode = asyncio.create_task(engines.decode(Request(AUDIO)))
        await asked.begun.wait()
        decode.cancel()
        async with asyncio.timeout(5):
            await asked.cancelled.wait()


async def test_when_they_die_what_was_asked_fails_and_they_are_found_again(tmp_path: Path) -> None:
    path, asked = tmp_path / "engines", Asked()
    async with EngineHost(asked, path):
        engines = await asyncio.to_thread(SharedEngines, str(path))
        decode = asyncio.create_task(engines.decode(Request(AUDIO)))
        await asked.begun.wait()
        assert engines._link
        engines._link._writer.transport.abort()
        with pytest.raises(EngineLost):
            await decode
    with pytest.raises(EngineLost, match="gone"):
        await engines.healthy()
    async with EngineHost(Asked(HEARD), path):
        assert await engines.healthy() and await engines.decode(Request(AUDIO)) == HEARD
        engines.close()
        await asyncio.sleep(0.01)


async def test_engines_that_are_not_there_are_told_of_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(EngineLost, match=str(tmp_path)):
        await asyncio.to_thread(SharedEngines, str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "garbage", [b"\xff" * 8, b"\0\0\0\2\0\0\0\0[]", b"\0\0\0\3\0\0\0\0{x}", b"\0\0\0\0\0\0\0\3abc"]
)
async def test_who_talks_nonsense_is_hung_up_on_and_the_others_go_on(tmp_path: Path, garbage: bytes) -> None:
    path, asked = tmp_path / "engines", Asked(HEARD)
    async with shared(path, asked) as engines:
        reader, writer = await asyncio.open_unix_connection(path)
        await received(reader)
        writer.write(garbage)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        assert await engines.decode(Request(AUDIO)) == HEARD


async def test_a_message_is_read_as_it_was_written() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(packed({"ask": 1, "text": "ü"}, AUDIO))
    told, audio = await received(reader)
    assert told == {"ask": 1, "text": "ü"}
    np.testing.assert_array_equal(audio, AUDIO)
