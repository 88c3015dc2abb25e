"""A real PostgreSQL of a test's own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

_BIN: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def available() -> bool:
    """Return whether Debian's PostgreSQL is installed."""
    return bool(_BIN)


class Postgres:
    """A server on a socket below `folder`; it may be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"postgresql://postgres@/postgres?host={folder}"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = f"-c listen_addresses='' -c unix_socket_directories={self._folder} -c fsync=off"
        self._run(
            "pg_ctl", "-w", "-D", str(self._folder / "data"), "-l", str(self._folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        """Stop it at once: connections are cut."""
        self._run("pg_ctl", "-w", "-m", "immediate", "-D", str(self._folder / "data"), "stop")

    def make(self) -> None:
        """Make its files."""
        self._run("initdb", "-U", "postgres", "-A", "trust", "-N", "-D", str(self._folder / "data"))

    @staticmethod
    def _run(program: str, *arguments: str) -> None:
        as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
        subprocess.run(
            [*as_other, str(_BIN[-1] / program), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=60
        )


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Yield a running server, which ends with its files."""
    folder = Path(mkdtemp(prefix="pg-"))  # a path of a socket is short: pytest's would be too long
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        server = Postgres(folder)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
