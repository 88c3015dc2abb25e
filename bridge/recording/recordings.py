"""The recordings of a server: which calls are recorded, where to, and for how long that is kept."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bridge.recording import shelf
from bridge.recording.consent import Consent
from bridge.recording.recorder import CallRecording, Recorder
from bridge.settings import Settings
from bridge.settings.types import seconds
from telephony.events import AudioFormat

log = logging.getLogger(__name__)

_EXPIRE_EVERY_S: Final = 3600.0


class Recordings:
    """What records the calls of one server."""

    def __init__(self, recorder: Recorder) -> None:
        """`recorder` writes."""
        self._recorder = recorder

    def open(self, settings: Settings, audio: AudioFormat, record: str) -> CallRecording | None:
        """Return the recording of a call that begins now; None where `settings`, which are the call's, want none."""
        if not settings.record_calls:
            return None
        return CallRecording(
            self._recorder,
            shelf.path_of(Path(settings.record_calls).absolute(), record, at=time.time()),
            audio,
            consent=Consent(settings.record_consent),
            announcement=settings.record_consent_text if settings.record_consent else "",
        )


@asynccontextmanager
async def recordings(settings: Settings) -> AsyncIterator[Recordings]:
    """Record calls as `settings` and their routes say, inside the `async with`.

    Raises:
        NoRecordings: a folder cannot be written to.
    """
    places = roots(settings)
    for root in places:
        await asyncio.to_thread(shelf.prepare, root)
    expiring = asyncio.create_task(_expire(settings))
    try:
        with Recorder() as recorder:
            yield Recordings(recorder)
    finally:
        expiring.cancel()
        await asyncio.gather(expiring, return_exceptions=True)


def roots(settings: Settings) -> list[Path]:
    """Return the folders of recordings, of all routes."""
    named = [settings.record_calls, *(str(route.options.get("record_calls", "")) for route in settings.route)]
    return [Path(name).absolute() for name in dict.fromkeys(named) if name]


async def _expire(settings: Settings) -> None:
    """Delete what is too old, now and every hour."""
    while True:
        before = time.time() - seconds(settings.keep_audio)
        if gone := await asyncio.to_thread(shelf.expire, roots(settings), before=before):
            log.info("%d recordings were older than %s and are deleted", gone, settings.keep_audio)
        await asyncio.sleep(_EXPIRE_EVERY_S)
