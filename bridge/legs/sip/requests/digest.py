"""Asks callers for a password and checks what they answer (RFC 3261, section 22; RFC 2617).

By MD5, as all of SIP does: a telephone that knows nothing else may give up where SHA-256 (RFC 8760) is offered beside
it, and baresip 1.0 does.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from telephony.sip_address import split, unquoted

REALM: Final = "voice-bridge"
_LIVES_S: Final = 60.0
"""How long a challenge may be answered."""
_MOST_USED: Final = 100_000
_TOKEN_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a caller."""

    user: str = ""
    """Who it is; "" where it has not shown that."""
    wrong: str = ""
    """What was wrong with the proof that it gave; "" where it gave none."""
    stale: bool = False
    """The proof would do, had the challenge not been too old or answered already."""


class Challenger:
    """The passwords of all callers, and the challenges that are out."""

    def __init__(self, users: Mapping[str, str], *, clock_s: Callable[[], float] = time.monotonic) -> None:
        """`users`: passwords by name. `clock_s` never goes back."""
        self._users, self._clock_s = users, clock_s
        self._secret = secrets.token_bytes(32)
        self._used: OrderedDict[str, float] = OrderedDict()  # nonces, and until when they would hold

    def challenge(self, source: str, *, stale: bool = False) -> str:
        """Return the header line that asks the caller at `source` for a password."""
        begun, token = f"{self._clock_s():.3f}", secrets.token_hex(_TOKEN_BYTES)
        nonce = f"{begun}.{token}.{self._seal(begun, token, source)}"
        again = ", stale=true" if stale else ""
        return f'WWW-Authenticate: Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5, qop="auth"{again}\r\n'

    def check(self, proofs: Sequence[str], method: str, source: str) -> Verdict:
        """Return what `proofs`, the Authorization headers of a request from `source`, show."""
        ours = [fields for proof in proofs if (fields := _fields(proof)).get("realm") == REALM]
        if not ours:
            return Verdict()
        fields = ours[0]
        name, nonce = fields.get("username", ""), fields.get("nonce", "")
        if not self._is_ours(nonce, source):
            return Verdict(stale=True)
        expected = self._expected(fields, method)
        if not expected or not hmac.compare_digest(expected.encode(), fields.get("response", "").lower().encode()):
            return Verdict(wrong=f"user or password, as {name[:64]!r}")
        if name not in self._users:
            return Verdict(wrong=f"user or password, as {name[:64]!r}")
        return Verdict(stale=True) if self._is_spent(nonce) else Verdict(user=name)

    def _expected(self, fields: Mapping[str, str], method: str) -> str:
        if fields.get("algorithm", "MD5").upper() != "MD5":
            return ""
        name = fields.get("username", "")
        password = self._users.get(name) or secrets.token_hex()  # who is not known takes as long as who is
        first, second = _md5(name, REALM, password), _md5(method, fields.get("uri", ""))
        if qop := fields.get("qop", ""):
            if qop != "auth":
                return ""
            return _md5(first, fields.get("nonce", ""), fields.get("nc", ""), fields.get("cnonce", ""), qop, second)
        return _md5(first, fields.get("nonce", ""), second)  # RFC 2069, as some old telephones have it

    def _seal(self, begun: str, token: str, source: str) -> str:
        return hmac.new(self._secret, f"{begun} {token} {source}".encode(), hashlib.sha256).hexdigest()[:32]

    def _is_ours(self, nonce: str, source: str) -> bool:
        """Tell whether we have given this nonce to this source, and not too long ago."""
        begun, dot, rest = nonce.rpartition(".")[0].rpartition(".")
        seal = nonce.rpartition(".")[2]
        if not dot or not hmac.compare_digest(self._seal(begun, rest, source).encode(), seal.encode()):
            return False
        return self._clock_s() - float(begun) <= _LIVES_S

    def _is_spent(self, nonce: str) -> bool:
        """Tell whether a nonce was answered before, and note that it is now: an overheard proof opens nothing."""
        now_s = self._clock_s()
        while self._used and (len(self._used) >= _MOST_USED or next(iter(self._used.values())) < now_s):
            self._used.popitem(last=False)
        if nonce in self._used:
            return True
        self._used[nonce] = now_s + _LIVES_S
        return False


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


def _fields(proof: str) -> Mapping[str, str]:
    """Return the fields of an Authorization header; names in lower case."""
    scheme, _, rest = proof.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    pairs = (part.partition("=") for part in split(rest)[:32])
    return {name.strip().lower(): unquoted(value.strip()) for name, equals, value in pairs if equals}
