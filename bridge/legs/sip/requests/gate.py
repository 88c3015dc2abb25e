"""Stands before the stack: who calls, keys by INFO, passwords of callers, and transfers that others ask of us."""

import asyncio
import ipaddress
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from bridge.admission.guesses import RETRY_S, Guesses
from bridge.legs.sip.bpf import Network
from bridge.legs.sip.requests.digest import Challenger
from telephony.sip_identity import SIP_USER, SipIdentity, identity_of
from telephony.sip_keys import TYPES, key_of
from telephony.sip_message import NoMessage, SipMessage, parse

log = logging.getLogger(__name__)

_MOST_INVITES: Final = 1000
"""Callers that may wait for the stack to report their calls; those that it refuses by itself are never reported."""


class Answering(Protocol):
    """How a request that is being looked at is answered."""

    def answer(self, request: int, status: int, reason: str, headers: str = "") -> None:
        """Answer it."""

    def in_dialog(self, request: int) -> bool:
        """Tell whether it belongs to a call that is under way."""

    def has_dialog(self, call_id: str, *, ours: str, theirs: str) -> bool:
        """Tell whether there is a call of this Call-ID with these two tags."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom we believe."""

    users: Challenger | None
    """Asks callers for their passwords; None: nobody is asked, and all who reach the port are believed."""
    networks: Sequence[Network]
    """Who is not asked: the trunk."""


class RequestGate:
    """Looks at every request that comes in. All but `take` runs on the stack's thread."""

    def __init__(
        self,
        trust: Trust,
        *,
        on_key: Callable[[str, str], None],
        on_refused: Callable[[str, str, str], None],
    ) -> None:
        """`on_key` is told the Call-ID and the key, `on_refused` the reason why a caller is, from where, and more in
        words; both on the loop of now."""
        self.trust, self._on_key, self._on_refused = trust, on_key, on_refused
        self._loop = asyncio.get_running_loop()
        self._guesses = Guesses()
        self._invites: OrderedDict[str, SipIdentity] = OrderedDict()

    def take(self, call_id: str) -> SipIdentity | None:
        """Return who calls whom in the call that the stack reports, once; None where no INVITE of it was seen."""
        return self._invites.pop(call_id, None)

    def look(self, data: bytes, source: str, request: int, stack: Answering) -> bool:
        """Look at a request; return True where it is answered, and the stack is not to see it."""
        try:
            message = parse(data)
        except NoMessage as error:
            log.warning("a request from %s is refused: %s", source, error)
            if not data.startswith(b"ACK "):  # which nothing answers
                stack.answer(request, 400, "Bad Request")
            return True  # what we cannot read, nobody acts on
        match message.method:
            case "INVITE":
                return self._invite(message, source, request, stack)
            case "INFO":
                return self._info(message, request, stack)
            case "REFER":
                # A caller does not decide where this bridge calls. The stack would accept it first and refuse it later,
                # in a NOTIFY that not every peer waits for.
                stack.answer(request, 603, "Decline")
                return True
        return False

    def _invite(self, message: SipMessage, source: str, request: int, stack: Answering) -> bool:
        if stack.in_dialog(request):
            return False  # whose caller is known
        users = None if self._is_trunk(source) else self.trust.users
        identity = identity_of(message, trusted=users is None)
        if users:
            user = self._user(users, message, source, request, stack)
            if not user:
                return True
            identity = replace(identity, parameters={**identity.parameters, SIP_USER: user})
        if (replaces := message.all("replaces")) and not _may_replace(replaces, stack):
            log.warning("an INVITE from %s that would replace a call which it does not know is refused", source)
            stack.answer(request, 481, "Call/Transaction Does Not Exist")
            return True
        self._invites[message.first("call-id")] = identity
        while len(self._invites) > _MOST_INVITES:
            self._invites.popitem(last=False)
        return False

    def _user(self, users: Challenger, message: SipMessage, source: str, request: int, stack: Answering) -> str:
        """Return who of `users` calls; "" where it is answered that this is not shown."""
        proofs, now_s = message.all("authorization"), self._loop.time()
        if proofs and not self._guesses.allowed(source, now_s):
            # Not looked at: a right one among the guesses must not be told from the wrong ones.
            self._refuse("guesses", source, "too many wrong passwords from there")
            stack.answer(request, 503, "Service Unavailable", f"Retry-After: {RETRY_S}\r\n")
            return ""
        verdict = users.check(proofs, message.method, source)
        if verdict.wrong:
            self._guesses.wrong(source, now_s)
            self._refuse("password", source, verdict.wrong)
        if not verdict.user:
            stack.answer(request, 401, "Unauthorized", users.challenge(source, stale=verdict.stale))
        return verdict.user

    def _refuse(self, reason: str, source: str, detail: str) -> None:
        self._loop.call_soon_threadsafe(self._on_refused, reason, source, detail)

    def _is_trunk(self, source: str) -> bool:
        address = ipaddress.ip_address(source) if source else None
        return any(address in network for network in self.trust.networks if address)

    def _info(self, message: SipMessage, request: int, stack: Answering) -> bool:
        if message.content_type not in TYPES or not stack.in_dialog(request):
            return False
        if key := key_of(message.body):
            stack.answer(request, 200, "OK")
            self._loop.call_soon_threadsafe(self._on_key, message.first("call-id"), key)
        else:
            stack.answer(request, 400, "Bad Request")
        return True


def _may_replace(replaces: Sequence[str], stack: Answering) -> bool:
    """Tell whether a Replaces header (RFC 3891, section 3) names a call of ours by all three that make a dialog.

    The stack would end any call whose Call-ID is named, and that is no secret.
    """
    call_id, *rest = replaces[0].split(";")
    tags = {name.strip().lower(): value.strip() for name, _, value in (part.partition("=") for part in rest)}
    ours, theirs = tags.get("to-tag", ""), tags.get("from-tag", "")
    named_once = len(replaces) == 1 and bool(ours) and bool(theirs)
    return named_once and stack.has_dialog(call_id.strip(), ours=ours, theirs=theirs)
