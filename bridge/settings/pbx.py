"""The options of the sockets that a PBX connects its calls with: docs/pbx.md."""

from pydantic import Field

from bridge.settings.kinds import Group, Networks


class Pbx(Group):
    """Calls from a PBX."""

    audiosocket_port: int = Field(
        default=0, ge=0, le=65535, description="TCP port for Asterisk's AudioSocket; 0 is none."
    )
    audiosocket_allow: Networks = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Who may connect to audiosocket_port. The protocol has no password, so no more than your PBX.",
    )
