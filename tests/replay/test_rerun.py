"""A call that was kept does in its replay what it did, and what is changed shows."""

import asyncio
import gzip
import json
import time
import wave
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kept_call import Plan, keep

from bot.actions import Action, Collect, Handoff, Hangup, PlayFile
from bot.api import Bot, CallInfo, Say, Turn
from bridge.replay.answers import Answers
from bridge.replay.judging import Outcome, judge
from bridge.replay.rerun import Parts, Rerun, rerun
from bridge.replay.wire_record import WireRecord, read
from bridge.server.resources import Resources
from bridge.settings import SettingsError
from bridge.speech.api import Hypothesis, Recogniser, Request

pytestmark = pytest.mark.heavy

CALLS, BATCH = 200, 20


def as_written(lines: Sequence[Mapping[str, object]]) -> list[object]:
    return [json.loads(json.dumps(line)) for line in lines]


def kept(folder: Path, plan: Plan, **options: object) -> WireRecord:
    path = folder / f"{plan.seed}.wire.gz"
    keep(plan, path, options=options)
    return read(path)


def does_what_it_did(record: WireRecord, made: Rerun) -> None:
    """Everything, down to the last bit of each time."""
    assert as_written(made.events) == [line.body for line in record.events], record.path
    assert as_written(made.sent) == [line.body for line in record.sent], record.path
    assert not made.guessed and not made.unknown


@pytest.mark.parametrize("first", range(0, CALLS, BATCH))
def test_calls_with_faults_replay_to_the_same_events_twice(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + BATCH):
        record = kept(tmp_path, Plan.by_chance(seed, lasts_s=6))
        does_what_it_did(record, rerun(record))
        does_what_it_did(record, rerun(record))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(CALLS, 2000, 100))
def test_longer_calls_with_faults_replay_to_the_same_events(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 100):
        record = kept(tmp_path, Plan.by_chance(seed, lasts_s=15))
        does_what_it_did(record, rerun(record))


def test_those_calls_have_all_that_can_go_wrong_in_them(tmp_path: Path) -> None:
    happened = Counter[str]()
    for seed in range(60):
        record = kept(tmp_path, Plan.by_chance(seed, lasts_s=6))
        happened.update(line.text("what") for line in record.events)
        happened.update(f"heard {line.text('event') or line.text('error')}" for line in record.heard)
        happened.update(
            f"{what} {each.end.kind if each.end else 'dropped'}"
            for what, asked in record.questions.items()
            for each in asked
        )
        happened["late"] += len(record.left)
    wanted = (
        *("final", "turn closed", "barge-in", "bot heard", "action", "fault", "keys", "note", "ended", "answered"),
        *("heard Malformed", "heard Dtmf", "heard RemoteProtocolError", "heard CallEnded"),
        *("decode failed", "decode dropped", "speak failed", "speak dropped", "hook failed", "hook dropped", "late"),
    )
    assert [what for what in wanted if not happened[what]] == []


class SlowMachine:
    """A recogniser that keeps the processor busy before it answers."""

    def __init__(self, asr: Recogniser) -> None:
        self.name, self.capabilities = asr.name, asr.capabilities
        self._asr = asr
        self.recovered, self.healthy, self.check_language, self.close = (
            asr.recovered,
            asr.healthy,
            asr.check_language,
            asr.close,
        )

    async def decode(self, request: Request, /) -> Hypothesis:
        until = time.perf_counter() + 0.02
        while time.perf_counter() < until:
            pass
        return await self._asr.decode(request)


def test_a_slow_machine_replays_to_the_same_events(tmp_path: Path) -> None:
    def slowed(resources: Resources, _: Answers) -> Resources:
        return replace(resources, asr=SlowMachine(resources.asr))

    for seed in range(3):
        record = kept(tmp_path, Plan.by_chance(seed, lasts_s=9))
        does_what_it_did(record, rerun(record, Parts(around=lambda _: slowed)))


