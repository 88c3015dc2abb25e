"""The options of Twilio's REST API: docs/outbound.md says what it is used for."""

from typing import Annotated

from pydantic import Field, StringConstraints

from bridge.settings.types import Group, Takes, Url

AccountSid = Annotated[
    str, StringConstraints(pattern=r"^(AC[0-9A-Za-z]{32})?$"), Takes("AC and 32 letters and digits, from the console")
]


class Twilio(Group):
    """Twilio's REST API, which transfers and places calls."""

    twilio_account_sid: AccountSid = Field(
        default="",
        description="Account that twilio_auth_token belongs to. With both, Twilio calls can be transferred, and with "
        "public_url placed.",
    )
    twilio_api_url: Url = Field(
        default="https://api.twilio.com",
        description="Where the API is; a region has its own, e.g. https://api.dublin.ie1.twilio.com.",
    )
    twilio_api_timeout: float = Field(
        default=10.0, ge=0.1, le=60, description="Seconds until it must have answered a request."
    )
