"""The options of recordings: docs/records.md."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints

from bridge.settings.types import Group, Section, Takes

_S3: Final = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w./-]*)?")


def _place(text: str) -> str:
    if "\0" in text or ("://" in text and not _S3.fullmatch(text)):
        raise ValueError("neither a folder nor an address in S3")
    return text


Consent = Annotated[
    str, StringConstraints(pattern=r"^(announce|key:[0-9*#])?$"), Takes("announce, key:1 (or another key), or nothing")
]


def _folder(text: str) -> str:
    if "\0" in text or "://" in text:
        raise ValueError("no folder")
    return text


Folder = Annotated[str, AfterValidator(_folder), Takes("a folder")]
Place = Annotated[str, AfterValidator(_place), Takes("a folder, or s3://bucket/prefix")]


class RecordingOptions(Group):
    """Recordings of calls: where, and with whose consent."""

    section = Section.RECORDS
    per_call = True

    record_calls: Place = Field(
        default="",
        description="Folder for recordings of calls with a bot, or s3://BUCKET/PREFIX (extra s3): stereo WAV, caller "
        "left, bot right as heard. Nothing set records nothing.",
    )
    record_format: Literal["wav", "opus"] = Field(
        default="wav", description="wav, or opus in a sixth of the room (extra mp3, which brings libsndfile)."
    )
    record_consent: Consent = Field(
        default="",
        description="What comes before a recording: announce says record_consent_text, which nothing interrupts; "
        "key:1 says it, too, and records only once the caller has pressed that key.",
    )
    record_consent_text: str = Field(
        default="This call is recorded.",
        min_length=1,
        max_length=1000,
        description="What the caller hears before a recording, e.g. what to press. It comes before the greeting.",
    )
    transcribe_transfers: bool = Field(
        default=True,
        description="Whether what caller and target say to each other, or wait for, on a warm transfer is transcribed "
        "for the call log.",
    )
    record_wire: Folder = Field(
        default="",
        description="Folder in which calls with a bot are kept whole, for `bridge replay`: what came from the wire, "
        "with its times, and every answer of recogniser, bot and voice. It holds all that was said. docs/replay.md.",
    )
