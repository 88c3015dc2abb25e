"""The process that holds vLLM's engine: `python -m bridge.speech.backends.vllm.worker SOCKET`, started by `VllmAsr`."""

import asyncio
import traceback
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from bridge.speech.api import SAMPLE_RATE, EngineLost, Samples
from bridge.speech.backends.process.frames import Frame
from bridge.speech.backends.process.worker import work
from bridge.speech.backends.vllm.core import Core
from bridge.speech.backends.vllm.messages import ABOUT, ASK, HEARD, OPTIONS, About, Ask, Heard, Options

_WARM_UP_S: Final = 120.0
_QUIET_S: Final = 5.0
"""Seconds without any answer from which a decode that is given up raises the suspicion that the engine hangs."""

_HANGS_S: Final = 20.0
"""Seconds that a decode of silence may take, behind a full batch too, before the engine counts as hung."""


class VllmCore(Protocol):
    """What a `Core` does here."""

    @property
    def about(self) -> About: ...
    async def warm_up(self) -> None: ...
    async def decode(self, ask: Ask, audio: Samples, /) -> Heard: ...
    def close(self) -> None: ...


class VllmEngine:
    """One engine, which says by itself when it dies, and not when it hangs."""

    def __init__(
        self, load: Callable[[Options], VllmCore], *, quiet_s: float = _QUIET_S, hangs_s: float = _HANGS_S
    ) -> None:
        self._load, self._quiet_s, self._hangs_s = load, quiet_s, hangs_s
        self._core: VllmCore | None = None
        self._lost: Callable[[Exception], None]
        self._answered_at = 0.0
        self._check: asyncio.Task[None] | None = None

    async def begin(self, options: bytes, lost: Callable[[Exception], None], /) -> bytes:
        """See AnsweringEngine."""
        self._lost = lost
        self._core = core = self._load(OPTIONS.validate_json(options))
        async with asyncio.timeout(_WARM_UP_S):
            await core.warm_up()
        return ABOUT.dump_json(core.about)

    async def answer(self, question: Frame, /) -> bytes:
        """See AnsweringEngine."""
        heard = await self._decode(ASK.validate_json(question.head), np.frombuffer(question.payload, np.float32))
        self._answered_at = asyncio.get_running_loop().time()
        return HEARD.dump_json(heard)

    def refused(self, question: Frame, error: Exception, /) -> None:
        """See AnsweringEngine."""
        if isinstance(error, EngineLost):
            self._lost(error)

    def given_up(self) -> None:
        """Find out whether the engine hangs, where it has not answered for a while: it would not say so itself."""
        loop = asyncio.get_running_loop()
        if self._check is None and loop.time() - self._answered_at > self._quiet_s:
            self._check = loop.create_task(self._end_if_hung())

    def close(self) -> None:
        """See AnsweringEngine."""
        if self._core:
            self._core.close()

    async def _decode(self, ask: Ask, audio: Samples) -> Heard:
        assert self._core  # nothing is asked before `begin` has returned
        return await self._core.decode(ask, audio)

    async def _end_if_hung(self) -> None:
        try:
            async with asyncio.timeout(self._hangs_s):
                await self._decode(Ask(language="English", max_new_tokens=1), np.zeros(SAMPLE_RATE, np.float32))
        except TimeoutError:
            self._lost(EngineLost(f"the engine hangs: a second of silence took over {self._hangs_s:g} s"))
        except Exception:  # it lives enough to fail: what of is told where it was asked
            traceback.print_exc()
        finally:
            self._answered_at = asyncio.get_running_loop().time()
            self._check = None


if __name__ == "__main__":
    work(VllmEngine(Core))
