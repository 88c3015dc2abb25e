"""`bridge doctor`: what is open, what is missing for calls from outside, and the line that mends it."""

import datetime
import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bridge.commands.certificates import covers, read_certificate
from bridge.commands.machine import Machine
from bridge.settings import Settings, api_tokens_known, connection_limits, is_exposed, is_loopback, twilio_secret_known

_SOON: Final = datetime.timedelta(days=14)
_BEFORE_US: Final = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
_SPARE_FILES: Final = 100
_FILES_OF_A_CALL: Final = 3
"""Beside its connection: media sockets, a webhook, an engine's."""


class Grade(StrEnum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing, and what to write to mend it."""

    grade: Grade
    text: str
    mend: str = ""


Sections = Sequence[tuple[str, Sequence[Finding]]]


def examine(
    settings: Settings,
    machine: Machine,
    *,
    doors: Sequence[tuple[str, str]],
    refusals: Sequence[str],
    warnings: Sequence[str],
) -> Sections:
    """Return the findings, by subject.

    `doors`: who comes in where. `refusals`: why `serve` would not start. `warnings`: what it would warn of.
    """
    return [
        ("options", [*_options(refusals, warnings)]),
        ("doors", [*_doors(settings, doors)]),
        ("port", [*_port(settings, machine)]),
        ("Twilio", [*_twilio(settings, machine)]),
        ("SIP", [*_sip(settings, machine)]),
        ("TLS", [*_tls(settings, machine)]),
        ("clock", [*_clock(machine)]),
        ("limits", [*_limits(settings, machine)]),
    ]


def is_well(sections: Sections) -> bool:
    """Return whether nothing is bad."""
    return not any(finding.grade is Grade.BAD for _, findings in sections for finding in findings)


def report(sections: Sections) -> str:
    """Return them as text."""
    lines: list[str] = []
    for subject, findings in sections:
        lines.append(subject)
        for finding in findings:
            lines.append(f"  {finding.grade:<5} {finding.text}")
            if finding.mend:
                lines.append(f"        -> {finding.mend}")
    bad = sum(finding.grade is Grade.BAD for _, findings in sections for finding in findings)
    lines.append(f"{bad} to mend" if bad else "nothing to mend")
    return "\n".join(lines)


def _options(refusals: Sequence[str], warnings: Sequence[str]) -> Iterator[Finding]:
    yield from (Finding(Grade.BAD, line) for line in refusals)
    yield from (Finding(Grade.NOTE, line) for line in warnings)
    if not refusals:
        yield Finding(Grade.OK, "the server starts with them")


def _doors(settings: Settings, doors: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    if settings.insecure and is_exposed(settings):
        yield Finding(
            Grade.BAD,
            "--insecure leaves open every door that no token was set for",
            "export BRIDGE_API_TOKEN=$(openssl rand -hex 24), and drop --insecure",
        )
    elif is_exposed(settings) and not api_tokens_known(settings):
        yield Finding(
            Grade.NOTE,
            "no API token is set: each start makes another and prints it",
            "export BRIDGE_API_TOKEN=$(openssl rand -hex 24)",
        )
    yield from (Finding(Grade.OK, f"{door}: {who}") for door, who in doors)


def _port(settings: Settings, machine: Machine) -> Iterator[Finding]:
    where = f"{settings.host}, port {settings.port}"
    trouble = machine.port_trouble(settings.host, settings.port)
    if "denied" in trouble:
        yield Finding(Grade.BAD, f"{where}: {trouble}", "--port 8000, or AmbientCapabilities=CAP_NET_BIND_SERVICE")
    elif "in use" in trouble:
        yield Finding(Grade.NOTE, f"{where}: in use, perhaps by this very server", "--port NUMBER for a second one")
    elif trouble:
        yield Finding(Grade.BAD, f"{where}: {trouble}", "--host ADDRESS, one that this machine has")
    else:
        yield Finding(Grade.OK, f"{where}: free")


def _twilio(settings: Settings, machine: Machine) -> Iterator[Finding]:
    if not twilio_secret_known(settings):
        yield Finding(Grade.NOTE, "no auth token: Twilio is not set up", "export BRIDGE_TWILIO_AUTH_TOKEN=...")
    if not settings.public_url:
        if not settings.trust_proxy_headers:
            yield Finding(Grade.NOTE, "no address under which Twilio reaches us", "--public-url https://HOST")
        return
    yield from _outside(settings.public_url, machine)
    if settings.twilio_auth_token and not settings.twilio_account_sid:
        yield Finding(Grade.NOTE, "no transfers and no calls out over Twilio", "--twilio-account-sid AC...")


def _outside(url: str, machine: Machine) -> Iterator[Finding]:
    """Yield whether the world finds us at `url`, as far as it can be seen from here."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    addresses = machine.addresses(name)
    if not addresses:
        yield Finding(Grade.BAD, f"{name} has no address", "a record for it in the DNS, or another --public-url")
    elif not any(ipaddress.ip_address(address.partition("%")[0]).is_global for address in addresses):
        mend = "a record in the public DNS, or a tunnel"
        yield Finding(Grade.BAD, f"{name} is {', '.join(addresses)}: nobody outside reaches that", mend)
    elif trouble := machine.tls_trouble(name, parts.port or 443):
        mend = "start the tunnel or the proxy, with a certificate of an authority that everyone knows"
        yield Finding(Grade.BAD, f"no TLS with {name}: {trouble}", mend)
    else:
        yield Finding(Grade.OK, f"{name} is {', '.join(addresses)} and speaks TLS")


def _sip(settings: Settings, machine: Machine) -> Iterator[Finding]:
    if not settings.sip:
        yield Finding(Grade.NOTE, "not set up", "--sip --sip-host ADDRESS --sip-allow NETWORK")
        return
    port = settings.sip_port
    if is_loopback(settings.sip_host):
        grade = Grade.BAD if settings.sip_trunk else Grade.NOTE
        yield Finding(grade, f"{settings.sip_host} is reached from this machine only", "--sip-host 0.0.0.0")
    elif all(is_loopback(network.partition("/")[0]) for network in settings.sip_allow) and not settings.sip_trunk:
        yield Finding(Grade.BAD, "no other machine may call", "--sip-allow NETWORK, the one of your trunk or PBX")
    else:
        firewall = f"in the firewall: {port} UDP and TCP, {port + 1} TCP for TLS, {settings.sip_rtp_ports} UDP"
        yield Finding(Grade.OK, f"{settings.sip_host}, for {', '.join(settings.sip_allow)}; {firewall}")
    if not settings.sip_trunk:
        yield Finding(Grade.NOTE, "no trunk: no calls out to numbers", "--sip-trunk sip:USER@HOST")
    if settings.sip_certfile:
        yield from _certificate(settings.sip_certfile, settings.sip_keyfile, (), machine, flag="--sip-certfile")


def _tls(settings: Settings, machine: Machine) -> Iterator[Finding]:
    if settings.generate_self_signed_cert:
        mend = "--ssl-certfile FILE --ssl-keyfile FILE, or a proxy and --public-url"
        yield Finding(Grade.NOTE, "a certificate made at start-up: browsers warn, Twilio refuses it", mend)
    elif settings.ssl_certfile:
        names = [name for name in (urlsplit(settings.public_url).hostname, settings.host) if name]
        names = [name for name in names if not is_loopback(name) and name not in {"0.0.0.0", "::"}]
        yield from _certificate(settings.ssl_certfile, settings.ssl_keyfile, names, machine, flag="--ssl-certfile")
    elif settings.public_url or settings.trust_proxy_headers:
        yield Finding(Grade.OK, "left to the proxy or the tunnel")
    elif is_loopback(settings.host):
        yield Finding(Grade.OK, "none is needed on this machine")
    else:
        mend = "--ssl-certfile FILE --ssl-keyfile FILE, or a proxy and --public-url"
        yield Finding(Grade.NOTE, f"none: who is between reads tokens and calls of {settings.host}", mend)


def _certificate(
    certificate: Path, key: Path | None, names: Sequence[str], machine: Machine, *, flag: str
) -> Iterator[Finding]:
    if trouble := machine.certificate_trouble(certificate, key):
        yield Finding(Grade.BAD, f"{certificate} cannot be used: {trouble}", f"{flag} FILE, with the key of it")
        return
    found = read_certificate(certificate)
    left = found.not_valid_after_utc - machine.now()
    renew = f"renew {certificate}, e.g. certbot renew"
    if left < datetime.timedelta(0):
        yield Finding(Grade.BAD, f"{certificate} ended on {found.not_valid_after_utc:%Y-%m-%d}", renew)
    elif left < _SOON:
        yield Finding(Grade.NOTE, f"{certificate} ends in {left.days} days", renew)
    else:
        yield Finding(Grade.OK, f"{certificate} is valid until {found.not_valid_after_utc:%Y-%m-%d}")
    for name in names:
        if not covers(found, name):
            yield Finding(Grade.BAD, f"{certificate} is not for {name}", f"{flag} FILE, one that names {name}")


def _clock(machine: Machine) -> Iterator[Finding]:
    now = machine.now()
    keep = "timedatectl set-ntp true"
    if now < _BEFORE_US:
        yield Finding(Grade.BAD, f"it says {now:%Y-%m-%d}: no certificate is valid then", keep)
        return
    match machine.clock_is_kept():
        case True:
            yield Finding(Grade.OK, f"{now:%Y-%m-%d %H:%M:%S} UTC, kept right")
        case False:
            yield Finding(Grade.NOTE, f"{now:%Y-%m-%d %H:%M:%S} UTC, and nothing keeps it right", keep)
        case None:
            yield Finding(Grade.OK, f"{now:%Y-%m-%d %H:%M:%S} UTC; whether it is kept right cannot be told here")


def _limits(settings: Settings, machine: Machine) -> Iterator[Finding]:
    in_all, per_address = connection_limits(settings)
    needed = in_all + _FILES_OF_A_CALL * settings.max_calls + _SPARE_FILES
    have = machine.descriptors()
    what = f"{settings.max_calls} calls and {in_all} connections, {per_address} from one address"
    if have < needed:
        mend = f"ulimit -n {needed} (systemd: LimitNOFILE={needed}; docker: --ulimit nofile={needed})"
        yield Finding(Grade.BAD, f"ulimit -n is {have}, and {what}, need {needed}", mend)
    else:
        yield Finding(Grade.OK, f"ulimit -n is {have}, enough for {what}")
