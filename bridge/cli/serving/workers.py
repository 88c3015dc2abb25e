"""`bridge serve --workers N`: what all workers have in common is made once, and the supervisor runs."""

import argparse
import logging
import os
import pickle
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from prometheus_client.multiprocess import mark_process_dead
from pydantic import SecretStr

from bot.folders import xdg_folder
from bridge import settings
from bridge.admission.scoreboard import ROWS, Scoreboard
from bridge.cluster.workers.engines import SharedEnginesProcess
from bridge.cluster.workers.process import WorkerProcess
from bridge.cluster.workers.sharing import has_ports, of_worker, shares_engines, workers_of
from bridge.cluster.workers.started import StartFailed
from bridge.cluster.workers.supervisor import Supervisor
from bridge.server import tls
from bridge.server.access import listener
from bridge.server.lifecycle.handover import Handover, Predecessor
from bridge.server.lifecycle.reload import sound
from bridge.server.lifecycle.run import checked, predecessor, take_port
from bridge.server.lifecycle.shutdown import end_s, longest_s
from bridge.server.lifecycle.signals import obeyed
from bridge.server.plugin_loading import resolved
from bridge.server.siblings.worker import metrics_folder, scoreboard_path
from bridge.settings import Settings, SettingsError

log = logging.getLogger(__name__)

_WORKER: Final = "bridge.cli.serving.worker"
_SHARED: Final = ("host", "port", "audiosocket_port", "handover_socket", "workers")
_SHARED_ENGINES: Final = ("asr", "asr_model_path")
_ENGINES: Final = "bridge.cli.serving.engines"


class WorkerTerms:
    """What workers are started with: the settings of now, and what is made once."""

    def __init__(self, options: Settings, flags: argparse.Namespace, folder: Path) -> None:
        """`options`: those of the start. `folder`: of this server alone.

        Raises:
            SettingsError: they cannot be used.
        """
        self._flags, self._folder = flags, folder
        self._made: SecretStr | None = None
        self.options = self._whole(options)
        self._made = self.options.api_token if options.api_token is None else None
        self.workers = workers_of(options)
        self.sockets: list[int] = []
        self.audiosocket: list[int] = []
        metrics_folder(folder).mkdir()
        self.scoreboard = Scoreboard(scoreboard_path(folder))

    def reread(self) -> None:
        """Have workers to come started with the secrets and routes that the others read again."""
        fresh, _ = settings.reread(self.options, self._flags)  # they log what cannot be had
        self.options, _ = sound(self.options, fresh)

    def renew(self) -> None:
        """Have workers to come started with what files and variables say now; ports, and what is shared, stay.

        Raises:
            ValueError: it cannot be used; what was before stays.
        """
        try:
            fresh = settings.load(self._flags)
            shared = (*_SHARED, *(_SHARED_ENGINES if shares_engines(self.options) or shares_engines(fresh) else ()))
            self.options = self._whole(fresh.model_copy(update={name: getattr(self.options, name) for name in shared}))
        except SettingsError as error:
            raise ValueError(str(error)) from error

    def _whole(self, options: Settings) -> Settings:
        options = options.model_copy(update={"asr": tuple(resolved(options.asr))})
        if options.api_token is None and self._made:
            options = options.model_copy(update={"api_token": self._made})
        return self._with_certificate(checked(options))

    def _with_certificate(self, options: Settings) -> Settings:
        """Return `options` with a file instead of a certificate that each worker would make for itself."""
        if not options.generate_self_signed_cert:
            return options
        file = self._folder / "self-signed.pem"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_bytes(tls.self_signed(*tls.served_on(options)))
        return options.model_copy(
            update={"generate_self_signed_cert": False, "ssl_certfile": file, "ssl_keyfile": file}
        )

    async def launch(self, number: int, row: int) -> WorkerProcess:
        """Start the worker `number` with that row. Raises OSError where it does not start."""
        birth: Mapping[str, Any] = {
            "path": sys.path,
            "made": self._made,
            "sockets": self.sockets,
            "audiosocket": self.audiosocket,
            "worker": {
                "number": number,
                "workers": self.workers,
                "row": row,
                "folder": self._folder,
                "settings": of_worker(self.options, number, of=self.workers, engines=self._engines),
                "flags": self._flags,
            },
        }
        return await WorkerProcess.start(
            _WORKER,
            pickle.dumps(birth),
            inherited=[*self.sockets, *self.audiosocket],
            environment={"PROMETHEUS_MULTIPROC_DIR": str(metrics_folder(self._folder))},
        )

    async def launch_engines(self) -> WorkerProcess:
        """Start the process of the engines that are shared. Raises OSError where it does not start."""
        birth = {"path": sys.path, "settings": self.options, "path_of_engines": self._engines}
        return await WorkerProcess.start(_ENGINES, pickle.dumps(birth), inherited=(), environment={})

    @property
    def _engines(self) -> Path:
        return self._folder / "engines"

    def free_row(self, row: int, pid: int) -> None:
        """Forget what a worker that has ended had."""
        self.scoreboard.clear(row)
        mark_process_dead(pid, str(metrics_folder(self._folder)))  # type: ignore[no-untyped-call]  # it has no types
        for kind in ("http", "pass"):
            (self._folder / f"{row}.{kind}").unlink(missing_ok=True)


