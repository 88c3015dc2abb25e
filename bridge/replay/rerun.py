"""Runs a call that was kept through the same code, in virtual time."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar, cast

import numpy as np
from pydantic import ValidationError

from bot.actions import Transfer
from bot.api import Bot, Samples
from bridge.admission.load import Load
from bridge.capture.call_capture import CallCapture
from bridge.capture.captured_leg import CapturedLeg
from bridge.capture.event_log import EventLog
from bridge.capture.notation import Line, NotWritten, of_kind, piece_of
from bridge.containment import cancelled
from bridge.metrics import Metrics
from bridge.replay.answers import CHANGED_S, UNCHANGED_S, Answers
from bridge.replay.played_bot import PlayedBot, Script
from bridge.replay.played_consent import switch_of
from bridge.replay.played_leg import PlayedLeg
from bridge.replay.played_speech import PlayedAsr, PlayedEnding, PlayedQuantile, PlayedVad
from bridge.replay.played_voice import played_voices
from bridge.replay.virtual_time import PatientLoop, Schedule
from bridge.replay.wire_record import WireLine, WireRecord
from bridge.server.call_factory import make_call
from bridge.server.call_rules import load_phrases
from bridge.server.plugin_loading import load_ending
from bridge.server.resources import Resources
from bridge.settings import Settings, SettingsError
from bridge.settings.caller_texts import SHIPPED, CallerTexts
from bridge.settings.describe import allowed
from bridge.settings.options import OPTIONS, SECRETS
from bridge.speaking.voices.voices import Voices
from bridge.speech.api import AsrCapabilities, EndOfTurn
from bridge.turns.backchannels import Backchannels
from telephony.events import CallStarted, Capabilities

T = TypeVar("T")

_NOT_OF_THE_CALL = frozenset({"record_wire"})
"""Options that a replay has no use for."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """What came of one replay."""

    events: Sequence[Mapping[str, object]]
    """As the lines of a record, from the first one on; `t` is by the record's clock."""
    sent: Sequence[Mapping[str, object]]
    guessed: Mapping[str, int] = field(default_factory=dict)
    """How often something was asked that the record does not hold, by what."""
    unknown: Sequence[str] = ()
    """Options of the record that this bridge does not have, or not with such a value."""
    took_s: float = 0.0


Around = Callable[[Resources, Answers], Resources]
"""Returns the resources of a replay, with something else in the place of what answers."""


@dataclass(slots=True)
class Parts:
    """What a replay asks besides the record; by default nothing."""

    change: Mapping[str, object] = field(default_factory=dict)
    """Options that are other than in the record."""
    around: Callable[[Settings], Around] | None = None
    """Called with the settings before the replay; what it returns puts something else in the place of what answers."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What is read and loaded before a replay: nothing may block once it runs."""

    settings: Settings
    phrases: Backchannels
    ending: EndOfTurn | None
    """Judges the ends of turns, where the record does not."""
    ending_changed: bool
    """It judges all of them."""
    around: Around | None
    changed: bool
    """Something is other than in the record."""
    folder: Path
    """Of the recordings that bots played."""


def rerun(record: WireRecord, parts: Parts | None = None) -> Rerun:
    """Return what the call of `record` does now; blocks.

    Raises:
        RecordFault: a line does not say what it has to. SettingsError, PluginError: a change cannot be used.
    """
    began_s = time.perf_counter()
    with TemporaryDirectory(prefix="bridge-replay-") as folder:
        for name, data in record.files.items():
            (Path(folder) / name).write_bytes(data)
        parts = parts or Parts()
        settings, unknown = settings_of(record, parts.change)
        if settings.phrases_file and not settings.phrases_file.exists():  # that of another machine, or of another time
            settings, unknown = settings.model_copy(update={"phrases_file": None}), [*unknown, "phrases_file"]
        work = _carry(record, _loaded(record, settings, parts, Path(folder)))
        try:
            with asyncio.Runner(loop_factory=partial(PatientLoop, record.begin.t_s)) as runner:
                answers, lines = runner.run(work)
        except Exception as error:  # a damaged line ends the call in one of many ways
            raise record.damage or error from error
    if record.damage:
        raise record.damage
    return Rerun(
        [line for line in lines if line["is"] == "event"],
        [line for line in lines if line["is"] == "sent"],
        answers.guessed,
        unknown,
        time.perf_counter() - began_s,
    )


def _loaded(record: WireRecord, settings: Settings, parts: Parts, folder: Path) -> _Loaded:
    then, usual = record.begin.body.get("settings"), Settings.model_fields["ending"].default
    changed = settings.ending != (then.get("ending", usual) if isinstance(then, dict) else usual)
    ending = load_ending(settings) if changed or settings.ending == usual else None
    around = parts.around(settings) if parts.around else None
    return _Loaded(settings, load_phrases(settings), ending, changed, around, bool(parts.change or around), folder)


async def _carry(record: WireRecord, loaded: _Loaded) -> tuple[Answers, Sequence[Line]]:
    lines: list[Line] = []
    loop = asyncio.get_running_loop()
    answers = Answers(record, Schedule(), same_s=CHANGED_S if loaded.changed else UNCHANGED_S)
    capture = CallCapture(partial(into, lines), clock_s=loop.time)
    started, capabilities = _started(record), _of(record, Capabilities, record.begin.body.get("capabilities"))
    leg = PlayedLeg(answers, capabilities, started.format)
    resources = _resources(answers, loaded)
    if loaded.around:
        resources = loaded.around(resources, answers)
    answers.media_ms = lambda: capture.media_ms
    call = make_call(
        leg,
        started,
        recording=switch_of(loaded.settings, loop.time),
        line=CapturedLeg(leg, started.format, capture),
        resources=resources,
        settings=loaded.settings,
        metrics=Metrics().call("replay", started.format, EventLog(capture)),
        denoising=None,
        load=Load(final_wait_s=0, loop_lag_s=0, clock_s=loop.time),
    )
    orders = asyncio.create_task(_order(answers, call.stop, call.finish, call.drain, call.put_in))
    try:
        reason = await call.run()
    except Exception as error:  # the call failed; where it did so in the record, too, that is no difference
        reason = f"{type(error).__name__}: {error}"
    finally:
        await cancelled(orders)
    capture.event("ended", reason=reason)
    capture.close()
    return answers, lines


