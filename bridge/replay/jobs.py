"""Many replays, in several processes."""

import logging
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bridge import settings
from bridge.replay.judging import Comparison, Unreadable, judge
from bridge.replay.live.parts import LivePart, LiveParts
from bridge.replay.rerun import Parts
from bridge.replay.virtual_time import NothingHappens
from bridge.replay.wire_record import RecordFault


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """What is other than it was, for all calls."""

    change: Mapping[str, str]
    live: tuple[LivePart, ...]
    config: Path | None
    """The server's TOML file: the secrets of what is asked live."""
    tolerance_ms: int

    def run(self, paths: Sequence[Path], *, processes: int) -> Iterator[Comparison | Unreadable]:
        """Yield what comes of each file, in their order.

        Raises:
            SettingsError, PluginError, ModelMissing, OSError: it cannot be replayed so.
        """
        batches = [paths[start :: max(1, processes)] for start in range(max(1, min(processes, len(paths))))]
        if len(batches) == 1:
            yield from self.in_turn(paths)
            return
        with ProcessPoolExecutor(len(batches), mp_context=multiprocessing.get_context("spawn")) as pool:
            found = list(pool.map(partial(_in_a_process, self), batches))
        yield from (found[index % len(batches)][index // len(batches)] for index in range(len(paths)))

    def in_turn(self, paths: Sequence[Path]) -> Iterator[Comparison | Unreadable]:
        """Do the same in this process."""
        live = LiveParts(self.live, settings.load({"config": self.config})) if self.live else None
        with _unlogged(), closing(live) if live else nullcontext():
            for path in paths:
                parts = Parts(self.change, live.around) if live else Parts(self.change)
                try:
                    yield judge(path, parts, tolerance_ms=self.tolerance_ms)
                except (RecordFault, NothingHappens) as error:
                    yield Unreadable(path, f"{path}: {error}" if isinstance(error, NothingHappens) else str(error))


@contextmanager
def _unlogged() -> Iterator[None]:
    """Log nothing: what a call logged it logged then."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _in_a_process(job: ReplayJob, paths: Sequence[Path]) -> Sequence[Comparison | Unreadable]:
    return list(job.in_turn(paths))