async def serve_with_workers(options: Settings, flags: argparse.Namespace) -> int:
    """Serve with as many workers as `options` say, until a signal ends them. Return the exit code.

    Raises:
        SettingsError, OSError: as a server of one process does.
    """
    runtime = xdg_folder("XDG_RUNTIME_DIR")
    ours = runtime if runtime and os.access(runtime, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="bridge-", dir=ours) as folder:
        terms = WorkerTerms(options, flags, Path(folder))
        before = await predecessor(options)
        bound, audiosocket = await take_port(options, before), list[socket.socket]()
        try:
            if options.audiosocket_port:
                audiosocket = await listener.bind(options.host, options.audiosocket_port)
            terms.sockets, terms.audiosocket = ([one.fileno() for one in each] for each in (bound, audiosocket))
            return await _supervise(terms, before, bound)
        finally:
            listener.close([*bound, *audiosocket])


async def _supervise(terms: WorkerTerms, before: Predecessor, bound: Sequence[socket.socket]) -> int:
    """Supervise workers on `bound`, in the place of `before`, until a signal or the next server ends them.

    The port is handed over by us, for all workers: those of both servers accept for a moment, which no caller notices.
    """
    supervisor = Supervisor(
        terms.launch,
        workers=terms.workers,
        rows=ROWS,
        free_row=terms.free_row,
        first_has_ports=lambda: has_ports(terms.options),
        renew=terms.renew,
        clock_s=time.monotonic,
    )
    engines = SharedEnginesProcess(terms.launch_engines, clock_s=time.monotonic)

    def end(number: signal.Signals, limit_s: Callable[[Settings], float]) -> None:
        supervisor.end(number, within_s=limit_s(terms.options))
        engines.give_up()

    terminate = partial(end, signal.SIGTERM, longest_s)

    async def give_way() -> None:
        log.info("another server has taken the port; the workers end with their calls")
        supervisor.give_way()

    def reread() -> None:
        terms.reread()
        supervisor.reread()

    handlers: Mapping[signal.Signals, Callable[[], None]] = {
        signal.SIGTERM: terminate,
        signal.SIGINT: partial(end, signal.SIGINT, end_s),
        signal.SIGHUP: reread,
        signal.SIGUSR2: supervisor.replace_all,
    }
    with obeyed(handlers, noted=lambda _: None):
        try:
            if shares_engines(terms.options):
                await engines.start()
            banner = await supervisor.start()
            await before.claim()
            await before.release()
            async with Handover(terms.options.handover_socket, bound, give_way):
                sys.stdout.write(f"{banner}\n  workers       {terms.workers}, of the supervisor {os.getpid()}\n")
                sys.stdout.flush()
                await supervisor.until_over()
        except OSError:  # another server took the port at the same moment, or waits at the path: our calls end first
            terminate()
            await supervisor.until_over()
            raise
        except StartFailed as failed:
            return failed.code if failed.code > 0 else 1
        finally:
            await engines.end()
    return supervisor.exit_code