def into(lines: list[Line], some: Sequence[Line]) -> bool:
    """Add `some` to `lines`: the `keep` of a capture that stays in memory."""
    lines.extend(some)
    return True


async def _order(
    answers: Answers,
    stop: Callable[[str], None],
    finish: Callable[[str], None],
    drain: Callable[[], None],
    put_in: Callable[[str | Transfer], None],
) -> None:
    """Do to the call what others did to it in the record."""
    for line in answers.record.orders:
        await answers.at(line)
        match line.body.get("order"):
            case "stop":
                stop(line.text("reason"))
            case "finish":
                finish(line.text("reason"))
            case "drain":
                drain()
            case "put_in":
                put_in(cast(str | Transfer, piece_of(line.body)))


def _resources(answers: Answers, loaded: _Loaded) -> Resources:
    """Return what answers the call, all of it from the record."""
    record, begin = answers.record, answers.record.begin
    voices, script = played_voices(answers), Script(answers, loaded.folder)
    asr = begin.body.get("asr")
    told_asr = {key: value for key, value in asr.items() if key != "name"} if isinstance(asr, dict) else {}
    return Resources(
        asr=PlayedAsr(answers, "the record", _of(record, AsrCapabilities, told_asr)),
        open_vad=lambda: PlayedVad(answers),
        denoisers=None,
        workers=None,
        tts=voices,
        make_bot=lambda: cast(Bot, PlayedBot(script)),
        fallback=_fallback(record, begin),
        ending=_ending(answers, loaded),
        time_to_final=PlayedQuantile(answers),
        phrases=loaded.phrases,
        texts=_texts(record),
        apologies=_apologies(begin, voices),
    )


def _ending(answers: Answers, loaded: _Loaded) -> EndOfTurn | None:
    """Return what judges the ends of turns: the record, where that is the same; what it does not hold, the text."""
    if loaded.ending_changed:
        return loaded.ending
    judged = answers.record.begin.body.get("judges") is True
    return PlayedEnding(answers, loaded.ending) if judged else None


def _texts(record: WireRecord) -> Mapping[str, CallerTexts]:
    texts = record.begin.body.get("texts")
    if not isinstance(texts, dict):
        return SHIPPED
    return {**SHIPPED, **{code: _of(record, CallerTexts, each) for code, each in texts.items()}}


def _fallback(record: WireRecord, begin: WireLine) -> tuple[Samples, str] | None:
    if "fallback" not in begin.body:
        return None
    return record.sound(begin, "fallback")[0], begin.text("fallback_text")


def _apologies(begin: WireLine, voices: Voices) -> Mapping[str, tuple[Samples, str]]:
    """Return the fallback in other languages: as long as they were, for their sound is not kept."""
    told = begin.body.get("apologies")
    found: dict[str, tuple[Samples, str]] = {}
    for code, each in told.items() if isinstance(told, dict) else ():
        match each:
            case [int(length), str(text)] if 0 <= length <= 60 * voices.sample_rate:
                found[code] = np.full(length, 0.1, np.float32), text
    return found


def _started(record: WireRecord) -> CallStarted:
    started = _of(record, CallStarted, record.begin.body.get("call"))
    if not 1000 <= started.format.sample_rate <= 192_000:
        raise record.fault(record.begin, f"call.format.sample_rate is {started.format.sample_rate}, must be hertz")
    return started


def _of(record: WireRecord, kind: type[T], written: object) -> T:
    try:
        return of_kind(kind, written if isinstance(written, dict) else {})
    except NotWritten as error:
        raise record.fault(record.begin, error) from error


def settings_of(record: WireRecord, change: Mapping[str, object]) -> tuple[Settings, Sequence[str]]:
    """Return the settings of the call with `change`, and which of the record's options this bridge does not take.

    Raises:
        SettingsError: one of `change` cannot be used.
    """
    given = record.begin.body.get("settings")
    values = dict(given) if isinstance(given, dict) else {}
    values = {name: value for name, value in values.items() if name not in _NOT_OF_THE_CALL}
    unknown: list[str] = []
    settings: Settings | None = None
    while settings is None:
        try:
            settings = Settings.model_validate(values)
        except ValidationError as error:
            refused = {str(problem["loc"][0]) for problem in error.errors(include_input=False)}
            unknown += sorted(refused)
            values = {name: value for name, value in values.items() if name not in refused}
    return (_changed(values, change) if change else settings), unknown


def _changed(values: Mapping[str, object], change: Mapping[str, object]) -> Settings:
    if strange := [name for name in change if name not in OPTIONS or name in SECRETS]:
        raise SettingsError(f"--set {strange[0]}: this is no option that a replay can change")
    try:
        return Settings.model_validate({**values, **change})
    except ValidationError as error:
        names = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors(include_input=False))
        wrong = [f"--set {name} is {change.get(name, values.get(name))!r}; allowed: {allowed(name)}" for name in names]
        raise SettingsError("\n".join(wrong)) from error
