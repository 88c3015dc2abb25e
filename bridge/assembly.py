"""What a call is made of: the shared models and the settings, brought together for one caller."""

import time

from bot.api import CallInfo
from bridge.call import CallSession
from bridge.conversation import Conversation
from bridge.dialled import DialledLeg
from bridge.endings import endpoint_rules
from bridge.endpointing import Endpointing
from bridge.engines import Engines
from bridge.judge import Judge
from bridge.leg import Leg
from bridge.manners import call_manners, interruption_rules, machine_manners, speculation_rules
from bridge.metrics import CallMetrics
from bridge.mouth import Mouth
from bridge.outreach import Outreach
from bridge.preroll import PreRoll
from bridge.settings import Settings
from bridge.speech.denoising import Denoising
from bridge.speech.ear import Ear
from bridge.turns import TurnRules, TurnTaker
from telephony.events import CallStarted, RecognitionOptions


def make_call(
    leg: Leg,
    started: CallStarted,
    *,
    engines: Engines,
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
        options=started.options or _options(settings),
        metrics=metrics,
        drain_s=settings.drain_timeout,
        outage_s=settings.asr_outage,
        conversation=_conversation(leg, started, engines, settings, metrics) if talks else None,
        judge=judge,
    )


def turn_rules(settings: Settings, *, talks: bool) -> TurnRules:
    """A caller who waits for an answer is given less silence than a dictation, and interrupts sooner."""
    endpoint_s = settings.turn_silence if talks else settings.silence_threshold
    stop_ms = round(settings.turn_stop * 1000) if talks else TurnRules().pause_ms
    min_speech_s = settings.barge_in_duration if talks else settings.min_speech_duration
    return TurnRules(
        threshold=settings.vad_threshold,
        min_speech_ms=round(min_speech_s * 1000),
        endpoint_ms=round(endpoint_s * 1000),
        pause_ms=min(stop_ms, round(endpoint_s * 1000)),
        max_utterance_ms=round(settings.max_utterance * 1000),
    )


def _judging(engines: Engines, settings: Settings) -> tuple[Endpointing, Judge] | tuple[None, None]:
    if engines.ending is None:
        return None, None
    finals = engines.time_to_final
    endpointing = Endpointing(endpoint_rules(settings), time_to_final=finals)
    judge = Judge(
        endpointing,
        engines.ending,
        time_to_final=finals,
        limit_s=settings.ending_timeout,
        clock_ms=lambda: int(time.monotonic() * 1000),
    )
    return endpointing, judge


def _options(settings: Settings) -> RecognitionOptions:
    return RecognitionOptions(
        context=settings.context,
        language=settings.language,
        unfixed_chunk_num=settings.unfixed_chunk_num,
        unfixed_token_num=settings.unfixed_token_num,
        chunk_size_sec=settings.chunk_size_sec,
        max_new_tokens=settings.max_new_tokens,
    )


def _conversation(
    leg: Leg, started: CallStarted, engines: Engines, settings: Settings, metrics: CallMetrics
) -> Conversation:
    began = time.monotonic()
    asks = started.direction == "outbound" and settings.machine_detection != "off"
    conversation = (Outreach if asks else Conversation)(
        engines.make_bot(),
        Mouth(
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
        manners=call_manners(settings),
    )
    if isinstance(conversation, Outreach):
        conversation.expect(machine_manners(settings), leg.answered if isinstance(leg, DialledLeg) else lambda _: None)
    return conversation
