"""The options of what is kept of calls: docs/records.md."""

from pydantic import Field

from bridge.settings.types import Age, Group, OptionalPath, Section


class Records(Group):
    """The call log: what is kept of each call, where, and for how long."""

    section = Section.RECORDS

    records: str = Field(
        default="",
        description="Database of the call log: sqlite:///FILE, postgresql://USER@HOST/NAME for many bridges (extra "
        "postgresql), or none. Without it, a file in state_dir.",
    )
    state_dir: OptionalPath = Field(
        default=None,
        description="Folder of what this server keeps: call log, recordings, what waits for a database. Without it, "
        "voice-bridge in $XDG_STATE_HOME, else in ~/.local/state.",
    )
    records_backlog_mb: int = Field(
        default=200,
        ge=1,
        le=1_000_000,
        description="Megabytes of call records that may wait on disk while the database is down. What comes beyond is "
        "lost, counted and told.",
    )
    keep_text: Age = Field(
        default="7d",
        description="How long what was said is kept: 12h, 7d. Then only that it was said. 0 is for ever.",
    )
    keep_calls: Age = Field(
        default="90d", description="How long calls are kept: who, when, how long, how it ended. 0 is for ever."
    )
    keep_audio: Age = Field(default="7d", description="How long recordings are kept: 12h, 7d. 0 is for ever.")
