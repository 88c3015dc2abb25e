"""Targets in bridge/: options, routes, orders of calls, SIP addresses, and audio to and from the SIP stack."""

import json
import pkgutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from bridge.legs.sip import bpf, media_buffers, uri
from bridge.legs.sip.media.latch import Latch, rtp_head
from bridge.legs.sip.media.multipart import sdp_of
from bridge.legs.sip.requests.digest import Challenger
from bridge.outbound.call_request import BadCallRequest, CallRequest, is_allowed, read
from bridge.plugins import PluginError
from bridge.server.routing import Ringing, choose, unreachable
from bridge.settings import Settings, SettingsError, as_toml, caller_texts, groups, load, refusals, warnings
from bridge.settings.options import OPTIONS
from bridge.settings.route import Route, matches, normal
from bridge.speaking.voices.lexicon import LONGEST
from bridge.speaking.voices.profile_voices import load_lexicons
from fuzzing.target import Target, clean, records, value
from telephony import sip_message
from telephony.events import KEYS
from telephony.sip_identity import PRIVACY, identity_of
from telephony.sip_keys import key_of

_RATE: Final = 8000
_FRAME_BYTES: Final = 320
"""20 ms."""
_FOUND: Final = pkgutil.walk_packages(groups.__path__, "bridge.settings.groups.")
_GROUPS: Final = [module.name for module in _FOUND if not module.ispkg]
_LONGEST_COMPLAINT: Final = 20_000
"""Characters; a line for each option that is wrong."""


def _toml(data: bytes) -> None:
    """A file of options."""
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        path = Path(file.name)
        path.write_bytes(data)
        settings = _loaded({"config": str(path)}, {})
        if settings and len(data) % 16 == 0:  # it takes its time
            path.write_text(as_toml(settings), encoding="utf-8")
            assert _loaded({"config": str(path)}, {}) == settings


def _lexicon(data: bytes) -> None:
    """A file of pronunciations; the text is the file itself."""
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        Path(file.name).write_bytes(data)
        try:
            lexicons = load_lexicons(Path(file.name))
        except PluginError as why:
            assert clean(str(why).encode()) and len(str(why)) < _LONGEST_COMPLAINT
            return
    text = clean(data)
    for language, lexicon in lexicons.items():
        assert language
        for ipa in (False, True):
            assert len(lexicon.apply(text, ipa=ipa)) <= (len(text) + 1) * LONGEST


def _environment(data: bytes) -> None:
    """Records: what variables hold; a name is the option, in lower case, before the first "="."""
    given = dict(clean(record).replace("\0", "").partition("=")[::2] for record in records(data))
    named = {name: text for name, text in given.items() if name in OPTIONS and not name.endswith("_file")}
    _loaded({}, {f"BRIDGE_{name.upper()}": text for name, text in named.items()})


def _caller_texts(data: bytes) -> None:
    """A file of what callers hear."""
    with suppress(ValueError):
        texts = caller_texts.parse(clean(data))
        assert texts.before(caller_texts.SHIPPED["en"]).goodbye_text


def _loaded(flags: dict[str, object], environ: dict[str, str]) -> Settings | None:
    try:
        settings = load(flags, environ)
    except SettingsError as why:
        assert str(why)
        return None
    told = [*refusals(settings), *warnings(settings)]
    assert all(told)
    return settings


def _routing(data: bytes) -> None:
    """Records: patterns, of which each is a route with those of one line, and at the end who calls whom."""
    *written, ringing = records(data)
    routes = [
        Route(number, callee=tuple(clean(record).splitlines()), parameters={"shop": (clean(record),)})
        for number, record in enumerate((record[:200] for record in written[:8]), 1)
    ]
    number = clean(ringing)
    taken = choose(routes, Ringing(wire="twilio", callee=number, caller=number, parameters={"shop": number}))
    assert taken is None or taken in routes
    assert len(unreachable(routes)) < max(1, len(routes))
    assert normal(normal(number)) == normal(number)
    assert matches((number[:200],), number[:200]) or not number.strip()


def _order(data: bytes) -> None:
    """The body of POST /calls."""
    for body in (value(data), {"to": clean(data)}, {"to": "+4930", "headers": value(data)}):
        try:
            order = read(body)
        except BadCallRequest as why:
            assert 0 < len(str(why)) <= 1000
            json.dumps({"error": str(why)}, ensure_ascii=False).encode()
        else:
            _check(order)


def _check(order: CallRequest) -> None:
    assert order == read({"to": order.to, "from": order.caller, "wire": order.wire, "parameters": order.parameters,
                          "headers": order.headers})  # fmt: skip
    assert len(order.to) < 400 and not any(character in order.to for character in "\r\n <>")
    assert is_allowed(order.to, (order.to,)) or "@" in order.to
    assert not any(character in name + text for name, text in order.headers.items() for character in "\r\n")


