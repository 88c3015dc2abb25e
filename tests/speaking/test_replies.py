"""One reply at a time: what waits, what is given up, and what is heard instead of a fault."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial as bound

import numpy as np
from fakes import PHONE, FakeLeg, FakeTts
from stage import MULAW, replies_of, settle

from bridge.speaking.replies import Replies
from bridge.speaking.speech_output import SpeechOutput, once
from telephony.events import Play, Reply


@dataclass
class Scene:
    replies: Replies
    output: SpeechOutput
    leg: FakeLeg
    faults: list[None]

    def said(self) -> list[str]:
        return [reply.text for reply in self.leg.of(Reply)]


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    leg, faults = FakeLeg(replace(PHONE, transcripts=True)), list[None]()
    output = SpeechOutput(leg, FakeTts(), MULAW, clock_ms=lambda: 0, on_audio=lambda: None)
    async with asyncio.TaskGroup() as tasks:
        replies = replies_of(
            output,
            tasks=tasks,
            on_fault=lambda: faults.append(None),
            fallback=(np.full(2400, 0.2, np.float32), "Sorry."),
        )
        yield Scene(replies, output, leg, faults)
        replies.interrupt()


async def after(gate: asyncio.Event, *texts: str) -> AsyncIterator[str]:
    """Yield the first of `texts`, and the others once `gate` is open."""
    for number, text in enumerate(texts):
        if number:
            await gate.wait()
        yield text


async def test_what_is_said_next_waits_for_the_end_of_what_was_said_before() -> None:
    gate = asyncio.Event()
    async with scene() as call:
        call.replies.say(bound(after, gate, "One. ", "Two."))
        call.replies.say(bound(once, "Three."))
        await settle()
        assert call.said() == ["One."]
        gate.set()
        await settle()
        assert call.said() == ["One.", "Two.", "Three."]
        assert not call.replies.running


async def test_the_fallback_waits_too_and_all_of_both_is_sent() -> None:
    gate = asyncio.Event()
    async with scene() as call:
        call.replies.say(bound(after, gate, "One. ", "Two."))
        await settle()
        call.replies.fall_back()
        await settle()
        assert call.said() == ["One."] and not call.faults
        gate.set()
        await settle()
        assert call.said() == ["One.", "Two.", "Sorry."] and len(call.faults) == 1
        sent_ms = sum(MULAW.duration_ms(play.payload) for play in call.leg.of(Play))
        assert sent_ms == 3 * 20 + 2 * 50 + 100 - 20, "two breaths and three sentences"


async def test_an_interruption_gives_up_what_waits_too() -> None:
    gate = asyncio.Event()
    async with scene() as call:
        call.replies.say(bound(after, gate, "One. ", "Two."))
        call.replies.say(bound(once, "Three."))
        call.replies.fall_back()
        await settle()
        running = [call.replies.running]
        call.replies.interrupt()
        assert [*running, call.replies.running] == [True, False]
        gate.set()
        await settle()
        assert call.said() == ["One."] and not call.faults
        call.replies.say(bound(once, "Four."))
        await settle()
        assert call.said() == ["One.", "Four."]
