"""The benchmark of phone bots measures a server whose delays are known, and survives hostile ones."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import spoken
from aiohttp import web
from integration import recordings
from known_bot import Answers, Handler, KnownBot, Reaction, Yields, listening, tone
from phone.confidence import Estimate
from phone.measures import Trial
from phone.panel import Measured, rows
from phone.play import Patience
from phone.run import Run, Target, read
from phone.scenarios import Scenario, ScenarioSet, Step

from telephony.codec import decode
from telephony.events import Encoding

pytestmark = pytest.mark.integration

EXACT_MS: Final = 10.0
PATIENCE: Final = Patience(greeting_ms=100, answer_ms=5000, hush_ms=500, listen_ms=1500)
SOUNDS: Final = {
    **{f"word:{ms}": decode(tone(ms), Encoding.MULAW) for ms in (100, 200, 300, 400)},
    "ask": decode(tone(200), Encoding.MULAW),
}


def said(*names: str, **more: object) -> Step:
    return Step.model_validate({"say": names, **more})


def call(name: str, *steps: Step, **more: object) -> Scenario:
    return Scenario.model_validate({"name": name, "group": "single", "steps": steps, **more})


async def measured(scenarios: Sequence[Scenario], url: str, patience: Patience = PATIENCE) -> Measured:
    """Make all calls at once, each numbered as it stands in `scenarios`, from 1 on."""
    whole = Measured("known")
    parts = [Measured(scenario.name) for scenario in scenarios]

    async def one(number: int, scenario: Scenario, part: Measured) -> None:
        await asyncio.sleep(0.003 * number)  # no two callers' frames leave at the same time
        run = Run(Target(name="known", url=url), ScenarioSet(1, (scenario,)), SOUNDS, patience=patience)
        await run.measure(part, lambda _: None, first=number)

    await asyncio.gather(*(one(n, s, p) for n, (s, p) in enumerate(zip(scenarios, parts, strict=True), start=1)))
    for part in parts:
        whole.calls += part.calls
    return whole


def trials(whole: Measured) -> dict[str, Trial]:
    return {trial.name: trial for played in whole.calls for trial in played.trials}


def value(whole: Measured, name: str) -> float:
    """Return a figure of the panel; shares in per cent."""
    row = next(row for row in rows(whole) if row.name == name)
    found = row.value.value if isinstance(row.value, Estimate) else row.value
    assert found is not None, name
    return found * 100 if row.unit == "%" else found


async def test_known_delays_are_measured_to_ten_milliseconds_and_faults_to_the_count() -> None:
    pause = said("word:200", "word:200", pauses_ms=[500])
    over = {"over": "interruption", "after_ms": 300}
    story = Answers(100, ms=30_000)
    scenarios: list[tuple[Scenario, list[Reaction]]] = [
        (
            call("delays", *[said("word:300")] * 3),
            [Answers(50), Answers(333), Answers(817)],
        ),
        (call("never", said("word:300"), said("word:300")), [None, Answers(1200)]),
        (call("pauses", pause, pause), [None, Answers(400), Answers(150, ms=200), Answers(500)]),
        (call("gap", said("word:300"), said("word:200")), [Answers(600, ms=600, break_ms=200), Answers(600)]),
        (call("stops", said("word:400", **over), ask="ask"), [story, Yields(275, then=Answers(350))]),
        (call("speaks-on", said("word:400", **over), ask="ask"), [story, Yields(None)]),
        (
            call("kept", said("word:100", over="backchannel", after_ms=300), ask="ask"),
            [story, Yields(120, resumes_ms=700)],
        ),
        (call("undisturbed", Step.model_validate({"over": "nothing", "after_ms": 300}), ask="ask"), [story]),
        (call("lost", said("word:100", over="cough", after_ms=300), ask="ask"), [story, Yields(80)]),
        (call("late", said("word:300")), [Answers(4300)]),
        (call("keys", Step(keys="41#")), [Answers(250)]),
        (call("silence", Step(silent_ms=1000)), []),
    ]

    async def play() -> tuple[KnownBot, Measured, float]:
        bot = KnownBot({number: does for number, (_, does) in enumerate(scenarios, start=1)})
        async with listening(bot.serve) as url:
            whole = await measured([scenario for scenario, _ in scenarios], url)
        # What the machine held up is no error of the measurement: nothing, where it is not busy.
        return bot, whole, EXACT_MS + bot.late_ms + max(played.late_most_ms for played in whole.calls)

    bot, whole, exact_ms = await play()
    if exact_ms >= 50:  # so late, a sound may be cut short by what follows it: the machine is asked once more
        bot, whole, exact_ms = await play()
    found = trials(whole)

    for name, delay_ms in (
        ("delays/1", 50),
        ("delays/2", 333),
        ("delays/3", 817),
        ("never/2", 1200),
        ("late/1", 4300),
        ("keys/1", 250),
    ):
        assert found[name].response_ms == pytest.approx(delay_ms, abs=exact_ms), name
    assert found["pauses/1"].response_ms == pytest.approx(400, abs=exact_ms)
    assert found["pauses/2"].cut_ms == pytest.approx(150, abs=exact_ms)
    assert found["stops/1"].response_ms == pytest.approx(350, abs=exact_ms)
    # A frame is sent when it is over: the bot hears of a sound 20 ms after its begin.
    assert found["stops/1"].yield_ms == pytest.approx(20 + 275, abs=exact_ms)
    assert found["kept/1"].yield_ms == pytest.approx(20 + 120, abs=exact_ms)
    assert (found["speaks-on/1"].yield_ms, found["undisturbed/1"].yield_ms) == (None, None)
    assert [found[f"{name}/1"].kept for name in ("kept", "undisturbed", "lost")] == [True, True, False]

    assert value(whole, "turns never answered") == pytest.approx(100 / 11)
    assert value(whole, "turns cut short") == pytest.approx(100 / 11)
    if exact_ms < 50:  # so far the nearest answer is from a limit
        assert value(whole, "on time (EVA: 0.2 to 4 s)") == pytest.approx(700 / 11)
        assert value(whole, "early (EVA)") == pytest.approx(200 / 11)
    assert value(whole, "interruption: yield rate (2 s)") == 50
    assert value(whole, "backchannel: spoke on (1 s)") == 0
    assert value(whole, "backchannel: kept its answer") == 100
    assert value(whole, "cough: kept its answer") == 0
    assert value(whole, "audible gaps") == 1
    assert [ms for played in whole.calls for ms in played.gaps_ms] == [pytest.approx(200, abs=exact_ms)]
    assert value(whole, "spoke into 7 s of silence") == 0
    assert value(whole, "messages that are none") == 0
    assert bot.played.count("said") == 15, "a mark comes back once what is before it was played or cleared"


async def garbage(request: web.Request) -> web.StreamResponse:
    """Says whatever there is that is no message, and answers nothing."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    for text in (
        "",
        "{",
        "[]",
        "null",
        '{"event":5}',
        '{"event":"media"}',
        '{"event":"media","media":{"payload":"%"}}',
    ):
        await socket.send_str(text)
    await socket.send_str('{"event":"mark","mark":{"name":null}}')
    await socket.send_str("[" * 100_000)
    await socket.send_bytes(b"\xff\xfe")
    async for _ in socket:
        pass
    return socket


