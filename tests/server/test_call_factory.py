"""What a call is made of, from the settings and what the wire can do."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fakes import PHONE, TEXT_ONLY, FakeAsr, FakeLeg, FakeTts, LoudnessVad, ScriptBot, unlimited

from bot.api import CallInfo
from bridge.call.session import CallSession
from bridge.call.turn_detector import NoTurnDetector, TurnDetector
from bridge.metrics import Metrics
from bridge.server.call_factory import make_call
from bridge.server.call_rules import turn_rules
from bridge.server.resources import Resources
from bridge.settings import Settings
from bridge.speech.api import EngineLost, Hypothesis, MarksAhead, Request, Vad
from bridge.speech.backends.text_ending import TextEnding
from telephony.codec import encode
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Encoding,
    Mark,
    Media,
    Play,
    Problem,
)
from telephony.recognition import RecognitionOptions

MULAW = AudioFormat(Encoding.MULAW, 8000)
STARTED = CallStarted("CA1", MULAW, caller="+4930123", callee="+4930456", parameters={"shop": "7"})


def resources(make_bot: Callable[[], ScriptBot] = ScriptBot, open_vad: Callable[[], Vad] = LoudnessVad) -> Resources:
    return Resources(
        asr=FakeAsr(),
        open_vad=open_vad,
        denoisers=None,
        workers=None,
        tts=FakeTts(),
        make_bot=make_bot,
        fallback=(np.zeros(10, np.float32), "Sorry."),
    )


def call(
    leg: FakeLeg, *, started: CallStarted = STARTED, shared: Resources | None = None, **options: object
) -> CallSession:
    return make_call(
        leg,
        started,
        resources=shared or resources(),
        settings=Settings.model_validate(options),
        metrics=Metrics().call("test", MULAW),
        denoising=None,
        load=unlimited(),
    )


# ---------------------------------------------------------------- who holds the floor


def test_a_call_with_a_bot_is_answered_after_turn_silence_and_interrupted_after_barge_in_duration() -> None:
    settings = Settings(turn_silence=0.5, barge_in_duration=0.2, silence_threshold=3.0, min_speech_duration=2.0)
    rules = turn_rules(settings, talks=True)
    assert (rules.endpoint_ms, rules.min_speech_ms) == (500, 200)


def test_a_dictation_has_the_thresholds_of_the_original_server() -> None:
    settings = Settings(turn_silence=0.5, barge_in_duration=0.2, silence_threshold=3.0, min_speech_duration=2.0)
    rules = turn_rules(settings, talks=False)
    assert (rules.endpoint_ms, rules.min_speech_ms) == (3000, 2000)


def test_a_bot_answers_sooner_than_a_dictation_ends_by_default() -> None:
    talking, dictating = (turn_rules(Settings(), talks=talks) for talks in (True, False))
    assert talking.endpoint_ms < dictating.endpoint_ms
    assert talking.min_speech_ms < dictating.min_speech_ms


@pytest.mark.parametrize("talks", [True, False])
def test_the_other_rules_are_the_same_for_both(talks: bool) -> None:
    rules = turn_rules(Settings(vad_threshold=0.6, max_utterance=12.5), talks=talks)
    assert (rules.threshold, rules.max_utterance_ms) == (0.6, 12_500)
    assert rules.pause_ms < rules.endpoint_ms


@pytest.mark.parametrize("talks", [True, False])
def test_a_pause_is_never_longer_than_the_silence_that_ends_a_turn(talks: bool) -> None:
    rules = turn_rules(Settings(turn_silence=0.1, silence_threshold=0.1), talks=talks)
    assert rules.pause_ms <= rules.endpoint_ms == 100


def test_work_on_a_pause_starts_after_turn_stop_where_a_bot_answers() -> None:
    rules = [turn_rules(Settings(turn_stop=0.2), talks=talks) for talks in (True, False)]
    assert [rule.pause_ms for rule in rules] == [200, 128]


# ---------------------------------------------------------------- the parts of a call


async def run(session: CallSession, leg: FakeLeg) -> str:
    leg.feed(CallEnded("caller hung up"))
    return await session.run()


async def test_a_wire_that_takes_audio_gets_a_bot_that_knows_the_caller() -> None:
    class Knowing(ScriptBot):
        info: CallInfo | None = None

        def on_call(self, call: CallInfo):  # type: ignore[no-untyped-def]  # noqa: ANN202 - as inherited
            self.info = call
            return super().on_call(call)

    bot = Knowing("x", greeting=["Hello."])
    leg = FakeLeg(PHONE)
    assert await run(call(leg, shared=resources(lambda: bot)), leg) == "caller hung up"
    assert bot.info == CallInfo("CA1", "+4930123", "+4930456", {"shop": "7"})
    assert bot.ended == "caller hung up"


async def test_a_wire_that_takes_text_alone_gets_no_bot() -> None:
    made: list[ScriptBot] = []

    def make_bot() -> ScriptBot:
        made.append(ScriptBot("x"))
        return made[-1]

    for capabilities in (TEXT_ONLY, Capabilities()):
        leg = FakeLeg(capabilities)
        await run(call(leg, shared=resources(make_bot)), leg)
        assert leg.sent == []
    assert made == []


async def test_each_call_has_a_bot_and_a_vad_of_its_own() -> None:
    bots: list[ScriptBot] = []
    vads: list[LoudnessVad] = []

    def make_bot() -> ScriptBot:
        bots.append(ScriptBot("x"))
        return bots[-1]

    def open_vad() -> LoudnessVad:
        vads.append(LoudnessVad())
        return vads[-1]

    shared = resources(make_bot, open_vad)
    for _ in range(2):
        leg = FakeLeg()
        await run(call(leg, shared=shared), leg)
    assert len(bots) == len(vads) == 2


async def test_the_end_of_a_turn_is_judged_where_a_bot_answers_and_nowhere_else() -> None:
    judging = replace(resources(), ending=TextEnding())
    assert isinstance(call(FakeLeg(PHONE), shared=judging)._turn_detector, TurnDetector)
    unjudged = call(FakeLeg(PHONE), shared=resources())
    assert isinstance(unjudged._turn_detector, NoTurnDetector), "nothing is there that could judge"
    text_only = call(FakeLeg(TEXT_ONLY), shared=judging)
    assert isinstance(text_only._turn_detector, NoTurnDetector)
    assert text_only._turns._endpointing is None


async def test_each_call_has_its_own_waits_and_all_measure_the_same_recogniser() -> None:
    judging = replace(resources(), ending=TextEnding())
    first, second = (call(FakeLeg(PHONE), shared=judging, turn_silence=0.3)._turns._endpointing for _ in range(2))
    assert first is not second
    judging.time_to_final.add(700)
    assert first
    assert second
    assert (first.wait_ms, second.wait_ms) == (828, 828)


@pytest.mark.parametrize(
    ("options", "sure_ms", "doubted_ms"),
    [
        ({}, 320, 736),
        ({"eagerness": "low"}, 320, 736),
        ({"eagerness": "off"}, 400, 400),
        ({"turn_sure_silence": 0.45}, 450, 450),
        ({"ending": "mybot:Ending"}, 400, 400),
    ],
)
async def test_what_the_recogniser_expects_next_sets_the_wait_unless_other_settings_do(
    options: dict[str, str | float], sure_ms: int, doubted_ms: int
) -> None:
    judging = replace(resources(), ending=TextEnding())
    one = call(FakeLeg(PHONE), started=STARTED, shared=judging, **options)
    endpointing = one._turns._endpointing
    assert endpointing
    waits = []
    for stop, comma in ((0.97, 0.0002), (0.1, 0.3)):
        endpointing.paused(1000)
        await one._turn_detector.weigh(np.zeros(16_000, np.float32), "That is all.", "English", MarksAhead(stop, comma))
        waits.append(endpointing.wait_ms)
    assert waits == [sure_ms, doubted_ms]


async def test_the_greeting_of_the_settings_is_spoken_first() -> None:
    leg = FakeLeg()
    running = asyncio.create_task(call(leg, greeting="Welcome to us.").run())
    await leg.until(lambda: leg.of(Mark))
    assert sum(MULAW.duration_ms(play.payload) for play in leg.of(Play)) == pytest.approx(150, abs=20)
    leg.feed(CallEnded("caller hung up"))
    await running


def test_a_client_that_configures_recognition_is_not_overruled_by_the_settings() -> None:
    wanted = RecognitionOptions(language="Hindi", context="mine", chunk_size_sec=0.5)
    started = CallStarted("s", MULAW, options=wanted)
    assert call(FakeLeg(TEXT_ONLY), started=started, language="English", context="theirs")._options == replace(
        wanted, script="native"
    )


async def test_a_wire_without_such_options_takes_those_of_the_settings() -> None:
    wanted = {"language": "Hindi", "context": "Chai", "chunk_size_sec": 2.0, "max_new_tokens": 64}
    unfixed = {"unfixed_chunk_num": 2, "unfixed_token_num": 3}
    leg = FakeLeg()
    assert call(leg, started=STARTED, shared=None, **wanted, **unfixed)._options == RecognitionOptions(
        "Chai", "Hindi", 2, 3, chunk_size_sec=2.0, max_new_tokens=64, script="native"
    )


async def test_finals_wait_for_an_engine_as_long_as_the_settings_say() -> None:
    class Gone(FakeAsr):
        async def decode(self, request: Request, /) -> Hypothesis:
            raise EngineLost("every engine is down")

        async def recovered(self) -> None:
            await asyncio.Event().wait()

    leg = FakeLeg(TEXT_ONLY)
    loud = encode(np.full(8000, 0.5, np.float32), Encoding.MULAW)
    shared = replace(resources(), asr=Gone())
    running = asyncio.create_task(call(leg, shared=shared, asr_outage=0.0, final_timeout=60.0).run())
    leg.feed(Media(loud, 0), CallEnded("caller hung up"))
    await running
    assert [problem.message for problem in leg.of(Problem)] == ["the recogniser failed: every engine is down"]
