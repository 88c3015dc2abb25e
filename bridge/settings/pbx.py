"""The options of the sockets that a PBX connects its calls with: docs/pbx.md."""

from typing import Annotated

from pydantic import AfterValidator, Field

from bridge.settings.types import Group, Networks, SocketUrl, Takes
from telephony.audiosocket import RATES


def _rate(value: int) -> int:
    if value not in RATES.values():
        raise ValueError("AudioSocket has no such rate")
    return value


class Pbx(Group):
    """Calls from a PBX."""

    audiosocket_port: int = Field(
        default=0, ge=0, le=65535, description="TCP port for Asterisk's AudioSocket; 0 is none."
    )
    audiosocket_rate: Annotated[int, AfterValidator(_rate), Takes(", ".join(map(str, RATES.values())))] = Field(
        default=8000,
        description="Sample rate of AudioSocket calls that begin before any audio has come, on a channel that plays "
        "nothing yet. Asterisk's application speaks 8000 Hz, Dial(AudioSocket/.../c(slin16)) 16000.",
    )
    audiosocket_allow: Networks = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Who may connect to audiosocket_port. The protocol has no password, so no more than your PBX.",
    )
    asterisk_url: SocketUrl = Field(
        default="",
        description="Where an Asterisk has the media sockets of calls that wait for us: POST /asterisk/connect has us "
        "connect to one of them. Nothing is none.",
    )
