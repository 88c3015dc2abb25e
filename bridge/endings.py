"""From the name in `--ending` to what judges the end of a turn, and from the settings to how long it is waited for."""

import asyncio
from typing import Final, cast

import numpy as np

from bridge import plugins
from bridge.endpointing import EndpointRules
from bridge.patience import PatienceRules
from bridge.plugins import trial
from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE
from bridge.speech.ending import EndOfTurn

NONE: Final = "none"
"""The ending that judges nothing."""


def load_ending(settings: Settings) -> EndOfTurn | None:
    """Load what judges pauses and let it judge one, which warms it up; None where `settings` want none.

    Raises:
        PluginError, ModelMissing: it is not installed, does not load, or gives no probability.
    """
    if settings.ending == NONE:
        return None
    plugin = plugins.load("bridge.ending", settings.ending)
    with trial("ending", settings.ending):
        make = getattr(plugin, "from_settings", None)
        ending = cast(EndOfTurn, make(settings) if make else plugins.make(plugin))
        probability = asyncio.run(_judge_silence(ending))
        if not 0 <= probability <= 1:
            raise ValueError(f"P(end of turn) of silence is {probability}, must be from 0 to 1")
    return ending


def endpoint_rules(settings: Settings) -> EndpointRules:
    """Return the waits that `settings` give in seconds.

    Raises:
        ValueError: turn_unsure is above turn_sure; settings/checks.py says so before.
    """
    return EndpointRules(
        stop_ms=_ms(settings.turn_stop),
        wait_ms=_ms(settings.turn_silence),
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
        patience=PatienceRules(
            usual_ms=_ms(settings.patience_usual),
            keep=settings.patience_keep,
            keep_mistaken=settings.patience_keep_mistaken,
            shortest_ms=_ms(settings.patience_shortest),
            longest_ms=_ms(settings.patience_longest),
            interrupted_ms=_ms(settings.patience_interrupted),
            most_ms=_ms(settings.patience_most),
        ),
    )


async def _judge_silence(ending: EndOfTurn) -> float:
    return await ending.probability(np.zeros(SAMPLE_RATE, np.float32), "", "")


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
