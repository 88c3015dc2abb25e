"""What recognition costs and how it holds under load, for any engine:

    python bench/engines.py --asr whisper
    python bench/engines.py --asr vllm --asr-model-path tests/data/tiny-qwen3-asr --vllm-kv-cache-mb 64 \\
        --vllm-block-size 32 --no-vllm-cuda-graphs
    python bench/engines.py --asr openai --asr-url http://a:8001,http://b:8001
    python bench/engines.py --asr mine:MyEngine

Beside --quick, --only, --sound and --json it takes every option of `bridge serve`. The callers, the policy and the
engines share this machine: on a busy one read the ratios.
"""

import argparse
import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from demo_lock import OneAtATime, side_by_side
from failover import the_only_engine, two_servers
from figures import Results, announce, keep, machine, show
from live import MORE_SESSIONS, SESSIONS, Level, alone, ladder, ours
from policies import policies
from pools import options, pool
from reuse import reuse
from sounds import Kind, long_speech, sentences, speech
from spoken_load import Spoken, listener

from bridge.settings import Settings, SettingsError, add_flags, load


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how long."""

    settings: Settings
    kind: Kind
    said: Sequence[Spoken]
    quick: bool
    levels: list[Level] = field(default_factory=list)
    """Of callers through our policy, once they were measured."""

    @property
    def seconds(self) -> float:
        """Of paced load at each number of callers."""
        return 4.0 if self.quick else 8.0

    @property
    def outage_s(self) -> float:
        """Of paced load in which an engine is killed."""
        return 12.0 if self.quick else 20.0

    @property
    def sessions(self) -> Sequence[int]:
        return (1, 8, 24) if self.quick else (*SESSIONS, *MORE_SESSIONS)

    @property
    def in_process(self) -> bool:
        return any("vllm" in name for name in self.settings.asr)


Section = Callable[[Plan], AsyncIterator[Results]]


async def decodes(plan: Plan) -> AsyncIterator[Results]:
    """Decode time by length of audio, and of callers who speak at once."""
    settings = plan.settings
    async with pool(settings) as asr:
        yield await alone(asr, long_speech(plan.said, 28), rounds=5 if plan.quick else 15)
        climb = ours(asr, lambda metered: listener(metered, options(settings)), plan.said)
        async for level in ladder(climb, plan.sessions, seconds=plan.seconds):
            plan.levels.append(level)
            yield {f"{level.sessions} callers at once": level.row}


async def policy(plan: Plan) -> AsyncIterator[Results]:
    """Against the original's policy: when the first words show, how steady they are, and what it costs."""
    async for rows in policies(plan.settings, sentences(plan.kind, 8 if plan.quick else 24)):
        yield rows


async def reused(plan: Plan) -> AsyncIterator[Results]:
    """What is not computed again as an utterance grows."""
    if not plan.in_process:
        yield {"reuse": {"skipped": "the windows of --asr vllm are what is compared"}}
        return
    yield await reuse(plan.settings, long_speech(plan.said, 24))


async def failover(plan: Plan) -> AsyncIterator[Results]:
    """One of two servers is killed under load."""
    if plan.in_process:
        yield await two_servers(plan.settings, plan.said, sessions=8, seconds=plan.outage_s)
    else:
        yield {"failover": {"skipped": "it kills servers of its own: --asr vllm names their model"}}


async def rebuild(plan: Plan) -> AsyncIterator[Results]:
    """The only engine is killed under load."""
    if plan.in_process:
        yield await the_only_engine(plan.settings, plan.said, sessions=4, seconds=plan.outage_s)
    else:
        yield {"rebuild": {"skipped": "it kills the child process of --asr vllm"}}


async def baseline(plan: Plan) -> AsyncIterator[Results]:
    """The same callers on our engine, and on one that decodes one at a time."""
    if not plan.in_process:
        yield {"baseline": {"skipped": "it is a way to use vLLM in process: give --asr vllm"}}
        return
    if not plan.levels:
        async for rows in decodes(plan):
            yield rows
    demo = await asyncio.to_thread(OneAtATime.load, plan.settings)
    try:
        climb = demo.climb(plan.said)
        theirs = [level async for level in ladder(climb, plan.sessions, seconds=plan.seconds)]
    finally:
        await asyncio.to_thread(demo.close)
    yield side_by_side(plan.levels, theirs)


SECTIONS: Final[dict[str, Section]] = {
    "decodes": decodes,
    "policy": policy,
    "reuse": reused,
    "failover": failover,
    "rebuild": rebuild,
    "baseline": baseline,
}


def parse() -> tuple[argparse.Namespace, Settings]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer callers for shorter")
    parser.add_argument("--only", default=",".join(SECTIONS), metavar="NAMES", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--sound", choices=("recordings", "vocabulary"), help="people, or the tiny checkpoint's words")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    add_flags(parser)
    flags = parser.parse_args()
    if unknown := set(flags.only.split(",")) - set(SECTIONS):
        parser.error(f"--only {', '.join(sorted(unknown))}: choose from {', '.join(SECTIONS)}")
    try:
        return flags, load(flags)
    except SettingsError as error:
        parser.error(str(error))


async def run(plan: Plan, names: Sequence[str]) -> Results:
    results: Results = {}
    for name in names:
        print(f"\n{name}: {SECTIONS[name].__doc__}")
        async for rows in SECTIONS[name](plan):
            show(rows)
            results |= rows
    return results


def main() -> None:
    flags, settings = parse()
    logging.basicConfig(level=logging.ERROR)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the engines outlive a run that is ended
    tiny = "tiny-qwen3-asr" in settings.asr_model_path
    sound: Kind = flags.sound or ("vocabulary" if tiny else "recordings")
    about = {**machine(), "engine": f"{', '.join(settings.asr)} {settings.asr_model_path}", "sound": sound}
    announce(about)
    results = asyncio.run(run(Plan(settings, sound, speech(sound, 24), flags.quick), flags.only.split(",")))
    keep(flags.json, about, results)


if __name__ == "__main__":
    main()
