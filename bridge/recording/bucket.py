"""Recordings in S3, or what speaks its protocol, by boto3. Blocks: for a thread.

Who may write, in which region and at which endpoint is boto3's own to find out: `AWS_ACCESS_KEY_ID`,
`AWS_ENDPOINT_URL_S3`, a profile, the role of the machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from bot import installing

SCHEME: Final = "s3://"


class BucketFailed(OSError):
    """The bucket cannot be reached, or refuses. The text says what was said."""


def is_installed() -> bool:
    """Return whether the extra `s3` is there."""
    try:
        import boto3  # noqa: F401 - is it there?
    except ImportError:
        return False
    return True


def put(path: Path, url: str) -> None:
    """Upload the file at `path` as `url`, s3://BUCKET/KEY.

    Raises:
        BucketFailed: it is not there.
    """
    bucket, key = _place(url)
    kind = "audio/wav" if path.suffix == ".wav" else "audio/ogg"
    with _told(), path.open("rb") as body:
        _client().put_object(Bucket=bucket, Key=key, Body=body, ContentType=kind)


def delete(url: str) -> None:
    """Delete the object `url`, if there is one.

    Raises:
        BucketFailed: it may still be there.
    """
    bucket, key = _place(url)
    with _told():
        _client().delete_object(Bucket=bucket, Key=key)


def older(url: str, *, before: float) -> Iterator[str]:
    """Yield the URLs of the objects below `url` that were written before `before`, seconds since 1970.

    Raises:
        BucketFailed: they cannot be listed.
    """
    bucket, prefix = _place(url)
    with _told():
        pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix and f"{prefix}/")
        for page in pages:
            for found in page.get("Contents", ()):
                if found["LastModified"].timestamp() < before:
                    yield f"{SCHEME}{bucket}/{found['Key']}"


def _place(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    return bucket, key.strip("/")


@cache
def _client() -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    import boto3
    from botocore.config import Config

    waits = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"total_max_attempts": 2},
        request_checksum_calculation="when_required",  # servers that speak the protocol and are not AWS refuse more
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client("s3", config=waits)


@contextmanager
def _told() -> Iterator[None]:
    if not is_installed():
        raise BucketFailed(f"the extra s3 is missing: {installing.extra('s3')}")
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise BucketFailed(str(error)) from error
