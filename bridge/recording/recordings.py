"""The recordings of a server: which calls are recorded, where to, and for how long that is kept."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bot import installing
from bridge.containment import beside
from bridge.recording import bucket, opus_file, shelf
from bridge.recording.consent import Consent
from bridge.recording.opus_file import OpusFile
from bridge.recording.recorder import CallRecording, Recorder
from bridge.recording.uploads import Uploads, staged
from bridge.recording.wave_file import WaveFile
from bridge.settings import Settings
from bridge.settings.state import state_dir
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
        kind = settings.record_format if audio.sample_rate in opus_file.RATES else "wav"
        path = shelf.path_of(_root(settings, settings.record_calls), record, at=time.time(), kind=kind)
        url = f"{settings.record_calls.rstrip('/')}/{path.parent.name}/{path.name}"
        return CallRecording(
            self._recorder,
            path,
            audio,
            open_file=OpusFile.create if kind == "opus" else WaveFile.create,
            url=url if url.startswith(bucket.SCHEME) else "",
            consent=Consent(settings.record_consent),
            announcement=settings.record_consent_text if settings.record_consent else "",
        )


@asynccontextmanager
async def recordings(settings: Settings) -> AsyncIterator[Recordings]:
    """Record calls as `settings` and their routes say, inside the `async with`.

    Raises:
        NoRecordings: a folder cannot be written to, or an extra is missing.
    """
    if (urls := _buckets(settings)) and not bucket.is_installed():
        raise shelf.NoRecordings(f"--record-calls {urls[0]} needs the extra s3: {installing.extra('s3')}")
    formats = {settings.record_format, *(route.options.get("record_format") for route in settings.route)}
    if "opus" in formats and not opus_file.is_installed():
        raise shelf.NoRecordings(f"--record-format opus needs the extra mp3: {installing.extra('mp3')}")
    for place in _places(settings):
        root = _root(settings, place)
        await asyncio.to_thread(shelf.prepare, root)
    async with beside(_expire(settings), "the deletion of old recordings"):
        with Uploads(_staging(settings)), Recorder() as recorder:
            yield Recordings(recorder)


def roots(settings: Settings) -> list[Path]:
    """Return the folders of recordings and wire records, of all routes: also those in which they wait for a bucket."""
    return [*(_root(settings, place) for place in _places(settings)), *wire_roots(settings)]


def wire_roots(settings: Settings) -> list[Path]:
    """Return the folders of wire records, of all routes."""
    return [Path(name).absolute() for name in _named(settings, "record_wire")]


def recorded_in(settings: Settings) -> list[str]:
    """Return where recordings go and how long they are kept, a line a place, for start-up."""
    kept = "for ever" if settings.keep_audio == "0" else f"for {settings.keep_audio}"
    whole = [f"{root}: calls as a whole, for bridge replay ({kept})" for root in wire_roots(settings)]
    return [*(f"{place} ({kept})" for place in _places(settings)), *whole]


def _places(settings: Settings) -> list[str]:
    return _named(settings, "record_calls")


def _named(settings: Settings, option: str) -> list[str]:
    named = [str(getattr(settings, option)), *(str(route.options.get(option, "")) for route in settings.route)]
    return [name for name in dict.fromkeys(named) if name]


def _buckets(settings: Settings) -> list[str]:
    return [place for place in _places(settings) if place.startswith(bucket.SCHEME)]


def _root(settings: Settings, place: str) -> Path:
    return staged(_staging(settings), place) if place.startswith(bucket.SCHEME) else Path(place).absolute()


def _staging(settings: Settings) -> Path:
    return state_dir(settings) / "recordings"


def expire(settings: Settings, *, before: float) -> int:
    """Delete recordings that were written before `before`, seconds since 1970; return how many. What fails is told."""
    gone = shelf.expire(roots(settings), before=before)
    for url in _buckets(settings) if before > 0 else ():
        try:
            for found in bucket.older(url, before=before):
                if shelf.is_recording(Path(found)):
                    bucket.delete(found)
                    gone += 1
        except bucket.BucketFailed as error:
            log.warning("recordings in %s that are too old may still be there: %s", url, error)
    return gone


async def _expire(settings: Settings) -> None:
    """Delete what is too old, now and every hour."""
    while True:
        before = time.time() - seconds(settings.keep_audio)
        if gone := await asyncio.to_thread(expire, settings, before=before):
            log.info("%d recordings were older than %s and are deleted", gone, settings.keep_audio)
        await asyncio.sleep(_EXPIRE_EVERY_S)
