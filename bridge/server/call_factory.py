"""Makes a call: brings the shared models and the settings together for one caller."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial as bound
from typing import Final
from uuid import uuid4

from bridge.admission.load import Load
from bridge.call.bot_side import BotSide, SilentBotSide, call_info
from bridge.call.conversation import Conversation
from bridge.call.session import CallSession
from bridge.call.turn_detector import NoTurnDetector, OpenTurnDetector, TurnDetector
from bridge.call.utterance import PreRoll
from bridge.capture.call_capture import CallCapture
from bridge.capture.captured_bot import CapturedBot
from bridge.capture.captured_leg import CapturedLeg
from bridge.capture.captured_speech import CapturedAsr, CapturedEnding, CapturedQuantile, CapturedVad
from bridge.capture.captured_voice import captured_voices
from bridge.capture.header import header
from bridge.capture.notation import Line
from bridge.leg import Leg
from bridge.legs.client_leg import ClientLeg
from bridge.metrics import CallMetrics
from bridge.observer import RecordingSwitch
from bridge.outbound.answer_gate import AnswerGate
from bridge.outbound.leg import OutboundLeg
from bridge.outbound.machine_detection import Answer
from bridge.server.call_rules import (
    asked_rules,
    call_prompts,
    endpoint_rules,
    interruption_rules,
    machine_policy,
    recognition_options,
    speculation_rules,
    turn_rules,
    usual_language,
)
from bridge.server.clients.asked_conversation import AskedConversation
from bridge.server.resources import Resources
from bridge.settings import Settings
from bridge.speaking.actions import CallControl
from bridge.speaking.speech_output import SpeechOutput
from bridge.speaking.voices.voices import Voices
from bridge.speech.api import Recogniser, Standing
from bridge.speech.denoising import Denoising
from bridge.speech.ear import Ear
from bridge.speech.pool.session_asr import SessionAsr
from bridge.turns.end_probability import END_WEIGHTS
from bridge.turns.endpointing import Endpointing
from bridge.turns.turn_taker import TurnTaker
from telephony.events import CallStarted
from telephony.recognition import RecognitionOptions

_BY_TEXT: Final = "text"
"""The `ending` that knows no more than the recogniser does: what that expects next may judge instead."""
_FLAT_WAITS: Final[tuple[None, OpenTurnDetector]] = (None, lambda _: NoTurnDetector())


def make_call(
    leg: Leg,
    started: CallStarted,
    *,
    line: Leg | None = None,
    recording: RecordingSwitch | None = None,
    resources: Resources,
    settings: Settings,
    metrics: CallMetrics,
    denoising: Denoising | None,
    load: Load,
    capture: CallCapture | None = None,
) -> CallSession:
    """Return the session of a call that has started: with a bot where the wire takes audio, else transcripts only.

    `line`: what stands around `leg`, where something does; the call is carried over it. `recording`: of the
    call. `capture` keeps what the call is made of; None keeps nothing, and costs nothing.
    """
    line, switch = line or leg, recording or RecordingSwitch()
    if capture:
        capture.secret = lambda: switch.secret
        capture.note("begin", _header(started, line, resources, settings, denoised=denoising is not None))
        line, resources = CapturedLeg(line, started.format, capture), _captured(resources, capture)
    talks = leg.capabilities.audio_out
    options = _options(started, resources, settings)
    rules = asked_rules(turn_rules(settings, talks=talks), options)
    judged = talks and options.endpoint_ms is None
    endpointing, turn_detector = _end_of_turn(resources, settings) if judged else _FLAT_WAITS
    talking = bound(
        _open_bot_side,
        leg=leg,
        line=line,
        started=started,
        resources=resources,
        settings=settings,
        metrics=metrics,
        recording=switch,
    )
    asr: Recogniser = SessionAsr(
        resources.asr,
        session=uuid4().hex,
        standing=standing_of(leg),
        spares_partials=load.spares_partials,
        waits=load.waits,
    )
    return CallSession(
        line,
        ear=Ear(started.format, vad=resources.open_vad(), cleaner=denoising, vad_raw=settings.vad_input == "raw"),
        turns=TurnTaker(rules, endpointing),
        preroll=PreRoll(keep_ms=4 * rules.min_speech_ms),
        asr=CapturedAsr(asr, capture) if capture else asr,
        options=options,
        metrics=metrics,
        drain_s=settings.final_timeout,
        outage_s=settings.asr_outage,
        bot_side=talking if talks else SilentBotSide,
        turn_detector=turn_detector,
    )


def _header(started: CallStarted, line: Leg, resources: Resources, settings: Settings, *, denoised: bool) -> Line:
    return header(
        started,
        line.capabilities,
        settings,
        voices=Voices.of(resources.tts),
        asr=resources.asr,
        judges=resources.ending is not None,
        denoised=denoised,
        fallback=resources.fallback,
        texts=resources.texts,
        apologies=resources.apologies,
    )


def _captured(resources: Resources, capture: CallCapture) -> Resources:
    """Return `resources` of which `capture` keeps all that they answer to one call."""
    return replace(
        resources,
        open_vad=lambda: CapturedVad(resources.open_vad(), capture),
        tts=captured_voices(Voices.of(resources.tts), capture),
        make_bot=lambda: CapturedBot(resources.make_bot(), capture),
        ending=resources.ending and CapturedEnding(resources.ending, capture),
        time_to_final=CapturedQuantile(resources.time_to_final, capture),
    )


def _options(started: CallStarted, resources: Resources, settings: Settings) -> RecognitionOptions:
    """Return how a call is recognised: as its peer says, or the settings. A recogniser of one language knows it."""
    options = started.options or recognition_options(settings)
    known = resources.asr.capabilities.languages or ()
    return replace(
        options,
        script=options.script or settings.script,
        languages=options.languages or (tuple(known) if len(known) == 1 else ()),
    )


def standing_of(leg: Leg) -> Callable[[], Standing]:
    """Return what tells how urgent the decodes of a call are."""
    return (lambda: leg.standing) if isinstance(leg, ClientLeg) else lambda: Standing.CALL


def _end_of_turn(resources: Resources, settings: Settings) -> tuple[Endpointing | None, OpenTurnDetector]:
    if resources.ending is None:
        return _FLAT_WAITS
    finals = resources.time_to_final
    rules = endpoint_rules(settings)
    endpointing = Endpointing(rules, time_to_final=finals)
    return endpointing, bound(
        TurnDetector,
        endpointing,
        resources.ending,
        time_to_final=finals,
        limit_s=settings.ending_timeout,
        clock_ms=lambda: int(asyncio.get_running_loop().time() * 1000),
        weights=END_WEIGHTS if rules.cut_ms and settings.ending == _BY_TEXT else None,
    )


def _open_bot_side(
    tasks: asyncio.TaskGroup,
    call: CallControl,
    *,
    leg: Leg,
    line: Leg,
    started: CallStarted,
    resources: Resources,
    settings: Settings,
    metrics: CallMetrics,
    recording: RecordingSwitch,
) -> BotSide:
    clock_s = asyncio.get_running_loop().time
    began = clock_s()
    conversation = (AskedConversation if leg.capabilities.speech_events else Conversation)(
        resources.make_bot(),
        SpeechOutput(
            line,
            resources.tts,
            started.format,
            clock_ms=lambda: int((clock_s() - began) * 1000),
            on_audio=metrics.audio_sent,
            on_unread=metrics.texts_unread.inc,
            start=tasks.create_task,
            language=usual_language(settings, Voices.of(resources.tts)),
            observer=metrics.observer,
            recording=recording,
        ),
        call_info(started),
        tasks=tasks,
        call=call,
        metrics=metrics,
        limit_s=settings.bot_timeout,
        prompts=call_prompts(
            settings,
            resources.tts,
            resources.texts,
            fallback=resources.fallback,
            apologies=resources.apologies,
        ),
        interruption=interruption_rules(settings),
        backchannels=resources.phrases,
        speculation=speculation_rules(settings),
    )
    if isinstance(conversation, AskedConversation):
        conversation.answers_when_asked = started.answers_when_asked
    if started.direction != "outbound" or settings.machine_detection == "off":
        return conversation
    on_answer = leg.answered if isinstance(leg, OutboundLeg) else _placed_elsewhere
    return AnswerGate(conversation, tasks=tasks, call=call, machine=machine_policy(settings), on_answer=on_answer)


def _placed_elsewhere(answer: Answer) -> None:
    """Nobody here waits for who answered: the carrier placed the call for somebody else."""
