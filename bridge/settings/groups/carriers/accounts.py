"""The options of carriers besides Twilio: what their requests are verified with, and how we sign in at their APIs."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from bridge.settings.types import Group, OptionalPath, Section, Takes, Url

CarrierId = Annotated[
    str, StringConstraints(pattern=r"^[\w-]{0,64}$"), Takes("letters, digits, - and _, from the carrier's console")
]
PublicKey = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9+/]{43}=)?$"), Takes("44 characters of base64, from the portal")
]


class Telnyx(Group):
    """Calls over Telnyx: docs/carriers.md."""

    section = Section.WIRES

    telnyx_public_key: PublicKey = Field(
        default="", description="Public key of the account. Requests that Telnyx did not sign are refused."
    )
    telnyx_api_key: SecretStr | None = Field(
        default=None, description="Key of Telnyx's API: hangs up, transfers, sends digits, answers and places calls."
    )
    telnyx_api_key_file: OptionalPath = Field(default=None, description="File that holds telnyx_api_key.")
    telnyx_connection_id: CarrierId = Field(
        default="", description="Id of the call control application that calls out are placed with."
    )
    telnyx_codec: Literal["PCMU", "PCMA"] = Field(
        default="PCMU", description="Codec that streams are ordered in: what your calls use, mostly PCMA in Europe."
    )
    telnyx_api_url: Url = Field(default="https://api.telnyx.com", description="URL of Telnyx's API.")