PLAN = Plan(seed=2, lasts_s=9, speaks=[(2.0, 1.0, "What are your opening hours?"), (6.0, 0.8, "Yes.")], faulty=False)


def edited(record: WireRecord, old: str, new: str) -> Path:
    with gzip.open(record.path, "rt", encoding="utf-8") as file:
        text = file.read()
    assert old in text
    path = record.path.with_name("edited.wire.gz")
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(text.replace(old, new))
    return path


class Clerk(Bot):
    """Does all that a bot can do, and hands the call over."""

    def __init__(self, wav: str) -> None:
        self._wav = wav

    async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
        yield "Hello."
        yield PlayFile(self._wav)
        yield Say("Your number, please?", expect="digits", digits=4)
        yield Collect(digits=4, secret=True)

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        if turn.keys:
            yield "Thank you."
            return
        yield Handoff(Other, {"name": "Ann"})


class Other(Bot):
    """Takes the call."""

    async def on_takeover(self, turn: Turn) -> AsyncIterator[str | Action]:
        self.cue()
        yield f"Hello {turn.carry['name']}, this is the other."

    async def on_cue(self) -> AsyncIterator[str | Action]:
        self.note("cue", "It is ready.")
        yield "It is ready."

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        yield "Goodbye."
        yield Hangup("done")


