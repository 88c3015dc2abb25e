"""The parts of a SIP address that an option or a log line needs (RFC 3261, section 19.1)."""

import re
from typing import Final
from urllib.parse import quote, unquote

_URI: Final = re.compile(
    r"^(?:sips?:)?(?:(?P<user>[^@;?<>\s]+)@)?(?P<host>\[[\w:.%]+\]|[^:;?<>\s\[\]]+)(?P<port>:\d+)?"
)


def user_of(uri: str) -> str:
    """Return what is before the @, "" where nothing is."""
    found = _URI.match(uri.strip())
    return unquote((found["user"] or "").partition(":")[0]) if found else ""


def host_of(uri: str, *, port: bool = True) -> str:
    """Return the host, with its port where it has one and it is wanted."""
    found = _URI.match(uri.strip())
    if not found:
        return ""
    return found["host"] + (found["port"] or "") if port else found["host"].strip("[]")


def bracketed(host: str) -> str:
    """Return `host` as it stands before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def whole(target: str, host: str) -> str:
    """Return `target` as an address: a bare number is one of `host`'s, "host[:port]"."""
    return target if ":" in target else f"sip:{quote(target, safe='+*')}@{host}"


def parameter(uri: str, name: str) -> str:
    """Return the value of a parameter such as transport, "" where there is none."""
    found = re.search(rf";{re.escape(name)}=([^;?>\s]+)", uri, re.IGNORECASE)
    return found[1].lower() if found else ""
