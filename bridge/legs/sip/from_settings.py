"""From the settings to a running SIP side."""

import ssl
from pathlib import Path

from bridge.admission.lines import Carrier
from bridge.legs.sip.link import SipLink
from bridge.legs.sip.options import StackOptions
from bridge.legs.sip.uri import parameter
from bridge.settings import Settings


def make_link(settings: Settings, carrier: Carrier) -> SipLink:
    """Return the SIP side of a server, yet to be started."""
    return SipLink(stack_options(settings), carrier, idle_s=settings.media_timeout, send_s=settings.send_timeout)


def stack_options(settings: Settings) -> StackOptions:
    """Return what the SIP process is told."""
    trunk = settings.sip_trunk_password
    cafile = settings.sip_cafile or ssl.get_default_verify_paths().cafile
    transports = settings.sip_transports
    if parameter(settings.sip_trunk, "transport") == "tls" and "tls" not in transports:
        transports = (*transports, "tls")
    return StackOptions(
        host=settings.sip_host,
        port=settings.sip_port,
        transports=transports,
        public_address=settings.sip_public_address,
        allow=settings.sip_allow,
        codecs=settings.sip_codecs,
        media_encryption=settings.sip_media_encryption,
        certfile=_path(settings.sip_certfile),
        keyfile=_path(settings.sip_keyfile),
        cafile=str(cafile or ""),
        users=read_users(settings.sip_users) if settings.sip_users else (),
        headers=settings.sip_headers,
        dtmf=settings.sip_dtmf,
        max_calls=settings.max_calls,
        calls_per_second=settings.sip_max_calls_per_second,
        media_timeout_s=settings.sip_media_timeout,
        jitter_ms=(settings.sip_jitter_min, settings.sip_jitter_max),
        trunk=settings.sip_trunk,
        trunk_user=settings.sip_trunk_user,
        trunk_password=trunk.get_secret_value() if trunk else "",
        register_s=settings.sip_register,
        rtp_ports=settings.sip_rtp_ports,
    )


def read_users(path: Path) -> tuple[str, ...]:
    """Return the lines of a file of callers, name:password; empty ones and those that begin with # are left out.

    Raises:
        ValueError: a line is none, or there is none at all: then nobody could call. The text names no password.
    """
    users: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, password = line.partition(":")
        if not (colon and name and password and name == name.strip() and '"' not in name):
            raise ValueError(f"sip_users: line {number} of {path} must be name:password")
        if name in users:
            raise ValueError(f"sip_users: {path} has {name} twice, again in line {number}")
        users[name] = password
    if not users:
        raise ValueError(f"sip_users: {path} names nobody")
    return tuple(f"{name}:{password}" for name, password in users.items())


def _path(path: Path | None) -> str:
    return str(path.resolve()) if path else ""
