"""Which decode is asked for, when, and what of it gets out."""

import asyncio

import numpy as np
import pytest
from fakes import FakeAsr

from bot.api import Final, Partial
from bridge.speech.api import SpeechError
from bridge.transcribe import transcripts
from bridge.utterance import Utterance
from telephony.events import RecognitionOptions

OPTIONS = RecognitionOptions(unfixed_chunk_num=1, unfixed_token_num=1, context="Spinny", language="English")
SECOND = np.full(16_000, 0.5, np.float32)


async def follow(utterance: Utterance, asr: FakeAsr, options: RecognitionOptions = OPTIONS) -> list[Partial | Final]:
    return [transcript async for transcript in transcripts(utterance, asr, options)]


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_partials_grow_and_the_final_settles() -> None:
    utterance, asr = Utterance(40), FakeAsr()
    reader = asyncio.create_task(follow(utterance, asr))
    for _ in range(2):
        utterance.add(SECOND)
        await settle()
    utterance.pause()
    await settle()
    utterance.close(2040)
    assert await reader == [
        Partial("one two", "English"),
        Partial("one two three four", "English"),
        Final("one two three four", "English", 40, 2040),
    ]


async def test_later_chunks_are_decoded_with_a_prefix_and_the_final_without() -> None:
    utterance, asr = Utterance(0), FakeAsr()
    reader = asyncio.create_task(follow(utterance, asr))
    for _ in range(2):
        utterance.add(SECOND)
        await settle()
    utterance.close(0)
    await reader
    assert [(request.prefix, request.final) for request in asr.requests] == [("", False), ("one ", False), ("", True)]
    assert {(request.context, request.language) for request in asr.requests} == {("Spinny", "English")}


async def test_the_final_is_decoded_at_the_pause_and_not_again_at_the_end() -> None:
    utterance, asr = Utterance(0), FakeAsr()
    reader = asyncio.create_task(follow(utterance, asr))
    utterance.add(SECOND[:8000])
    utterance.pause()
    await settle()
    assert [request.final for request in asr.requests] == [True]
    utterance.add(SECOND[:8000] * 0)
    utterance.close(0)
    assert (await reader)[-1] == Final("one", "English", 0, 0)
    assert len(asr.requests) == 1


async def test_the_same_text_is_not_shown_twice() -> None:
    utterance, asr = Utterance(0), FakeAsr(script="hello")
    reader = asyncio.create_task(follow(utterance, asr))
    for _ in range(3):
        utterance.add(SECOND)
        await settle()
    utterance.close(0)
    assert await reader == [Partial("hello", "English"), Final("hello", "English", 0, 0)]


async def test_a_partial_that_fails_is_skipped() -> None:
    utterance, asr = Utterance(0), FakeAsr(failures=1)
    reader = asyncio.create_task(follow(utterance, asr))
    utterance.add(SECOND)
    await settle()
    utterance.close(0)
    assert await reader == [Final("one two", "English", 0, 0)]


async def test_a_final_is_tried_twice() -> None:
    utterance, asr = Utterance(0), FakeAsr(failures=1)
    utterance.add(SECOND)
    utterance.close(0)
    assert await follow(utterance, asr) == [Final("one two", "English", 0, 0)]


async def test_a_final_that_fails_twice_is_an_error_and_not_a_silence() -> None:
    utterance, asr = Utterance(0), FakeAsr(failures=2)
    utterance.add(SECOND)
    utterance.close(0)
    with pytest.raises(SpeechError, match="out of order"):
        await follow(utterance, asr)


async def test_an_empty_utterance_has_an_empty_final_and_costs_no_decode() -> None:
    utterance, asr = Utterance(7), FakeAsr()
    utterance.close(7)
    assert await follow(utterance, asr) == [Final("", "", 7, 7)]
    assert asr.requests == []


async def test_devanagari_and_code_switching_pass_unharmed() -> None:
    text = "नमस्ते, Spinny car कहाँ से ले सकता हूँ?"
    utterance, asr = Utterance(0), FakeAsr(script=text)
    utterance.add(SECOND)
    utterance.close(0)
    assert (await follow(utterance, asr))[-1] == Final(text, "English", 0, 0)
