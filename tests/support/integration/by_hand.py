"""A SIP telephone made by hand: its packets are written out here, so that they can be wrong, late or twice."""

import asyncio
import hashlib
import re
import socket
from collections.abc import Mapping


def opened(host: str = "127.0.0.1") -> socket.socket:
    """Return a UDP socket on a free port of this machine."""
    ours = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    ours.bind((host, 0))
    ours.setblocking(False)
    return ours


def headers(message: bytes) -> Mapping[str, str]:
    """Return the header lines of a SIP message, the first of each name, by its name in lower case."""
    lines = message.decode(errors="replace").partition("\r\n\r\n")[0].split("\r\n")[1:]
    pairs = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return dict(reversed(pairs))


def sdp(host: str, port: int) -> str:
    """Return an offer, or an answer, of mu-law at that address."""
    kind = "IP6" if ":" in host else "IP4"
    return (
        f"v=0\r\no=- 1 1 IN {kind} {host}\r\ns=-\r\nc=IN {kind} {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )


def request(
    method: str,
    wire: socket.socket,
    port: int,
    *,
    call: str = "c1",
    cseq: int = 1,
    to: str = "",
    media: int = 0,
    more: str = "",
    offer: str = "",
    kind: str = "application/sdp",
    transport: str = "UDP",
) -> bytes:
    """Return a request to the bridge at `port`; an INVITE offers audio at port `media`, and has `more` in its SDP.

    `offer`: the whole body instead, of that `kind`.
    """
    host, ours = wire.getsockname()[:2]
    body = (offer or sdp(host, media or ours + 1) + more) if method == "INVITE" else ""
    host, bridge = (f"[{host}]", "[::1]") if ":" in host else (host, "127.0.0.1")
    branch = f"z9hG4bK{call}{cseq}{'ack' if method == 'ACK' else ''}"
    return (
        f"{method} sip:bot@{bridge}:{port} SIP/2.0\r\nVia: SIP/2.0/{transport} {host}:{ours};branch={branch};rport\r\n"
        f"From: <sip:me@{host}:{ours}>;tag=1\r\nTo: {to or f'<sip:bot@{bridge}:{port}>'}\r\nCall-ID: {call}\r\n"
        f"CSeq: {cseq} {method}\r\nContact: <sip:me@{host}:{ours}>\r\nMax-Forwards: 70\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def answer(wire: socket.socket, code: int, *, cseq: str = "", timeout_s: float = 10.0) -> bytes:
    """Return the next answer with that status."""
    async with asyncio.timeout(timeout_s):
        while True:
            data = await asyncio.get_running_loop().sock_recv(wire, 65536)
            if data.startswith(f"SIP/2.0 {code} ".encode()) and headers(data).get("cseq", "").endswith(cseq):
                return data


async def asked(wire: socket.socket, method: str, *, timeout_s: float = 10.0) -> tuple[bytes, tuple[str, int]]:
    """Return the next request of that method, and who sent it."""
    async with asyncio.timeout(timeout_s):
        while True:
            data, source = await asyncio.get_running_loop().sock_recvfrom(wire, 65536)
            if data.startswith(f"{method} ".encode()):
                return data, source


def reply(told: bytes, status: str, *, more: str = "", body: str = "") -> bytes:
    """Return an answer to the request `told`; `more`: header lines, each with its end."""
    given = headers(told)
    to = given["to"] if ";tag=" in given["to"] or status.startswith("100") else f"{given['to']};tag=2"
    same = "".join(f"{name}: {given[name]}\r\n" for name in ("via", "from", "call-id", "cseq"))
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return f"SIP/2.0 {status}\r\n{same}To: {to}\r\n{more}{kind}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def proves(credentials: str, method: str, *, user: str, password: str) -> bool:
    """Return whether digest `credentials` (RFC 2617, MD5, with or without qop) are made with that password."""
    told = dict(re.findall(r'(\w+)="?([^",]+)"?', credentials))
    secret = _md5(f"{user}:{told['realm']}:{password}")
    between = f"{told['nc']}:{told['cnonce']}:{told['qop']}:" if "qop" in told else ""
    expected = _md5(f"{secret}:{told['nonce']}:{between}{_md5(method + ':' + told['uri'])}")
    return bool(told["username"] == user and told["response"] == expected)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