def test_all_that_bots_do_is_done_again_and_nothing_secret_is_in_the_record(tmp_path: Path) -> None:
    tone = (0.3 * np.sin(np.arange(4000) * 0.2) * 32767).astype("<i2")
    with wave.open(str(tmp_path / "a.wav"), "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        wav.writeframes(tone.tobytes())
    keys = [(5.0 + 0.3 * index, key) for index, key in enumerate("7391")]
    speaks = [(9.0, 1.0, "Can you help me?"), (15.0, 0.8, "Yes.")]
    path = tmp_path / "a.wire.gz"
    plan = Plan(seed=1, lasts_s=25, speaks=speaks, presses=keys, faulty=False)
    keep(plan, path, make_bot=lambda: Clerk(str(tmp_path / "a.wav")))
    (tmp_path / "a.wav").unlink()
    record = read(path)
    did = [line.text("action") for line in record.events if line.text("what") == "action"]
    assert did == ["PlayFile", "Collect", "Handoff", "Hangup"]
    said = " ".join(line.text("text") for line in record.events if line.text("what") == "bot heard")
    assert "Thank you." in said and "Hello Ann, this is the other." in said and "It is ready." in said
    does_what_it_did(record, rerun(record))
    heard = "".join(line.text("digit") for line in record.heard if line.text("event") == "Dtmf")
    assert heard == "0000"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        assert "7391" not in file.read()


def test_what_comes_before_a_recording_is_heard_again(tmp_path: Path) -> None:
    plan = Plan(seed=5, lasts_s=12, speaks=[(7.0, 1.0, "Yes.")], presses=[(2.5, "1")], faulty=False)
    options = {"record_calls": str(tmp_path / "calls"), "record_consent": "key:1", "record_consent_text": "Press one."}
    record = kept(tmp_path, plan, **options)
    assert any("Press one." in line.text("text") for line in record.events)
    assert not [line for line in record.events if line.text("what") == "keys"]  # it was the consent
    does_what_it_did(record, rerun(record))
    assert not (tmp_path / "calls").exists()


def test_a_recogniser_that_heard_otherwise_shows(tmp_path: Path) -> None:
    record = kept(tmp_path, PLAN)
    assert judge(record.path).outcome is Outcome.SAME
    found = judge(edited(record, '"pieces":["What ","are "', '"pieces":["Where ","are "'))
    assert found.outcome is Outcome.OTHERWISE
    final = next(each for each in found.differences if each.what == "final")
    assert final.before and final.after
    assert (final.before["text"], final.after["text"]) == (
        "What are your opening hours?",
        "Where are your opening hours?",
    )


def test_a_setting_that_is_changed_shows_in_when_turns_are_closed(tmp_path: Path) -> None:
    record = kept(tmp_path, PLAN)
    found = judge(record.path, Parts({"ending": "none", "turn_silence": "1.5"}))
    assert found.outcome is Outcome.OTHERWISE
    closed = [each for each in found.differences if each.what == "turn closed"]
    assert closed and all(each.after and int(str(each.after["silence_ms"])) >= 1500 for each in closed)
    assert found.after.wait_ms and found.before.wait_ms and found.after.wait_ms > found.before.wait_ms + 500


def test_what_two_turns_were_is_put_together_where_they_are_one_now(tmp_path: Path) -> None:
    speaks = [(2.0, 1.0, "I would like"), (3.9, 1.0, "a table for two.")]
    record = kept(tmp_path, Plan(seed=2, lasts_s=9, speaks=speaks, faulty=False), ending="none", turn_silence=0.4)
    assert [line.text("text") for line in record.events if line.text("what") == "final"] == [
        "I would like",
        "a table for two.",
    ]
    found = judge(record.path, Parts({"turn_silence": "2.5"}))
    finals = [event["text"] for event in found.events if event["what"] == "final"]
    assert finals == ["I would like a table for two."]
    assert found.as_json()["turns_merged"] == 1 and found.guessed["decode"]


def test_a_change_that_is_none_is_refused_with_what_is_allowed(tmp_path: Path) -> None:
    record = kept(tmp_path, PLAN)
    with pytest.raises(SettingsError, match="--set turn_silence is '-1'; allowed: a number from"):
        rerun(record, Parts({"turn_silence": "-1"}))
    for name in ("turn_silense", "api_token", "route"):
        with pytest.raises(SettingsError, match=f"--set {name}: this is no option that a replay can change"):
            rerun(record, Parts({name: "1"}))


def test_a_record_of_another_version_and_another_machine_is_replayed_and_says_so(tmp_path: Path) -> None:
    record = kept(tmp_path, PLAN)
    header = '"settings":{"phrases_file":"/gone/phrases.toml","turn_silence":"long","sing":true}'
    path = edited(record, '"settings":{}', header)
    found = judge(edited(read(path), '"voice-bridge":"', '"voice-bridge":"0.0.'))
    assert found.outcome is Outcome.SAME
    version, options = found.remarks
    assert version.startswith("the call was carried by version 0.0.")
    assert options.startswith("this bridge does not take the record's sing, turn_silence, phrases_file")


def test_a_record_with_loss_is_never_called_the_same(tmp_path: Path) -> None:
    record = kept(tmp_path, PLAN)
    path = edited(record, '"is":"end"', '"is":"lost","lines":3}\n{"is":"end"')
    found = judge(path)
    assert found.outcome is Outcome.UNKNOWN
    assert "3 lines are missing" in found.remarks[0]


def test_what_was_written_up_to_a_crash_replays_up_to_there(tmp_path: Path) -> None:
    record = kept(tmp_path, PLAN)
    with gzip.open(record.path, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines(keepends=True)
    path = tmp_path / "cut.wire.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(lines[: len(lines) * 3 // 4])
    found = judge(path)
    assert (found.outcome, found.differences) == (Outcome.SAME, [])
    assert "breaks off" in found.remarks[0]


def test_time_passes_at_once(tmp_path: Path) -> None:
    record = kept(tmp_path, Plan(seed=2, lasts_s=60, faulty=False))
    assert rerun(record).took_s < 20
    assert record.ends_s - record.begin.t_s > 25


async def test_no_replay_needs_the_loop_that_runs(tmp_path: Path) -> None:
    record = await asyncio.to_thread(kept, tmp_path, PLAN)
    made = await asyncio.to_thread(rerun, record)
    does_what_it_did(record, made)
