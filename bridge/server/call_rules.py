"""From the settings, which count in seconds, to the rules of a call, which count in whole milliseconds."""

from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType

from bot.api import Samples
from bot.languages import code_of, named
from bridge.call.prompts import CallPrompts
from bridge.outbound.machine_detection import MachinePolicy, MachineRules
from bridge.plugins import PluginError
from bridge.settings import Settings
from bridge.settings.caller_texts import SHIPPED, CallerTexts, in_language
from bridge.settings.eagerness import cut_ms
from bridge.speaking.unread import speaks
from bridge.turns.backchannels import Backchannels, parse, shipped
from bridge.turns.caller_pauses import CallerPausesRules
from bridge.turns.endpointing import EndpointRules
from bridge.turns.interruption_rules import EchoRules, InterruptionRules
from bridge.turns.no_input import NoInputRules
from bridge.turns.speculation import SpeculationRules
from bridge.turns.turn_taker import TurnRules
from telephony.recognition import RecognitionOptions


def interruption_rules(settings: Settings) -> InterruptionRules:
    """Return the rules of barge-in and echo that `settings` give in seconds."""
    echo = EchoRules(
        return_db=settings.echo_return,
        guard_ms=_ms(settings.echo_guard),
        guard_db=settings.echo_guard_return,
        tail_ms=_ms(settings.echo_tail),
    )
    return InterruptionRules(
        onset_ms=_ms(settings.barge_in_duration),
        confirm_ms=_ms(settings.barge_in_confirm),
        false_alarm_ms=_ms(settings.false_alarm_timeout),
        least_words=settings.barge_in_words,
        answer_ms=_ms(settings.backchannel_margin),
        echo_share=settings.echo_words,
        echo=echo,
        aside_db=settings.side_talk_level,
    )


def speculation_rules(settings: Settings) -> SpeculationRules:
    """Return when a reply may be begun early."""
    return SpeculationRules(
        probability=settings.speculation_probability,
        attempts=settings.speculation_attempts,
        longest_speech_ms=_ms(settings.speculation_longest_speech),
    )


def usual_language(settings: Settings, voice: object) -> str:
    """Return what is spoken at the beginning of calls; "" where neither the settings nor the voice say it."""
    if settings.language and speaks(voice, settings.language):
        return settings.language
    return str(getattr(voice, "language", ""))


def usual_texts(settings: Settings, voice: object, texts: Mapping[str, CallerTexts]) -> CallerTexts:
    """Return the texts of the language that calls begin with, those that `settings` give before all others."""
    given = CallerTexts(**{field.name: getattr(settings, field.name) for field in fields(CallerTexts)})
    return given.before(in_language(texts, _begun_in(settings, voice)))


def _begun_in(settings: Settings, voice: object) -> str:
    return usual_language(settings, voice) or settings.language or "English"


def call_prompts(
    settings: Settings,
    voice: object = None,
    texts: Mapping[str, CallerTexts] = SHIPPED,
    *,
    fallback: tuple[Samples, str] | None = None,
    apologies: Mapping[str, tuple[Samples, str]] = MappingProxyType({}),
) -> CallPrompts:
    """Return what a caller hears who says nothing, or who waits, in each language of `texts`.

    `fallback`: the recording for a fault, `apologies`: those in other languages, by their codes.
    """
    usual = usual_texts(settings, voice, texts)
    return replace(
        _prompts(settings, usual, fallback),
        others={
            code: _prompts(settings, in_language(texts, code), apologies.get(code, fallback))
            for code in texts
            if code != code_of(named(_begun_in(settings, voice)))
        },
    )


def _prompts(settings: Settings, texts: CallerTexts, fallback: tuple[Samples, str] | None) -> CallPrompts:
    return CallPrompts(
        NoInputRules(_ms(settings.no_input_timeout), settings.no_input_prompts),
        asking=texts.no_input_text,
        goodbye=texts.goodbye_text,
        filler=texts.filler_text,
        filler_after_s=settings.filler_after,
        greeting=texts.greeting or settings.greeting,
        fallback=fallback,
    )


def machine_policy(settings: Settings) -> MachinePolicy:
    """Return what we do when a machine answers a call of ours."""
    rules = MachineRules(greeting_ms=_ms(settings.machine_greeting), deadline_ms=_ms(settings.machine_deadline))
    return MachinePolicy(policy=settings.machine_detection, message=settings.machine_message, rules=rules)