def _sip_uri(data: bytes) -> None:
    address, name, *_ = [*(clean(record) for record in records(data)), ""]
    for told in (uri.user_of(address), uri.host_of(address), uri.host_of(address, port=False)):
        assert len(told) <= len(address)
    assert not any(character in uri.host_of(address) for character in "\r\n <>;")
    assert len(uri.parameter(address, name)) <= 3 * len(address)  # lower case may be longer
    uri.whole(address, "pbx.example.com")


def _sip_message(data: bytes) -> None:
    """A message, and what its headers and its body mean."""
    try:
        message = sip_message.parse(data)
    except sip_message.NoMessage as why:
        assert len(str(why)) < _LONGEST_COMPLAINT
        return
    assert (message.status > 0) == (message.method == "")
    assert all(text.isprintable() for header in message.headers for text in header)
    assert key_of(message.body) in {"", *KEYS}
    identity = identity_of(message)
    told = {"caller": identity.caller, "callee": identity.callee, **identity.parameters}
    assert all(text.isprintable() for name, text in told.items() if name != PRIVACY)
    assert Challenger({"anna": "s3cret"}).check(message.all("authorization"), message.method, "::1").user == ""


def _networks(data: bytes) -> None:
    try:
        found = bpf.networks(clean(data).split("\n"))
        steps = bpf.program(found)
    except ValueError:
        return
    assert all(0 <= jump < 256 for step in steps for jump in step[1:3])
    assert len(steps) <= 4096


def _sip_media(data: bytes) -> None:
    """The body of a request, and as records, packets that come to an RTP port in turn from two sources."""
    found = sdp_of(data)
    assert found is None or len(found) <= len(data), "it is put into the same place"
    latch, settled = Latch(), 0
    latch.open(("10.0.0.1", 1))
    for number, packet in enumerate(records(data)):
        if head := rtp_head(packet):
            settled += latch.hear((f"10.0.0.{number % 2}", 1), head[1])
    assert settled == (latch.source is not None)


def _media_buffers(data: bytes) -> None:
    """Pairs of bytes: what is done, and with how much."""
    outlet, inlet, now_ms = media_buffers.Outlet(_RATE), media_buffers.Inlet(_RATE, 0.0), 0.0
    buffered = said = given = 0
    marks: list[str] = []
    back: list[str] = []
    for deed, size in zip(data[::2], data[1::2], strict=False):
        match deed % 6:
            case 0:
                outlet.play(bytes(2 * size))
                said += 2 * size
            case 1:
                marks.append(str(len(marks)))
                outlet.mark(marks[-1])
            case 2:
                back += outlet.clear()
            case 3:
                chunk = outlet.next(buffered)
                assert len(chunk) % _FRAME_BYTES == 0
                buffered += len(chunk)
                given += len(chunk)
            case 4:
                buffered = max(0, buffered - 2 * size)
                back += outlet.played(buffered)
            case _:
                now_ms += size
                _, missing = inlet.take(bytes(2 * (size // 2)), now_ms)
                assert 0 <= missing <= _RATE * 10
    back += outlet.played(0)
    back += outlet.clear()
    assert sorted(back, key=int) == marks == list(dict.fromkeys(marks)), "each mark comes back once"
    assert back == marks
    assert given <= said + _FRAME_BYTES * len(data), "nothing is played that nobody said, but for frames filled up"


TARGETS: Final = (
    Target(
        "toml",
        _toml,
        [
            "bridge.settings.sources",
            "bridge.settings.options",
            "bridge.settings.routes",
            "bridge.settings.types",
            *_GROUPS,
        ],
    ),
    Target(
        "environment",
        _environment,
        ["bridge.settings.sources", "bridge.settings.types", "bridge.settings.checks", *_GROUPS],
    ),
    Target("lexicon", _lexicon, ["bridge.speaking.voices.lexicon", "bridge.speaking.voices.profile_voices"]),
    Target("caller-texts", _caller_texts, ["bridge.settings.caller_texts"]),
    Target("routing", _routing, ["bridge.settings.route", "bridge.server.routing"]),
    Target("order", _order, ["bridge.outbound.call_request"]),
    Target("sip-uri", _sip_uri, ["bridge.legs.sip.uri"]),
    Target(
        "sip-message",
        _sip_message,
        [
            "telephony.sip_message",
            "telephony.sip_address",
            "telephony.sip_identity",
            "telephony.sip_keys",
            "bridge.legs.sip.requests.digest",
        ],
    ),
    Target("sip-media", _sip_media, ["bridge.legs.sip.media.multipart", "bridge.legs.sip.media.latch"]),
    Target("networks", _networks, ["bridge.legs.sip.bpf"]),
    Target("media-buffers", _media_buffers, ["bridge.legs.sip.media_buffers"]),
)
