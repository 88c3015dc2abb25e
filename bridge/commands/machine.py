"""What `bridge doctor` has to know of the machine and of the network; all of it is looked up here."""

import ctypes
import datetime
import resource
import socket
import ssl
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

_LOOKUP_S: Final = 3.0
_TIMEX_BYTES: Final = 512  # more than any kernel's struct timex
_UNSYNCHRONISED: Final = 5  # TIME_ERROR


class Machine(Protocol):
    """Answers; none of them raises."""

    def now(self) -> datetime.datetime: ...

    def clock_is_kept(self) -> bool | None:
        """Return whether something keeps the clock right; None where nobody can tell."""

    def descriptors(self) -> int:
        """Return how many this process may have: `ulimit -n`."""

    def port_trouble(self, host: str, port: int) -> str:
        """Return why `port` cannot be listened on, "" where it can."""

    def addresses(self, name: str) -> Sequence[str]:
        """Return what `name` resolves to; nothing where it does not."""

    def tls_trouble(self, name: str, port: int) -> str:
        """Return why nobody can speak TLS with `name`, "" where one can."""

    def certificate_trouble(self, certificate: Path, key: Path | None) -> str:
        """Return why the files cannot be used, "" where they can."""


class ThisMachine:
    """The real one."""

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def clock_is_kept(self) -> bool | None:
        if sys.platform != "linux":
            return None
        with suppress(OSError, AttributeError):  # AttributeError: a C library without it
            state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))  # zeros only ask
            return None if state < 0 else state != _UNSYNCHRONISED
        return None

    def descriptors(self) -> int:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return sys.maxsize if soft == resource.RLIM_INFINITY else soft

    def port_trouble(self, host: str, port: int) -> str:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            return str(error.strerror or error).lower()
        return ""

    def addresses(self, name: str) -> Sequence[str]:
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # UnicodeError: what is no name at all
            return ()
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def tls_trouble(self, name: str, port: int) -> str:
        try:
            with (
                socket.create_connection((name, port), timeout=_LOOKUP_S) as plain,
                ssl.create_default_context().wrap_socket(plain, server_hostname=name),
            ):
                return ""
        except ssl.SSLCertVerificationError as error:
            return f"its certificate is not trusted: {error.verify_message}"
        except OSError as error:
            return str(error.strerror or error).lower()

    def certificate_trouble(self, certificate: Path, key: Path | None) -> str:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        except OSError as error:  # SSLError is one
            return str(error.strerror or error)
        return ""