async def closing(request: web.Request) -> web.StreamResponse:
    """Hangs up in the middle of the first turn."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    for _ in range(45):
        await socket.receive()
    await socket.close()
    return socket


async def talking(request: web.Request) -> web.StreamResponse:
    """Talks from the first moment to the last, ten times as fast as anybody can listen."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    media = json.dumps({"event": "media", "media": {"payload": base64.b64encode(tone(1000)).decode()}})
    with suppress(ConnectionError):
        while not socket.closed:
            await socket.send_str(media)
            await asyncio.sleep(0.1)
    return socket


async def refusing(request: web.Request) -> web.StreamResponse:
    raise web.HTTPForbidden


HOSTILE: Final[Mapping[Handler, Mapping[str, float]]] = {
    garbage: {"messages that are none": 10.0, "turns never answered": 100.0},
    closing: {"steps lost to calls that broke off": 1.0, "turns never answered": 100.0},
    talking: {"turns said over a bot that did not end": 2.0, "messages that are none": 0.0},
    refusing: {"steps lost to calls that broke off": 2.0},
}


async def test_what_hostile_servers_do_is_counted() -> None:
    async def counted(server: Handler, names: Iterable[str]) -> dict[str, float]:
        async with listening(server) as url:
            calls = [call("hostile", said("word:300"), said("word:300"))]
            whole = await measured(calls, url, replace(PATIENCE, answer_ms=1000))
        return {name: value(whole, name) for name in names}

    found = await asyncio.gather(*(counted(server, expected) for server, expected in HOSTILE.items()))
    assert found == list(HOSTILE.values())


@pytest.mark.slow
@pytest.mark.skipif(
    not (recordings.available() and spoken.available()), reason="needs Asterisk's prompts and espeak-ng"
)
def test_the_command_measures_the_bridge_and_shows_its_panel(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    path = os.pathsep.join(str(root / folder) for folder in ("bench", "tests/support"))
    kept = tmp_path / "bridge.json"
    command = [sys.executable, "-m", "phone", "run", "bridge", "--groups", "yes-no", "--json", str(kept)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    whole = read(kept)
    assert [trial.response_ms is not None for played in whole.calls for trial in played.trials] == [True] * 6
    assert value(whole, "CPU a call-minute") > 0
    shown = subprocess.run(
        [sys.executable, "-m", "phone", "table", str(kept)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout in done.stdout
