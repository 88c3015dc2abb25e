"""A classic BPF program that lets packets of some networks through, and the socket option that installs it.

The kernel runs it before a packet is queued for the socket, and for a TCP listener on the SYN: who is not on the list
learns nothing, costs nothing and reaches no parser. linux/filter.h, man 7 socket (SO_ATTACH_FILTER).
"""

import ctypes
import ipaddress
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, k."""

_LOAD_BYTE: Final = 0x30  # BPF_LD | BPF_B | BPF_ABS
_LOAD_HALF: Final = 0x28  # BPF_LD | BPF_H | BPF_ABS
_LOAD_WORD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
_JUMP_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_IP_HEADER: Final = 0xFFF00000  # SKF_NET_OFF: offsets from there count from the network header, whatever the socket
_ALL: Final = 0xFFFFFFFF
_V4_SOURCE: Final = 12
_V6_SOURCE: Final = 8

_LONGEST: Final = 4096  # BPF_MAXINSNS
_INSTRUCTION: Final = struct.Struct("=HBBI")
SO_ATTACH_FILTER: Final = 26
SO_DETACH_FILTER: Final = 27


def networks(texts: Iterable[str]) -> list[Network]:
    """Return the networks that `texts` name: "10.0.0.0/8", "192.0.2.7", "2001:db8::/32".

    Raises:
        ValueError: one names none.
    """
    return [ipaddress.ip_network(text.strip(), strict=False) for text in texts]


def program(allowed: Iterable[Network]) -> Sequence[Instruction]:
    """Return the program that accepts packets whose IP source is in `allowed` and drops all others.

    Raises:
        ValueError: it would be longer than the kernel takes: over a thousand networks.
    """
    v4 = [(int(n.network_address), int(n.netmask)) for n in allowed if isinstance(n, ipaddress.IPv4Network)]
    v6 = [n for n in allowed if isinstance(n, ipaddress.IPv6Network)]
    six: list[Instruction] = [step for network in v6 for step in _match_v6(network)] + [(_RETURN, 0, 0, 0)]
    four: list[Instruction] = [step for address, mask in v4 for step in _match_v4(address, mask)] + [(_RETURN, 0, 0, 0)]
    head: list[Instruction] = [
        (_LOAD_BYTE, 0, 0, _IP_HEADER),
        (_AND, 0, 0, 0xF0),
        (_JUMP_EQUAL, 0, 1, 0x60),  # version 6: on to the jump, else past it
        (0x05, 0, 0, len(four)),  # BPF_JMP | BPF_JA: over version 4
    ]
    whole = [*head, *four, *six]
    if len(whole) > _LONGEST:
        raise ValueError(f"{len(v4) + len(v6)} networks are more than the kernel's filter holds")
    return whole


def one_source(host: str, port: int) -> Sequence[Instruction]:
    """Return the program that accepts UDP packets from that address and port and drops all others.

    On a UDP socket offsets count from the UDP header, which begins with the source port.

    Raises:
        ValueError: `host` is no IP address.
    """
    return [(_LOAD_HALF, 0, 0, 0), (_JUMP_EQUAL, 1, 0, port), (_RETURN, 0, 0, 0), *program(networks([host]))]


def _match_v4(address: int, mask: int) -> list[Instruction]:
    return [
        (_LOAD_WORD, 0, 0, _IP_HEADER + _V4_SOURCE),
        (_AND, 0, 0, mask),
        (_JUMP_EQUAL, 0, 1, address),
        (_RETURN, 0, 0, _ALL),
    ]


def _match_v6(network: ipaddress.IPv6Network) -> list[Instruction]:
    words = [
        (int.from_bytes(network.network_address.packed[i : i + 4]), int.from_bytes(network.netmask.packed[i : i + 4]))
        for i in range(0, 16, 4)
    ]
    checked = [(index, address, mask) for index, (address, mask) in enumerate(words) if mask]
    steps: list[Instruction] = []
    for position, (index, address, mask) in enumerate(checked):
        left = 3 * (len(checked) - position - 1) + 1  # to the instruction after this network's
        steps += [
            (_LOAD_WORD, 0, 0, _IP_HEADER + _V6_SOURCE + 4 * index),
            (_AND, 0, 0, mask),
            (_JUMP_EQUAL, 0, left, address),
        ]
    return [*steps, (_RETURN, 0, 0, _ALL)]


def attach(listening: socket.socket, steps: Sequence[Instruction]) -> None:
    """Have the kernel drop what `steps` do not accept.

    Raises:
        OSError: this system has no such filters.
    """
    code = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*step) for step in steps))
    address = ctypes.addressof(code)
    listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(steps), address))


def detach(listening: socket.socket) -> None:
    """Have the kernel drop nothing any more."""
    listening.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
