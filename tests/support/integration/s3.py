"""A server that speaks S3: moto's, in an environment of its own (`make tools-s3`)."""

import asyncio
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from integration.sip_peers import free_port

_PROGRAM: Final = Path(__file__).parents[3] / ".venv-s3-server" / "bin" / "moto_server"
CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "us", "AWS_SECRET_ACCESS_KEY": "ours", "AWS_DEFAULT_REGION": "us-east-1"}
_START_S: Final = 60.0


def available() -> bool:
    return _PROGRAM.exists()


class S3:
    """A running server, or one that is down."""

    def __init__(self, port: int) -> None:
        import boto3  # not in the environment of the vLLM tests, which collect all files

        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id="us",
            aws_secret_access_key="ours",
            region_name="us-east-1",
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs to find it."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL_S3": self.url}

    def start(self) -> None:
        """Start it, empty but for a bucket `calls`."""
        from botocore.exceptions import BotoCoreError

        self._process = subprocess.Popen([_PROGRAM, "--port", str(self._port)], stderr=subprocess.DEVNULL)
        end = time.monotonic() + _START_S
        while True:
            try:
                self.client.create_bucket(Bucket="calls")
            except BotoCoreError:
                assert time.monotonic() < end, "moto_server does not start"
                time.sleep(0.2)
            else:
                return

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(10)
        self._process = None

    def keys(self) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket="calls").get("Contents", ())]

    def body(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket="calls", Key=key)["Body"].read())

    async def until_there(self, *, timeout_s: float = 40.0) -> str:
        """Return the key of the one object, once it is there."""
        async with asyncio.timeout(timeout_s):
            while not (keys := await asyncio.to_thread(self.keys)):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.2)
        [key] = keys
        return key


@contextmanager
def s3() -> Iterator[S3]:
    """Yield a server that is not started yet."""
    server = S3(free_port())
    try:
        yield server
    finally:
        server.stop()
