"""From the settings to how the bot treats a caller who speaks: what interrupts it, and what it begins early."""

from bridge.interruption import EchoRules, InterruptionRules
from bridge.machine import Machine, MachineRules
from bridge.phrases import Phrases, parse, shipped
from bridge.plugins import PluginError
from bridge.settings import Settings
from bridge.speculation import SpeculationRules
from bridge.vigil import Manners, VigilRules


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
    )


def speculation_rules(settings: Settings) -> SpeculationRules:
    """Return when a reply may be begun early."""
    return SpeculationRules(
        probability=settings.speculation_probability,
        attempts=settings.speculation_attempts,
        longest_speech_ms=_ms(settings.speculation_longest_speech),
    )


def call_manners(settings: Settings) -> Manners:
    """Return what a caller hears who says nothing or waits."""
    return Manners(
        VigilRules(_ms(settings.no_input_timeout), settings.no_input_prompts),
        asking=settings.no_input_text,
        goodbye=settings.goodbye_text,
        filler=settings.filler_text,
        filler_after_s=settings.filler_after,
    )


def machine_manners(settings: Settings) -> Machine:
    """Return what a machine gets that answers a call of ours."""
    rules = MachineRules(greeting_ms=_ms(settings.machine_greeting), deadline_ms=_ms(settings.machine_deadline))
    return Machine(policy=settings.machine_detection, message=settings.machine_message, rules=rules)


def load_phrases(settings: Settings) -> Phrases:
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


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
