"""The options of the bot's side of a call: which bot, what a silent caller hears, and a bot that runs elsewhere."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from bridge.settings.types import FIRST, Group, OptionalPath, Origins, Plugin, Section, Takes, whole_url

HookUrl = Annotated[
    str,
    StringConstraints(pattern=r"^((https?|wss?)://[^/\s#]+(/[^\s#]*)?)?$"),
    AfterValidator(whole_url),
    Takes("a URL like https://HOST/PATH or wss://HOST/PATH"),
]


TwimlUrl = Annotated[
    str,
    StringConstraints(pattern=r"^(https?://[^/\s#]+(/[^\s#]*)?)?$"),
    AfterValidator(whole_url),
    Takes("a URL like https://HOST/PATH"),
]


class Bot(Group):
    """The bot of a call."""

    section = Section.ANSWERING
    per_call = True

    bot: Annotated[Plugin, FIRST] = Field(
        default="echo",
        description="Bot that answers: echo, openai, webhook or module:attribute. echo repeats what it heard.",
    )
    greeting: Annotated[str, FIRST] = Field(
        default="", max_length=4000, description="First words of a call. Empty leaves them to the bot."
    )
    fallback_text: str = Field(
        default="",
        max_length=4000,
        description="What the caller hears when the bot or its voice fails. This and the other texts: empty takes the "
        "text of the language that is spoken, shipped for seven or from texts; a text of yours stands for the language "
        "that calls begin with.",
    )
    texts: OptionalPath = Field(
        default=None,
        description="Folder of texts by language, files like de.toml with fallback_text, no_input_text, goodbye_text, "
        "filler_text and greeting. What is in them goes before what is shipped: docs/languages.md.",
    )
    bot_timeout: float = Field(
        default=10.0,
        ge=0.1,
        le=300,
        description="Seconds that each piece of a reply may take, the first and every later one. If a piece takes "
        "longer, the reply ends and the caller hears fallback_text.",
    )


class NoInput(Group):
    """What a caller hears who says nothing, who waits, or whose time is up."""

    section = Section.ANSWERING
    per_call = True

    no_input_timeout: float = Field(
        default=8.0,
        ge=0,
        le=600,
        description="Seconds of silence on both sides after which the caller is asked; 0 is never. People who look for "
        "a card or ask somebody need six or seven. Noise without words is not an answer.",
    )
    no_input_prompts: int = Field(
        default=2,
        ge=0,
        le=20,
        description="How often a silent caller is asked. After that the caller hears goodbye_text and we hang up.",
    )
    no_input_text: str = Field(
        default="",
        max_length=4000,
        description="What a silent caller is asked if the bot's on_silence says nothing.",
    )
    goodbye_text: str = Field(
        default="",
        max_length=4000,
        description="Last words of a call that we end because the caller stays silent or max_call_duration is reached.",
    )
    filler_after: float = Field(
        default=4.0,
        ge=0,
        le=60,
        description="Seconds for which a bot may think before it says filler_text; 0 is never. Callers think that a "
        "line which is silent for longer is dead.",
    )
    filler_text: str = Field(
        default="",
        max_length=4000,
        description="What the caller hears while the bot thinks.",
    )


class Webhook(Group):
    """A bot that runs elsewhere, with `--bot webhook`: docs/webhook.md."""

    section = Section.ANSWERING
    per_call = True

    webhook_url: Annotated[HookUrl, FIRST] = Field(
        default="",
        description="Where a bot of --bot webhook runs: https:// or wss://. https:// gets one request a turn; wss:// "
        "stays open for the call and speaks the dialect of Twilio ConversationRelay.",
    )
    webhook_twiml_url: TwimlUrl = Field(
        default="",
        description="Instead of webhook_url: the address that Twilio would ask what to do with a call. It is asked in "
        "the same way, and the <ConversationRelay> in its answer says where the relay is, and how.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="Secret that requests to the webhook are signed with. Without it, a relay (wss://) gets Twilio's "
        "signature, made with twilio_auth_token.",
    )
    webhook_secret_file: OptionalPath = Field(default=None, description="File that holds webhook_secret.")
    webhook_wait: float = Field(
        default=4.0,
        ge=0.1,
        le=60,
        description="Seconds that each piece of an answer may take, the first and every later one; then the caller "
        "hears fallback_text. Most models need less, and most callers wait for longer.",
    )
    webhook_total: float = Field(
        default=30.0, ge=0.1, le=600, description="Seconds that one answer may take as a whole."
    )
    webhook_max_bytes: int = Field(
        default=65_536, ge=1024, le=1 << 24, description="Bytes of one answer, or of one message of a relay."
    )
    webhook_handoff: str = Field(
        default="",
        max_length=200,
        description="Where the caller is transferred when a relay ends with handoffData: a number, a SIP address, or "
        "{name}, which is taken from that data. Empty hangs up.",
    )
    webhook_partials: bool = Field(
        default=False,
        description="Send a relay what the caller seems to be saying, as prompts that are not the last.",
    )
    webhook_no_input: bool = Field(
        default=False,
        description="Ask a caller of a relay who says nothing, as no_input_timeout says, and hang up in the end. Off: "
        "Twilio leaves both to the application.",
    )
    webhook_media_origins: Origins = Field(
        default=(),
        description="https://host from which recordings may come that the webhook wants played, besides its own host; "
        "* is any.",
    )
