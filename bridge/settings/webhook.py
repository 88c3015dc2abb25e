"""The options of a bot that runs elsewhere: docs/webhook.md says what passes between it and the bridge."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from bridge.settings.types import Group, OptionalPath, Origins, Takes, whole_url

HookUrl = Annotated[
    str,
    StringConstraints(pattern=r"^((https?|wss?)://[^/\s#]+(/[^\s#]*)?)?$"),
    AfterValidator(whole_url),
    Takes("a URL like https://HOST/PATH or wss://HOST/PATH"),
]


class Webhook(Group):
    """A bot that runs elsewhere, with `--bot webhook`."""

    webhook_url: HookUrl = Field(
        default="",
        description="Where it is. https:// is asked once a turn; wss:// stays open for the call and speaks the dialect "
        "of Twilio ConversationRelay.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="What requests to it are signed with; a relay without one gets Twilio's signature, by "
        "twilio_auth_token.",
    )
    webhook_secret_file: OptionalPath = Field(default=None, description="File that holds webhook_secret.")
    webhook_wait: float = Field(
        default=4.0,
        ge=0.1,
        le=60,
        description="Seconds until the first, and each next, piece of its answer; then the caller hears fallback_text. "
        "Longer than most models need, shorter than most callers wait.",
    )
    webhook_total: float = Field(
        default=30.0, ge=0.1, le=600, description="Seconds that one answer may keep the caller waiting in all."
    )
    webhook_max_bytes: int = Field(
        default=65_536, ge=1024, le=1 << 24, description="Bytes of one answer, or of one message of a relay."
    )
    webhook_handoff: str = Field(
        default="",
        max_length=200,
        description="Whom the caller is put through to when a relay ends with handoffData: a number, a SIP address, or "
        "{name}, which is taken from that data. Empty hangs up.",
    )
    webhook_partials: bool = Field(
        default=False, description="Tell a relay what the caller seems to be saying, as prompts that are not the last."
    )
    webhook_media_origins: Origins = Field(
        default=(),
        description="https://host from where recordings that it wants played may come, besides its own; * is any.",
    )
