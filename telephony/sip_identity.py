"""Who calls whom, by the headers of an INVITE, in the words that all wires use for it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from telephony.sip_address import NoAddress, SipAddress, parse, parse_uri, split
from telephony.sip_message import SipMessage

CALLER_NAME: Final = "caller_name"
"""What the caller's side shows as a name: the display name of From, else of the asserted identity."""
ASSERTED_IDENTITY: Final = "asserted_identity"
"""The number or user that the network vouches for (RFC 3325), whatever From says."""
FORWARDED_FROM: Final = "forwarded_from"
"""Who was called before the call was forwarded to us (RFC 5806, RFC 7044)."""
FORWARD_REASON: Final = "forward_reason"
"""Why it was: no-answer, user-busy, unconditional, ..."""
REQUEST_URI: Final = "request_uri"
"""The user of the request URI where To names another: of a trunk often the number that was dialled."""
PRIVACY: Final = "privacy"
"""What the caller wants kept from others (RFC 3323); with it the asserted identity is not to be passed on."""
SIP_USER: Final = "sip_user"
"""Who of --sip-users the caller has shown to be."""
STIR_VERSTAT: Final = "stir_verstat"
"""How far the networks vouch for the number (STIR/SHAKEN), with the level of attestation where it is told:
TN-Validation-Passed-A, TN-Validation-Failed, No-TN-Validation (3GPP TS 24.229, section 7.2A.20)."""
NAMES: Final = (
    *(CALLER_NAME, ASSERTED_IDENTITY, FORWARDED_FROM, FORWARD_REASON),
    *(REQUEST_URI, PRIVACY, SIP_USER, STIR_VERSTAT),
)
_ATTESTATION: Final = "p-attestation-indicator"
VOUCHED: Final = frozenset({"p-asserted-identity", "remote-party-id", "diversion", "history-info", _ATTESTATION})
"""Headers in which a network vouches for others; a telephone that writes them proves nothing."""
_STATUSES: Final = ("TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation")
_VERSTAT: Final = re.compile(rf"({'|'.join(_STATUSES)})(-[ABC])?", re.IGNORECASE)
_LEVELS: Final = frozenset({"-A", "-B", "-C"})
"""Full, partial and gateway attestation (ATIS-1000074)."""
_MOST_VALUES: Final = 32
"""Of one header; who forwards a call more often wants something else."""


@dataclass(frozen=True, slots=True)
class SipIdentity:
    """What one INVITE says of the two sides."""

    caller: str
    callee: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Those of `NAMES` that it says something of."""
    takes_refer: bool = True
    """The caller's side may be asked to call somebody else; an INVITE that does not say so says that it may not."""


def identity_of(invite: SipMessage, *, trusted: bool = True) -> SipIdentity:
    """Return who calls whom. Where the peer is not `trusted`, it vouches for nobody and has forwarded nothing."""
    caller, callee = _address(invite.first("from")), _address(invite.first("to"))
    asserted = _asserted(invite) if trusted else None
    forwarded = _forwarded(invite) if trusted else None
    target = _target(invite.uri)
    told = {
        CALLER_NAME: (caller.name if caller else "") or (asserted.name if asserted else ""),
        ASSERTED_IDENTITY: asserted.who if asserted else "",
        FORWARDED_FROM: forwarded.who if forwarded else "",
        FORWARD_REASON: forwarded.parameters.get("reason", "") if forwarded else "",
        REQUEST_URI: target if not callee or target != callee.user else "",
        PRIVACY: invite.first("privacy"),
        STIR_VERSTAT: _verstat(invite, caller) if trusted else "",
    }
    return SipIdentity(
        caller.who if caller else "",
        callee.who if callee else target,
        {name: value for name, value in told.items() if value},
        takes_refer="REFER" in {method.strip().upper() for line in invite.all("allow") for method in line.split(",")},
    )


def who(header: str) -> str:
    """Return whom the value of a header like From means: the user, else the host; "" where it is no address."""
    address = _address(header)
    return address.who if address else ""


def _address(header: str) -> SipAddress | None:
    try:
        return parse(header)
    except NoAddress:
        return None


def _target(uri: str) -> str:
    try:
        return parse_uri(uri).user
    except NoAddress:
        return ""


def _addresses(invite: SipMessage, header: str) -> Sequence[SipAddress]:
    values = [value for line in invite.all(header) for value in split(line)]
    found = (_address(value) for value in values[:_MOST_VALUES])
    return [address for address in found if address]


def _asserted(invite: SipMessage) -> SipAddress | None:
    """Return whom the network vouches for. Of two addresses for one caller the telephone number says more."""
    identities = _addresses(invite, "p-asserted-identity")
    if not identities:
        remote = _addresses(invite, "remote-party-id")  # what came before RFC 3325, and many PBXs still send
        identities = [party for party in remote if party.parameters.get("party", "calling").lower() == "calling"]
    return min(identities, key=lambda identity: identity.scheme != "tel", default=None)


def _verstat(invite: SipMessage, caller: SipAddress | None) -> str:
    """Return what the network says of its check of the number: by the asserted identity, else by From; "" is nothing.

    It stands behind the number, as 3GPP has it, behind the host, or, as some gateways send it, behind the brackets.
    """
    asserted = _addresses(invite, "p-asserted-identity")
    for address in [*asserted, *([caller] if caller else [])]:
        said = address.uri_parameters.get("verstat") or address.parameters.get("verstat") or ""
        if found := _VERSTAT.fullmatch(said):
            status = next(name for name in _STATUSES if name.lower() == found[1].lower())
            level = (found[2] or f"-{invite.first(_ATTESTATION).strip()[:1]}").upper()
            return status + (level if status == _STATUSES[0] and level in _LEVELS else "")
    return ""


def _forwarded(invite: SipMessage) -> SipAddress | None:
    """Return who forwarded the call last."""
    if diversions := _addresses(invite, "diversion"):
        return diversions[0]  # the newest stands first (RFC 5806, section 4.2)
    history = _addresses(invite, "history-info")
    if not history:
        return None
    *before, now = history  # the last entry is whom the call goes to now (RFC 7044, section 9.2)
    return next((entry for entry in reversed(before) if entry.who != now.who), None)