def load_phrases(settings: Settings) -> Backchannels:
    """Return the lists of backchannels and commands in force; reads phrases_file.

    Raises:
        PluginError: it cannot be read, or holds no such lists.
    """
    added = {"backchannels": settings.backchannels, "commands": settings.interrupting_phrases}
    path = settings.phrases_file
    if path is None:
        return shipped(**added)
    try:
        return parse(path.read_text("utf-8"), **added)
    except (OSError, ValueError) as error:
        raise PluginError(f"--phrases-file {path}: {error}") from error


def turn_rules(settings: Settings, *, talks: bool) -> TurnRules:
    """Return when a turn begins and ends, on a call with a bot (`talks`) or of a client that wants transcripts only.

    A caller who waits for an answer is given less silence than a dictation, and interrupts sooner.
    """
    endpoint_ms = _ms(settings.turn_silence if talks else settings.silence_threshold)
    stop_ms = _ms(settings.turn_stop) if talks else TurnRules().pause_ms
    return TurnRules(
        threshold=settings.vad_threshold,
        min_speech_ms=_ms(settings.barge_in_duration if talks else settings.min_speech_duration),
        endpoint_ms=endpoint_ms,
        pause_ms=min(stop_ms, endpoint_ms),
        max_utterance_ms=_ms(settings.max_utterance),
    )


def asked_rules(rules: TurnRules, options: RecognitionOptions) -> TurnRules:
    """Return `rules` with the end of an utterance that the client asks for, where it does."""
    if options.endpoint_ms is None:
        return rules
    return replace(rules, endpoint_ms=options.endpoint_ms, pause_ms=min(rules.pause_ms, options.endpoint_ms))


def recognition_options(settings: Settings) -> RecognitionOptions:
    """Return how calls are recognised whose peer does not say it itself."""
    return RecognitionOptions(
        context=settings.context,
        language=settings.language,
        languages=settings.languages,
        script=settings.script,
        unfixed_chunk_num=settings.unfixed_chunk_num,
        unfixed_token_num=settings.unfixed_token_num,
        chunk_size_sec=settings.chunk_size_sec,
        max_new_tokens=settings.max_new_tokens,
    )


def endpoint_rules(settings: Settings) -> EndpointRules:
    """Return the waits that `settings` give in seconds.

    Raises:
        ValueError: turn_unsure is above turn_sure; settings/checks.py says so before.
    """
    return EndpointRules(
        stop_ms=_ms(settings.turn_stop),
        asked_stop_ms=_ms(settings.turn_asked_stop),
        wait_ms=_ms(settings.turn_silence),
        cut_ms=0 if _waits_on_a_line(settings) else cut_ms(settings.eagerness),
        sure=settings.turn_sure,
        sure_ms=_ms(settings.turn_sure_silence),
        unsure=settings.turn_unsure,
        unsure_ms=_ms(settings.turn_unsure_silence),
        unfinished_ms=_ms(settings.turn_unfinished_silence),
        answer_ms=_ms(settings.turn_answer_silence),
        asked_answer_ms=_ms(settings.turn_asked_silence),
        dictation_ms=_ms(settings.turn_dictation_silence),
        name_ms=_ms(settings.turn_name_silence),
        ceiling_ms=_ms(settings.turn_ceiling),
        final_share=settings.turn_final_share,
        final_most_ms=_ms(settings.turn_final_longest),
        caller_pauses=CallerPausesRules(
            usual_ms=_ms(settings.patience_usual),
            keep=settings.patience_keep,
            keep_mistaken=settings.patience_keep_mistaken,
            shortest_ms=_ms(settings.patience_shortest),
            longest_ms=_ms(settings.patience_longest),
            interrupted_ms=_ms(settings.patience_interrupted),
            most_ms=_ms(settings.patience_most),
        ),
    )


def _waits_on_a_line(settings: Settings) -> bool:
    """Return whether somebody chose the line of waits: then it goes before `eagerness`."""
    names = "turn_sure", "turn_sure_silence", "turn_unsure", "turn_unsure_silence"
    return any(getattr(settings, name) != Settings.model_fields[name].default for name in names)


def longest_final_ms(settings: Settings) -> int:
    """Return for how many milliseconds a turn waits for a final at most."""
    return _ms(settings.turn_final_longest)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
