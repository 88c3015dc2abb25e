"""One call's recording, from its begin to its end, and what the call log is told of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.recording.recorder import CallRecording
from bridge.recording.recordings import Recordings
from bridge.records.journal import Journal
from bridge.settings import Settings
from telephony.events import AudioFormat


@asynccontextmanager
async def recorded(
    recordings: Recordings, settings: Settings, audio: AudioFormat, journal: Journal
) -> AsyncIterator[CallRecording | None]:
    """Yield the recording of a call that `settings` want recorded, else None; it is whole behind the `async with`."""
    recording = recordings.open(settings, audio, journal.record)
    if recording is None:
        yield None
        return
    try:
        with journal.heard_by(recording.silence):
            yield recording
    finally:
        done = await recording.close()
        told: dict[str, object] = {}
        if done.path:
            told |= {"url": recording.url} if recording.url else {"path": str(done.path)}
            told |= {"bytes": done.bytes, "sha256": done.sha256}
        if done.lost_ms:
            told["lost_ms"] = done.lost_ms
        if done.failure:
            told["failure"] = done.failure
        journal.recorded(told)
