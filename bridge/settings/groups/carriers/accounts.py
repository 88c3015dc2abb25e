"""The options of carriers besides Twilio: what their requests are verified with, and how we sign in at their APIs."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from bridge.settings.types import Group, OptionalPath, OptionalUrl, Section, Takes, Url

AuthId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{0,40}$"), Takes("the auth id, from the console")]
CarrierId = Annotated[
    str, StringConstraints(pattern=r"^[\w-]{0,64}$"), Takes("letters, digits, - and _, from the carrier's console")
]
PublicKey = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9+/]{43}=)?$"), Takes("44 characters of base64, from the portal")
]


def _verified(carrier: str) -> str:
    return f"Requests that {carrier} did not sign with it are refused."


def _owner(token: str, carrier: str) -> str:
    """Say what the account is for that `token`, an option, belongs to."""
    return (
        f"Account that {token} belongs to. With both, {carrier} calls can be transferred; with public_url as well, "
        "they can be placed."
    )


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


class Plivo(Group):
    """Calls over Plivo: docs/carriers.md."""

    section = Section.WIRES

    plivo_auth_token: SecretStr | None = Field(default=None, description=f"Auth token of Plivo. {_verified('Plivo')}")
    plivo_auth_token_file: OptionalPath = Field(default=None, description="File that holds plivo_auth_token.")
    plivo_auth_id: AuthId = Field(default="", description=_owner("plivo_auth_token", "Plivo"))
    plivo_api_url: Url = Field(default="https://api.plivo.com", description="URL of Plivo's API.")


class Vobiz(Group):
    """Calls over Vobiz: docs/carriers.md."""

    section = Section.WIRES

    vobiz_auth_token: SecretStr | None = Field(default=None, description=f"Auth token of Vobiz. {_verified('Vobiz')}")
    vobiz_auth_token_file: OptionalPath = Field(default=None, description="File that holds vobiz_auth_token.")
    vobiz_auth_id: AuthId = Field(default="", description=_owner("vobiz_auth_token", "Vobiz"))
    vobiz_api_url: Url = Field(default="https://api.vobiz.ai/api", description="URL of Vobiz's API.")


class Vonage(Group):
    """Calls over Vonage: docs/carriers.md."""

    section = Section.WIRES

    vonage_signature_secret: SecretStr | None = Field(
        default=None, description=f"Signature secret of the account. {_verified('Vonage')}"
    )
    vonage_signature_secret_file: OptionalPath = Field(
        default=None, description="File that holds vonage_signature_secret."
    )
    vonage_application_id: CarrierId = Field(
        default="", description="Id of the Voice application: with its key calls are hung up, transferred and placed."
    )
    vonage_private_key: SecretStr | None = Field(default=None, description="Private key (PEM) of that application.")
    vonage_private_key_file: OptionalPath = Field(default=None, description="File that holds vonage_private_key.")
    vonage_rate: Literal["8000", "16000", "24000"] = Field(
        default="16000", description="Hertz of the audio that streams are ordered with."
    )
    vonage_auth_id: CarrierId = Field(default="", description="API key of the account, for `bridge vonage connect`.")
    vonage_auth_token: SecretStr | None = Field(default=None, description="API secret of the account.")
    vonage_auth_token_file: OptionalPath = Field(default=None, description="File that holds vonage_auth_token.")
    vonage_numbers_url: Url = Field(
        default="https://rest.nexmo.com", description="URL of Vonage's API of numbers, for `bridge vonage connect`."
    )
    vonage_api_url: Url = Field(
        default="https://api.nexmo.com", description="URL of Vonage's API; regions have others."
    )


class SignalWire(Group):
    """Calls over SignalWire: docs/carriers.md."""

    section = Section.WIRES

    signalwire_signing_key: SecretStr | None = Field(
        default=None, description=f"Signing key of the space. {_verified('SignalWire')}"
    )
    signalwire_signing_key_file: OptionalPath = Field(
        default=None, description="File that holds signalwire_signing_key."
    )
    signalwire_auth_id: CarrierId = Field(
        default="",
        description="Id of the project. With a token and the URL of the space calls can be transferred and placed.",
    )
    signalwire_auth_token: SecretStr | None = Field(default=None, description="API token of the project.")
    signalwire_auth_token_file: OptionalPath = Field(default=None, description="File that holds signalwire_auth_token.")
    signalwire_api_url: OptionalUrl = Field(default="", description="URL of the space: https://SPACE.signalwire.com.")


class Exotel(Group):
    """Calls over Exotel: docs/carriers.md."""

    section = Section.WIRES

    exotel_rate: Literal["8000", "16000", "24000"] = Field(
        default="8000", description="Hertz of the audio that streams are ordered with."
    )
    exotel_account: CarrierId = Field(default="", description="SID of the account, for calls out.")
    exotel_auth_id: CarrierId = Field(default="", description="API key of the account.")
    exotel_auth_token: SecretStr | None = Field(default=None, description="API token of the account.")
    exotel_auth_token_file: OptionalPath = Field(default=None, description="File that holds exotel_auth_token.")
    exotel_api_url: Url = Field(
        default="https://api.exotel.com", description="URL of the API; India: api.in.exotel.com."
    )


class Genesys(Group):
    """Calls over Genesys's Audio Connector: docs/carriers.md."""

    section = Section.WIRES

    genesys_client_secret: SecretStr | None = Field(
        default=None, description="Client secret (base64) of the integration. Sockets that it did not sign are refused."
    )
    genesys_client_secret_file: OptionalPath = Field(default=None, description="File that holds genesys_client_secret.")


class Azure(Group):
    """Calls over Azure Communication Services: docs/carriers.md."""

    section = Section.WIRES

    azure_resource_id: CarrierId = Field(
        default="",
        description="Immutable id of the Communication Services resource. Callbacks and sockets whose token is not for "
        "it are refused.",
    )
    azure_api_url: OptionalUrl = Field(
        default="", description="Endpoint of the resource: https://NAME.communication.azure.com."
    )
    azure_access_key: SecretStr | None = Field(
        default=None, description="Access key (base64) of the resource: answers, hangs up, transfers and places calls."
    )
    azure_access_key_file: OptionalPath = Field(default=None, description="File that holds azure_access_key.")
    azure_audio_format: Literal["pcm16KMono", "pcm24KMono"] = Field(
        default="pcm16KMono", description="Audio that streams are ordered with: 16 or 24 kHz."
    )
    azure_openid_url: Url = Field(
        default="https://acscallautomation.communication.azure.com/calling/.well-known/acsopenidconfiguration",
        description="OpenID configuration of Call Automation, which says who signs tokens and with which keys.",
    )
