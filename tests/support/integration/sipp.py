"""sipp from Debian: many calls at once, each of which must go as its scenario says."""

import asyncio
import shutil
import struct
from pathlib import Path

import pytest
from integration.sip_peers import free_port

needs_sipp = pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed: apt install sip-tester")

_INVITE = """INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: sipp <sip:sipp@[local_ip]:[local_port]>;tag=[pid]SIPpTag[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: sip:sipp@[local_ip]:[local_port]
Max-Forwards: 70
X-Call-ID: campaign-7
Content-Type: application/sdp
Content-Length: [len]

v=0
o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
"""
_ACK = """ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: sipp <sip:sipp@[local_ip]:[local_port]>;tag=[pid]SIPpTag[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Contact: sip:sipp@[local_ip]:[local_port]
Max-Forwards: 70
Content-Length: 0

"""
_ACK_REFUSAL = _ACK.replace("Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]", "[last_Via:]")
_BYE = _ACK.replace("ACK sip", "BYE sip").replace("1 ACK", "2 BYE")
_OK = """SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

"""
_CANCEL = """CANCEL sip:[service]@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
From: sipp <sip:sipp@[local_ip]:[local_port]>;tag=[pid]SIPpTag[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 CANCEL
Max-Forwards: 70
Content-Length: 0

"""


def _send(message: str, *, again: bool = True) -> str:
    retrans = ' retrans="500"' if again else ""
    return f"<send{retrans}><![CDATA[\n{message}\n]]></send>\n"


_ANSWERED = (
    '<recv response="100" optional="true"/><recv response="180" optional="true"/><recv response="200" rtd="true"/>\n'
)
_HANGS_UP = _send(_BYE) + '<recv response="200"/>\n'


def talk(speech: Path, *, talk_ms: int, digits: str = "") -> str:
    """Return the scenario of a call that says `speech`, presses `digits` after it and hangs up."""
    keys = "".join(
        f'<nop><action><exec play_pcap_audio="/usr/share/sip-tester/dtmf_2833_{digit}.pcap"/></action></nop>'
        '<pause milliseconds="500"/>\n'
        for digit in digits
    )
    speak = f'<nop><action><exec play_pcap_audio="{speech}"/></action></nop><pause milliseconds="{talk_ms}"/>\n'
    return scenario(_send(_INVITE) + _ANSWERED + _send(_ACK, again=False) + speak + keys + _HANGS_UP)


def hang_up_at_once() -> str:
    """Return the scenario of a caller who hangs up as soon as the call is answered."""
    return scenario(_send(_INVITE) + _ANSWERED + _send(_ACK, again=False) + _HANGS_UP)


def cancel() -> str:
    """Return the scenario of a caller who gives up while it rings."""
    return scenario(
        _send(_INVITE)
        + '<recv response="100" optional="true"/><recv response="180"/>\n'
        + _send(_CANCEL)
        + '<recv response="200"/><recv response="487"/>\n'
        + _send(_ACK_REFUSAL, again=False)
    )


def everything_twice() -> str:
    """Return the scenario of a caller whose packets are sent again though they were answered: with `resends=False`."""
    invite, bye = (text.replace("[branch]", f"z9hG4bK[call_id]{name}") for name, text in (("i", _INVITE), ("b", _BYE)))
    ok = '<recv response="200"/>\n'
    begin = _send(invite, again=False) + _ANSWERED + _send(invite, again=False) + ok
    end = (_send(bye, again=False) + ok) * 2
    return scenario(begin + _send(_ACK, again=False) * 2 + '<pause milliseconds="500"/>\n' + end)


def fall_silent(speech: Path, *, talk_ms: int) -> str:
    """Return the scenario of a caller whose audio stops while the call goes on, and who waits for its end."""
    speak = f'<nop><action><exec play_pcap_audio="{speech}"/></action></nop><pause milliseconds="{talk_ms}"/>\n'
    return scenario(
        _send(_INVITE)
        + _ANSWERED
        + _send(_ACK, again=False)
        + speak
        + '<recv request="BYE"/>\n'
        + _send(_OK, again=False)
    )


def scenario(steps: str) -> str:
    return f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="test">\n{steps}</scenario>\n'


async def sipp(
    folder: Path,
    steps: str,
    port: int,
    *,
    calls: int = 1,
    rate: int = 25,
    timeout_s: float = 60,
    tcp: bool = False,
    resends: bool = True,
) -> str:
    """Make `calls` calls, all of which must go as the scenario says; return what sipp printed.

    `resends`: it sends again what is not answered, and takes an answer that comes twice for one.
    """
    path = folder / "scenario.xml"
    path.write_text(steps)
    process = await asyncio.create_subprocess_exec(
        *("sipp", f"127.0.0.1:{port}", "-sf", str(path), "-s", "bot", "-i", "127.0.0.1", "-mi", "127.0.0.1"),
        *("-p", str(free_port()), "-mp", str(_media_ports()), "-m", str(calls), "-l", str(calls), "-r", str(rate)),
        *(
            "-nostdin",
            "-timeout",
            str(int(timeout_s)),
            "-trace_err",
            "-t",
            "t1" if tcp else "u1",
            *([] if resends else ["-nr"]),
        ),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    errors = _errors(folder)
    assert process.returncode == 0, f"{output.decode(errors='replace')[-1500:]}\n{errors[-2000:]}"
    return output.decode(errors="replace")


def _media_ports() -> int:
    """Return a port for audio; sipp takes the next but one too, for video."""
    port = free_port()
    while (after := free_port()) != port + 2:
        port = after
    return port


def _errors(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.glob("*errors.log"))


def pcap(path: Path, mulaw: bytes, *, port: int = 30000) -> None:
    """Write `mulaw` as the RTP packets that sipp plays, 20 ms each."""
    packets: list[bytes] = []
    for number in range(len(mulaw) // 160):
        payload = mulaw[number * 160 : number * 160 + 160]
        rtp = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, 0x1234) + payload
        udp = struct.pack("!HHHH", port, port, 8 + len(rtp), 0) + rtp
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0, *2 * [b"\x7f\0\0\1"])
        packet = bytes(12) + b"\x08\x00" + ip + udp
        at_us = number * 20_000
        packets.append(struct.pack("<IIII", at_us // 1_000_000, at_us % 1_000_000, len(packet), len(packet)) + packet)
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(packets))
