"""From the settings to a running SIP side."""

import ssl
from dataclasses import replace
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
    """Return what the SIP process is told.

    Raises:
        ValueError, OSError: a file that an option names does not hold what it should; the text names the option.
    """
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
        certificate=read_certificate(settings.sip_certfile, settings.sip_keyfile),
        cafile=str(cafile or ""),
        users=read_users(settings.sip_users) if settings.sip_users else (),
        headers=settings.sip_headers,
        dtmf=settings.sip_dtmf,
        max_calls=settings.max_calls,
        calls_per_second=settings.sip_max_calls_per_second,
        media_timeout_s=settings.sip_media_timeout,
        jitter_ms=settings.sip_jitter_max,
        trunk=settings.sip_trunk,
        trunk_user=settings.sip_trunk_user,
        trunk_password=trunk.get_secret_value() if trunk else "",
        register_s=settings.sip_register,
        rtp_ports=settings.sip_rtp_ports,
    )


def renewed(before: StackOptions, settings: Settings) -> tuple[StackOptions, list[str]]:
    """Return `before` with what the files of secrets hold now, and a line for each that cannot be had. Blocks.

    Where `settings` are newer than `before`, nothing else of them is taken over.
    """
    trunk, problems = settings.sip_trunk_password, list[str]()
    password = trunk.get_secret_value() if trunk else ""
    users, certificate = before.users, before.certificate
    try:
        users = read_users(settings.sip_users) if settings.sip_users else ()
    except (OSError, ValueError) as error:
        problems.append(f"sip_users: {error}")
    try:
        certificate = read_certificate(settings.sip_certfile, settings.sip_keyfile)
    except ValueError as error:
        problems.append(str(error))
    if _kind_of_key(certificate) is not _kind_of_key(before.certificate):
        # The stack would keep the old one beside it, and show it to who prefers its kind.
        problems.append("sip_certfile: its key is of another kind (RSA, EC) than before, which needs a restart")
        certificate = before.certificate
    return replace(before, users=users, trunk_password=password, certificate=certificate), problems


def _kind_of_key(pem: str) -> type | None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return type(load_pem_private_key(pem.encode(), None)) if pem else None


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


def read_certificate(certificate: Path | None, key: Path | None) -> str:
    """Return key and certificate chain in PEM, "" where there is none.

    Raises:
        ValueError: they cannot be read, ask for a password or do not belong together.
    """
    if certificate is None:
        return ""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
        return "\n".join(path.read_text(errors="replace") for path in (key, certificate) if path)
    except OSError as error:  # of which ssl.SSLError is one
        raise ValueError(f"sip_certfile {certificate}, sip_keyfile {key}: {error}") from error
