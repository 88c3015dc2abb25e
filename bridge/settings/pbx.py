"""The options of the sockets that a PBX connects its calls with: docs/pbx.md."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from bridge.settings.kinds import Group, Takes, split_words


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))  # a ValueError says what is wrong with it


Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_network)], ...],
    BeforeValidator(split_words),
    Takes("networks or addresses like 10.0.0.0/8, with commas between"),
]


class Pbx(Group):
    """Calls from a PBX."""

    audiosocket_port: int = Field(
        default=0, ge=0, le=65535, description="TCP port for Asterisk's AudioSocket; 0 is none."
    )
    audiosocket_allow: Networks = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Who may connect to audiosocket_port. The protocol has no password, so no more than your PBX.",
    )
