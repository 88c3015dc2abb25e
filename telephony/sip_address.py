"""The addresses of SIP: who is called what, at which address (RFC 3261, section 25.1; RFC 3966 for tel:).

Read character by character: what stands between quotes is a name whatever it looks like, and only what stands between
the brackets after it is an address.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

LONGEST_NAME: Final = 256
"""Characters of a display name that are kept."""
_SCHEMES: Final = frozenset({"sip", "sips", "tel"})
_SEPARATORS: Final = str.maketrans("", "", "-.()")
"""What a telephone number may hold for the eye (RFC 3966, section 5.1.1)."""


class NoAddress(ValueError):
    """This text is no address; the text of the error says why."""


@dataclass(frozen=True, slots=True)
class SipAddress:
    """An address with what stands around it."""

    user: str
    """Before the @, unescaped and without its parameters, or the number of a tel: URI; "" where there is none."""
    host: str
    """With its port as it was written; "" for tel:."""
    scheme: str
    """sip, sips or tel."""
    name: str = ""
    """What the peer calls itself; no proof of anything."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Those behind the brackets; names in lower case."""
    uri: str = ""
    """The address itself, as it was written."""

    @property
    def uri_parameters(self) -> Mapping[str, str]:
        """Those of the address itself, of its number and of its host alike; names in lower case."""
        before, at, behind = self.uri.partition("?")[0].rpartition("@")
        parts = [*before.split(";")[1:], *behind.split(";")[1:]] if at else behind.split(";")[1:]
        return dict(_parameter(part) for part in parts if part)

    @property
    def who(self) -> str:
        """The user, else the host."""
        return self.user or self.host


def parse(text: str) -> SipAddress:
    """Return the address that `text`, one value of a header like From, is.

    Raises:
        NoAddress: it is none.
    """
    name, uri, rest = _parts(text.strip())
    scheme, user, host = _uri(uri)
    parameters = dict(_parameter(part) for part in split(rest, ";") if part)
    return SipAddress(user, host, scheme, name[:LONGEST_NAME], parameters, uri)


def parse_uri(text: str) -> SipAddress:
    """Return the address that `text`, a URI alone as in a request line, is.

    Raises:
        NoAddress: it is none.
    """
    scheme, user, host = _uri(text.strip())
    return SipAddress(user, host, scheme, uri=text.strip())


def split(text: str, separator: str = ",") -> Sequence[str]:
    """Return the parts of `text` between separators that are neither quoted nor inside brackets."""
    parts, begin, inside = [], 0, False
    for at, character, quoted in _scan(text):
        if quoted:
            continue
        if character == "<":
            inside = True
        elif character == ">":
            inside = False
        elif character == separator and not inside:
            parts.append(text[begin:at].strip())
            begin = at + 1
    return [*parts, text[begin:].strip()]


def _scan(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield each character, and whether it is quoted; the quotes themselves are."""
    quoted = escaped = False
    for at, character in enumerate(text):
        if quoted:
            yield at, character, True
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        else:
            quoted = character == '"'
            yield at, character, quoted


def _parts(text: str) -> tuple[str, str, str]:
    """Return the name, the URI and what is behind it."""
    open_at, closed = -1, True
    for at, character, quoted in _scan(text):
        closed = not quoted or character == '"'
        if character == "<" and not quoted:
            open_at = at
            break
    if open_at < 0 and not closed:
        open_at = text.rfind("<")  # a gateway has cut the name, and its quote: the last bracket is the address's
    if open_at < 0:
        uri, semicolon, rest = text.partition(";")  # without brackets the parameters are the header's
        return "", uri.strip(), semicolon + rest
    close_at = text.find(">", open_at)
    if close_at < 0:
        raise NoAddress(f"a bracket is not closed: {text[:80]!r}")
    return unquoted(text[:open_at].strip()), text[open_at + 1 : close_at].strip(), text[close_at + 1 :].strip()


def unquoted(text: str) -> str:
    """Return `text` without the quotes around it and the backslashes in it, where it has them."""
    if not (len(text) >= 2 and text.startswith('"') and text.endswith('"')):
        return text.removeprefix('"')
    kept, escaped = [], False
    for character in text[1:-1]:
        if escaped or character != "\\":
            kept.append(character)
            escaped = False
        else:
            escaped = True
    return "".join(kept).strip()


def _uri(text: str) -> tuple[str, str, str]:
    """Return scheme, user and host of a URI."""
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in _SCHEMES or not rest or any(character in rest for character in '<>" \t'):
        raise NoAddress(f"no address: {text[:80]!r}; allowed: sip:, sips: and tel:")
    if scheme == "tel":
        return scheme, unescaped(rest.partition(";")[0]).translate(_SEPARATORS), ""
    user, at, host = rest.rpartition("@")
    host = (host if at else rest).partition("?")[0].partition(";")[0]
    if not host:
        raise NoAddress(f"an address without a host: {text[:80]!r}")
    # A number may have parameters of its own before the @, and a password: neither is part of it.
    return scheme, unescaped(user.partition(";")[0].partition(":")[0]), host


def unescaped(text: str) -> str:
    """Return `text` without its %XX, and without controls that they stood for."""
    plain = unquote_to_bytes(text).decode(errors="replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in plain)


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), unquoted(value.strip())
