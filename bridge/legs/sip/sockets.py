"""The sockets of this process on the SIP ports: the stack opened them, and the kernel is to guard them."""

import os
import socket
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from bridge.legs.sip import bpf

_FDS: Final = Path("/proc/self/fd")


class Unguarded(Exception):
    """The list of who may reach the port cannot be enforced; the text says why."""


def guard(ports: Collection[int], allowed: Iterable[bpf.Network]) -> int:
    """Have the kernel drop what comes to `ports` from outside `allowed`; return how many sockets are guarded.

    Connections accepted later inherit it from their listener.

    Raises:
        Unguarded: this system cannot, or the stack listens on none of them.
    """
    if sys.platform != "linux":
        raise Unguarded(f"the list of allowed networks needs the Linux kernel, and this is {sys.platform}")
    steps, guarded = bpf.program(allowed), 0
    for number in _numbers():
        try:
            duplicate = socket.socket(fileno=os.dup(number))
        except OSError:  # closed meanwhile, or no socket
            continue
        with duplicate:
            if duplicate.family in {socket.AF_INET, socket.AF_INET6} and _port(duplicate) in ports:
                bpf.attach(duplicate, steps)
                guarded += 1
    if not guarded:
        raise Unguarded(f"the stack does not listen on {', '.join(map(str, sorted(ports)))}")
    return guarded


def _numbers() -> list[int]:
    return [int(entry.name) for entry in _FDS.iterdir()]


def _port(found: socket.socket) -> int:
    try:
        return int(found.getsockname()[1])
    except OSError:
        return 0


def addresses(host: str) -> list[str]:
    """Return the addresses that `host` resolves to, none where it does not. Blocks."""
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None)})
    except OSError:
        return []
