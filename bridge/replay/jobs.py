"""Many replays, in several processes."""

import logging
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bridge import settings
from bridge.replay.judging import Comparison, judge
from bridge.replay.live_parts import LivePart, LiveParts
from bridge.replay.rerun import Parts


@dataclass(frozen=True, slots=True)
class Job:
    """What is other than it was, for all calls."""

    change: Mapping[str, str]
    live: tuple[LivePart, ...]
    config: Path | None
    """The server's TOML file: the secrets of what is asked live."""
    tolerance_ms: int

    def run(self, paths: Sequence[Path], *, processes: int) -> Iterator[Comparison]:
        """Yield what comes of each record, in their order.

        Raises:
            RecordFault, SettingsError, PluginError, ModelMissing, OSError: it cannot be replayed so.
        """
        batches = [paths[start :: max(1, processes)] for start in range(max(1, min(processes, len(paths))))]
        if len(batches) == 1:
            yield from self.in_turn(paths)
            return
        with ProcessPoolExecutor(len(batches), mp_context=multiprocessing.get_context("spawn")) as pool:
            found = list(pool.map(partial(_in_a_process, self), batches))
        yield from (found[index % len(batches)][index // len(batches)] for index in range(len(paths)))

    def in_turn(self, paths: Sequence[Path]) -> Iterator[Comparison]:
        """Do the same in this process."""
        live = LiveParts(self.live, settings.load({"config": self.config})) if self.live else None
        with closing(live) if live else nullcontext():
            for path in paths:
                parts = Parts(self.change, live.around) if live else Parts(self.change)
                yield judge(path, parts, tolerance_ms=self.tolerance_ms)


def _in_a_process(job: Job, paths: Sequence[Path]) -> Sequence[Comparison]:
    logging.disable(logging.CRITICAL)
    return list(job.in_turn(paths))
