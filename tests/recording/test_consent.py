"""The consent of a caller, in a call."""

from pathlib import Path

import pytest
from fakes import ScriptBot
from stage import MULAW, settle, stage

from bridge.recording.consent import Consent
from bridge.recording.recorder import CallRecording, Recorder
from telephony.events import Clear, Mark


def recording(rule: str) -> CallRecording:
    return CallRecording(Recorder(), Path("none.wav"), MULAW, consent=Consent(rule), announcement="We record.")


@pytest.mark.parametrize("rule", ["announce", "key:1"])
async def test_the_announcement_comes_first_and_is_not_interrupted(rule: str) -> None:
    consent = recording(rule)
    async with stage(ScriptBot("Yes?", greeting=["Hello."]), recording=consent) as call:
        await call.says("hello? is anybody there?")
        before = (consent.announcing, call.leg.of(Clear))
        [first, *_] = call.leg.of(Mark)
        call.talk.played(first.name)
        await settle()
        assert before == (True, [])
        assert not consent.announcing


async def test_the_key_of_the_consent_is_not_told_to_the_bot_and_others_are() -> None:
    consent, bot = recording("key:1"), ScriptBot("Yes?", greeting=["Hello."])
    async with stage(bot, recording=consent) as call:
        call.talk.press("1")
        call.talk.press("1")
        call.talk.press("2")
        await settle()
    assert bot.digits == "12"


def test_a_rule_says_when_there_is_consent() -> None:
    assert Consent("").given
    announce = Consent("announce")
    assert (announce.given, announce.announcing) == (False, True)
    announce.announced(5.0)
    assert announce.given
    unheard = Consent("key:1")
    unheard.unannounced()
    assert not unheard.press("1", 1.0)
    assert unheard.missing == "the announcement was not heard"


async def test_an_announcement_that_was_cut_is_none_and_leaves_nothing_uninterruptible() -> None:
    consent = recording("announce")
    async with stage(ScriptBot("Yes?", greeting=["Hello."]), recording=consent) as call:
        call.talk.say_goodbye("it is late")
        await settle()
        assert not consent.announcing
    assert not consent._consent.given
