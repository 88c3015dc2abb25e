"""Options of a call's course: what a caller hears who says nothing, who waits, or whose time is up."""

from pydantic import Field

from bridge.settings.types import Group


class NoInput(Group):
    """The course of a call: silence, waiting, and the end."""

    no_input_timeout: float = Field(
        default=8.0,
        ge=0,
        le=600,
        description="Seconds of silence on both sides after which the caller is asked; 0: never. Who looks for a card "
        "or asks somebody needs six or seven; noise without words does not count as an answer.",
    )
    no_input_prompts: int = Field(
        default=2, ge=0, le=20, description="So often a silent caller is asked; then goodbye_text, and we hang up."
    )
    no_input_text: str = Field(
        default="Are you still there?",
        min_length=1,
        max_length=4000,
        description="What a silent caller is asked, where the bot's on_silence says nothing.",
    )
    goodbye_text: str = Field(
        default="Goodbye.",
        min_length=1,
        max_length=4000,
        description="Last words of a call that we end: the caller stays silent, or max_call_duration is reached.",
    )
    filler_after: float = Field(
        default=4.0,
        ge=0,
        le=60,
        description="Seconds a bot may think before filler_text is said; 0: never. A line that is silent for longer is "
        "taken for dead.",
    )
    filler_text: str = Field(
        default="One moment, please.", min_length=1, max_length=4000, description="What is said while the bot thinks."
    )
