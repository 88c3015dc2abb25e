"""The options of voices that are asked over HTTP."""

from typing import Literal

from pydantic import Field, SecretStr

from bridge.settings.types import Group, OptionalPath, Section, Urls


class HttpVoices(Group):
    """Voices over HTTP, openai and hosted ones: docs/voices.md."""

    section = Section.SPEECH
    per_call = True

    tts_url: Urls = Field(
        default=(),
        description="Servers of the voice. Of several, the least busy one that works says a sentence, and another the "
        "rest of it if that breaks off. Empty is the address of the maker, for those that have one.",
    )
    tts_model: str = Field(
        default="", max_length=200, description="Model of the voice, as its server names it. Empty is the usual one."
    )
    tts_voice: str = Field(
        default="", max_length=200, description="Who speaks, as the server names it. Empty is the usual one."
    )
    tts_api_key: SecretStr | None = Field(default=None, description="Key that the servers of the voice ask for.")
    tts_api_key_file: OptionalPath = Field(default=None, description="File that holds tts_api_key.")
    tts_profiles: OptionalPath = Field(
        default=None,
        description="TOML file with voice servers of your own, one table each; its name is what tts takes.",
    )
    tts_telephone: bool = Field(
        default=True,
        description="Ask hosted voices for the telephone's own format, mu-law at 8 kHz, where they have it. Without it "
        "they send 24 kHz, which Opus, G.722 and the page can carry.",
    )
    tts_first_audio: float = Field(
        default=3.0,
        ge=0.1,
        le=60,
        description="Seconds until the first audio of a sentence, and between two pieces of it. After that another "
        "server says the rest. Hosted voices need 0.1 to 1 s.",
    )
    tts_timeout: float = Field(
        default=30.0, ge=1, le=300, description="Seconds that a server may take for a whole sentence."
    )
    tts_fallback: Literal["hibari", "none"] = Field(
        default="hibari",
        description="Voice that speaks where no server does: the embedded one, which reads English, or none. Then "
        "callers hear fallback_text.",
    )
