"""What a call is made of: the shared models and the settings, brought together for one caller."""

import time

from bot.api import CallInfo
from bridge.call.conversation import Conversation
from bridge.call.preroll import PreRoll
from bridge.call.session import CallSession
from bridge.call.turn_detector import TurnDetector
from bridge.leg import Leg
from bridge.metrics import CallMetrics
from bridge.outbound.conversation import OutboundConversation
from bridge.outbound.leg import OutboundLeg
from bridge.server.call_rules import (
    call_prompts,
    endpoint_rules,
    interruption_rules,
    machine_policy,
    recognition_options,
    speculation_rules,
    turn_rules,
)
from bridge.server.resources import Resources
from bridge.settings import Settings
from bridge.speaking.speech_output import SpeechOutput
from bridge.speech.denoising import Denoising
from bridge.speech.ear import Ear
from bridge.turns.endpointing import Endpointing
from bridge.turns.turn_taker import TurnTaker
from telephony.events import CallStarted


def make_call(
    leg: Leg,
    started: CallStarted,
    *,
    engines: Resources,
    settings: Settings,
    metrics: CallMetrics,
    denoising: Denoising | None,
) -> CallSession:
    """Return the session of a call that has started: with a bot where the wire takes audio, else transcripts only."""
    talks = leg.capabilities.audio_out
    rules = turn_rules(settings, talks=talks)
    endpointing, judge = _judging(engines, settings) if talks else (None, None)
    return CallSession(
        leg,
        ear=Ear(started.format, vad=engines.open_vad(), cleaner=denoising, vad_raw=settings.vad_input == "raw"),
        turns=TurnTaker(rules, endpointing),
        preroll=PreRoll(keep_ms=4 * rules.min_speech_ms),
        asr=engines.asr,
        options=started.options or recognition_options(settings),
        metrics=metrics,
        drain_s=settings.drain_timeout,
        outage_s=settings.asr_outage,
        conversation=_conversation(leg, started, engines, settings, metrics) if talks else None,
        judge=judge,
    )


def _judging(engines: Resources, settings: Settings) -> tuple[Endpointing, TurnDetector] | tuple[None, None]:
    if engines.ending is None:
        return None, None
    finals = engines.time_to_final
    endpointing = Endpointing(endpoint_rules(settings), time_to_final=finals)
    judge = TurnDetector(
        endpointing,
        engines.ending,
        time_to_final=finals,
        limit_s=settings.ending_timeout,
        clock_ms=lambda: int(time.monotonic() * 1000),
    )
    return endpointing, judge


def _conversation(
    leg: Leg, started: CallStarted, engines: Resources, settings: Settings, metrics: CallMetrics
) -> Conversation:
    began = time.monotonic()
    asks = started.direction == "outbound" and settings.machine_detection != "off"
    conversation = (OutboundConversation if asks else Conversation)(
        engines.make_bot(),
        SpeechOutput(
            leg,
            engines.tts,
            started.format,
            clock_ms=lambda: int((time.monotonic() - began) * 1000),
            language=getattr(engines.tts, "language", ""),
        ),
        CallInfo(started.call_id, started.caller, started.callee, started.parameters, started.direction),
        metrics=metrics,
        limit_s=settings.bot_timeout,
        greeting=settings.greeting,
        fallback=engines.fallback,
        rules=interruption_rules(settings),
        phrases=engines.phrases,
        speculation=speculation_rules(settings),
        manners=call_prompts(settings),
    )
    if isinstance(conversation, OutboundConversation):
        conversation.expect(machine_policy(settings), leg.answered if isinstance(leg, OutboundLeg) else lambda _: None)
    return conversation
