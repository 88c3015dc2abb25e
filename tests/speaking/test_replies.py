"""One reply at a time: what waits, what is given up, and what is heard instead of a fault."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial as bound

import numpy as np
import pytest
from fakes import PHONE, FakeLeg, FakeTts
from stage import MULAW, replies_of, settle
from virtual import run

from bot.api import Samples
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


class Deaf(FakeTts):
    """Makes a sound of Latin letters only."""

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        if any(letter.isalpha() and letter.isascii() for letter in text):
            yield np.full(2400, 0.3, np.float32)


@asynccontextmanager
async def scene(tts: FakeTts | None = None) -> AsyncIterator[Scene]:
    leg, faults = FakeLeg(replace(PHONE, transcripts=True)), list[None]()
    output = SpeechOutput(
        leg,
        tts or FakeTts(),
        MULAW,
        clock_ms=lambda: 0,
        on_audio=lambda: None,
        on_unread=lambda: None,
        start=asyncio.create_task,
    )
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


@pytest.mark.parametrize("text", ["...", "\u0928\u092e\u0938\u094d\u0924\u0947", "**", "\U0001f600"])
async def test_a_reply_of_which_nothing_can_be_read_is_the_fallback(text: str) -> None:
    async with scene(Deaf()) as call:
        call.replies.say(bound(once, text))
        await settle()
        assert call.said() == ["Sorry."] and len(call.faults) == 1


@pytest.mark.parametrize("texts", [(), ("", " \n"), ("Hello. ", "...")])
async def test_a_bot_that_wants_to_say_nothing_or_said_something_is_not_at_fault(texts: Sequence[str]) -> None:
    async def reply() -> AsyncIterator[str]:
        for text in texts:
            yield text

    async with scene(Deaf()) as call:
        call.replies.say(reply)
        await settle()
        assert call.said() == ["Hello."] * any(map(str.strip, texts)) and not call.faults


def test_a_filler_is_no_sound_of_the_reply() -> None:
    async def call() -> list[str]:
        leg = FakeLeg(replace(PHONE, transcripts=True))
        output = SpeechOutput(
            leg,
            Deaf(),
            MULAW,
            clock_ms=lambda: 0,
            on_audio=lambda: None,
            on_unread=lambda: None,
            start=asyncio.create_task,
        )

        async def late() -> AsyncIterator[str]:
            await asyncio.sleep(3)
            yield "\u4f60\u597d\u3002"

        async with asyncio.TaskGroup() as tasks:
            sorry = (np.full(2400, 0.2, np.float32), "Sorry.")
            replies = replies_of(output, tasks=tasks, on_fault=lambda: None, fallback=sorry, filler="One moment.")
            replies.say(late)
        return [reply.text for reply in leg.of(Reply)]

    assert run(call()) == ["One moment.", "Sorry."]


async def test_a_bot_that_breaks_when_it_is_interrupted_is_not_excused() -> None:
    async def brittle() -> AsyncIterator[str]:
        yield "One. "
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("the bot broke") from None

    async with scene() as call:
        call.replies.say(brittle)
        await settle()
        call.replies.interrupt()
        call.output.interrupt()
        call.replies.say(bound(once, "Two."))
        await settle()
        assert call.said() == ["One.", "Two."] and not call.faults


async def test_a_held_apology_is_owed_until_the_caller_heard_it() -> None:
    async with scene() as call:
        call.output.hold()
        call.replies.fall_back()
        await settle()
        assert call.said() == [] and call.replies.apologises("")
        call.replies.interrupt()
        heard, _ = call.output.interrupt()
        assert call.replies.apologises(heard.rest)
        call.replies.fall_back()
        await settle()
        assert call.said() == ["Sorry."] and not call.replies.apologises("")
