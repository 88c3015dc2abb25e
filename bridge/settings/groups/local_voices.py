"""The options of voices whose models run here."""

from pydantic import Field

from bridge.settings.types import Group, Section


class LocalVoices(Group):
    """Voices that run here, kokoro and piper: docs/voices.md."""

    section = Section.SPEECH
    per_call = True

    tts_model_path: str = Field(
        default="",
        description="Model of the voice: a folder, a file or an id of the hub. Empty is what is installed, or what "
        "bridge models fetch has brought.",
    )
    tts_threads: int = Field(
        default=2, ge=1, le=256, description="Threads of the voice, for all calls. Two carry about five with kokoro."
    )
