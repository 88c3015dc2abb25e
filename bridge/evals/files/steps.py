"""What the caller does, as scenario files say it."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from bridge.evals.files import fields
from bridge.evals.files.expectations import read_expectations
from bridge.evals.files.fields import BadField, Fields, duration_ms, kind_of, one_of, text, truth, whole
from bridge.evals.files.yaml_tree import YamlList, YamlMap, YamlNode, YamlText
from bridge.evals.scenario import (
    Act,
    BackgroundNoise,
    Expectation,
    HangUpNow,
    ModelChat,
    PressKeys,
    ScenarioStep,
    Speak,
    SpeechKind,
    StaySilent,
    WaitForBot,
)

_KEYS: Final = re.compile(r"[0-9*#]{1,40}")
_MOST_STEPS: Final = 200
BUILT_IN_SOUNDS: Final = ("white", "hum", "babble", "off")
USUAL_SNR_DB: Final = 15.0
_USUAL_WAIT_MS: Final = 10_000
_USUAL_AFTER_MS: Final = 600


def read_steps(node: YamlNode, field: str, path: Path, errors: list[BadField]) -> Iterable[ScenarioStep]:
    if not isinstance(node, YamlList) or not node.items:
        raise BadField(node.line, f"{field}: got {fields.shown(node)}; write a list, as - say: Hello")
    if len(node.items) > _MOST_STEPS:
        raise BadField(node.line, f"{field}: {len(node.items)} steps; at most {_MOST_STEPS}")
    for number, item in enumerate(node.items, 1):
        try:
            yield _step(item, f"step {number}", number, path, errors)
        except BadField as error:
            errors.append(error)


def _step(node: YamlNode, field: str, number: int, path: Path, errors: list[BadField]) -> ScenarioStep:
    def expectations(at: YamlNode, name: str) -> tuple[Expectation, ...]:
        return tuple(read_expectations(at, name, errors, in_step=True))

    if isinstance(node, YamlText) and node.text == "hang_up":
        return ScenarioStep(number=number, line=node.line, act=HangUpNow())
    if not isinstance(node, YamlMap):
        raise BadField(node.line, f"{field}: got {fields.shown(node)}; write a mapping, as say: Hello")
    kind = kind_of(node, field, _ACTS, what="step")
    taken = Fields(node, field, like="say: Hello")
    act = _ACTS[kind](taken, path)
    expects: tuple[Expectation, ...] = taken.take("expect", expectations, ())
    taken.done()
    return ScenarioStep(number=number, line=node.line, act=act, expects=expects)


def _speech(kind: SpeechKind) -> Callable[[Fields, Path], Act]:
    waits = {SpeechKind.SAY, SpeechKind.PLAY}

    def read_act(taken: Fields, path: Path) -> Speak:
        said, file = "", None
        if kind is SpeechKind.PLAY:
            file = taken.need(kind.value, _file(path))
        elif kind is SpeechKind.COUGH:
            taken.need(kind.value, truth)
        else:
            said = taken.need(kind.value, text)
        return Speak(
            kind=kind,
            text=said,
            file=file,
            voice=taken.take("voice", text, ""),
            speed=taken.take("speed", lambda node, field: fields.number(node, field, least=0.5, most=2), 1.0),
            after_ms=taken.take("after", duration_ms, None if kind in waits else _USUAL_AFTER_MS),
            at_once=taken.take("at_once", truth, False),
        )

    return read_act


def _press(taken: Fields, path: Path) -> PressKeys:
    def keys(node: YamlNode, field: str) -> str:
        pressed = text(node, field)
        if not _KEYS.fullmatch(pressed):
            raise BadField(node.line, f"{field}: got {fields.shown(node)}; write up to 40 of 0-9 * #")
        return pressed

    return PressKeys(keys=taken.need("press", keys), after_ms=taken.take("after", duration_ms, None))


def _wait(taken: Fields, path: Path) -> WaitForBot:
    until = taken.need("wait", one_of(["begin", "end"]))
    return WaitForBot(finished=until == "end", limit_ms=taken.take("limit", duration_ms, _USUAL_WAIT_MS))


def _hang_up(taken: Fields, path: Path) -> HangUpNow:
    taken.need("hang_up", truth)
    return HangUpNow()


def _chat(taken: Fields, path: Path) -> ModelChat:
    turns = taken.take("turns", lambda node, field: whole(node, field, least=1, most=50), 8)
    return ModelChat(goal=taken.need("chat", text), persona=taken.take("persona", text, ""), turns=turns)


_ACTS: Final[Mapping[str, Callable[[Fields, Path], Act]]] = {
    **{kind.value: _speech(kind) for kind in SpeechKind},
    "press": _press,
    "silence": lambda taken, _: StaySilent(ms=taken.need("silence", duration_ms)),
    "wait": _wait,
    "noise": lambda taken, path: taken.need("noise", background(taken, path)),
    "hang_up": _hang_up,
    "chat": _chat,
}


def snr(node: YamlNode, field: str) -> float:
    return fields.number(node, field, least=-20, most=60, unit="dB")


def background(near: Fields, path: Path) -> Callable[[YamlNode, str], BackgroundNoise]:
    def read_sound(node: YamlNode, field: str) -> BackgroundNoise:
        sound = text(node, field)
        if sound not in BUILT_IN_SOUNDS:
            sound = str(_file(path)(node, field))
        return BackgroundNoise(sound=sound, snr_db=near.take("snr", snr, USUAL_SNR_DB))

    return read_sound


def _file(scenario_path: Path) -> Callable[[YamlNode, str], Path]:
    def read_file(node: YamlNode, field: str) -> Path:
        file = scenario_path.parent / text(node, field)
        try:
            there = file.is_file()
        except OSError:  # a name that no file can have
            there = False
        if not there:
            named = repr(str(file)[:200])
            raise BadField(node.line, f"{field}: there is no file {named}; paths begin at the scenario's folder")
        return file

    return read_file
