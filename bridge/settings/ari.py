"""The options of calls over Asterisk's REST interface: docs/pbx.md."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from bridge.settings.types import Address, Group, OptionalPath, PortRange, SipName, Takes, whole_url

AriUrl = Annotated[
    str,
    StringConstraints(pattern=r"^(https?://[^/\s@?#]+(/[^\s@?#]*)?)?$"),
    AfterValidator(whole_url),
    Takes("a URL like http://pbx.example.com:8088/ari"),
]
AppName = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,60}$"), Takes("letters, digits, - and _")]


class Ari(Group):
    """Calls that an Asterisk hands over by `Stasis`, with audio as RTP."""

    ari_url: AriUrl = Field(default="", description="Where its REST interface is; nothing is none.")
    ari_app: AppName = Field(
        default="bridge", description="Name of the application, as in Stasis(bridge); each bridge needs its own."
    )
    ari_user: SipName = Field(default="", description="User of ari.conf.")
    ari_password: SecretStr | None = Field(default=None, description="Password of ari_user.")
    ari_password_file: OptionalPath = Field(default=None, description="File that holds ari_password.")
    ari_timeout: float = Field(
        default=5.0, ge=0.1, le=60, description="Seconds until Asterisk must have answered a request."
    )
    ari_media_host: Address = Field(
        default="127.0.0.1", description="Address of this machine that Asterisk sends RTP to."
    )
    ari_rtp_ports: PortRange = Field(
        default="20100-21099",
        description="UDP ports of that RTP, to be opened for Asterisk in the firewall; a call takes an even one.",
    )
    ari_format: Literal["ulaw", "alaw"] = Field(
        default="ulaw",
        description="What the audio travels as, best what your telephones and trunks use: both are G.711, 8 kHz.",
    )
