"""Processes that others started, as the kernel sees them."""

from contextlib import suppress
from pathlib import Path


def alive(pid: int) -> bool:
    """Return whether a process runs: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> list[int]:
    """Return the processes that `pid` has started, those of each of its threads from the oldest on."""
    return [
        int(child)
        for children in Path(f"/proc/{pid}/task").glob("*/children")
        for child in children.read_text().split()
    ]


def engines_of(pid: int) -> list[int]:
    """Return the processes below `pid` that are vLLM's engine; the kernel keeps 15 letters of a name."""
    found: list[int] = []
    for child in children_of(pid):
        with suppress(OSError):  # it has ended meanwhile
            name = Path(f"/proc/{child}/comm").read_text()
            found += [child] if name.startswith("VLLM::Engine") else engines_of(child)
    return found
