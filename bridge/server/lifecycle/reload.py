"""SIGHUP: certificates, files of secrets and routes are read again, for new calls. What does not load stays."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, Protocol

from bridge.legs.sip.from_settings import renewed
from bridge.legs.sip.options import StackOptions
from bridge.legs.twilio.rest import TwilioRest
from bridge.logs import masked
from bridge.plugins import PluginError
from bridge.server import routing, tls
from bridge.server.access.in_force import InForce
from bridge.server.profiles import Profile, load_profiles
from bridge.server.resources import Resources
from bridge.server.switchboard import Switchboard
from bridge.settings import Settings, refusals
from bridge.settings.options import SECRETS
from bridge.speech.api import ModelMissing
from telephony.carriers.catalogue import BY_NAME

log = logging.getLogger(__name__)

Reread = Callable[[Settings], tuple[Settings, list[str]]]
"""Returns settings with what their files say now, and a line for each part that cannot be had."""

_OF_CARRIERS: Final = tuple(f"{name}_" for name in BY_NAME)
_OF_DOORS: Final = (
    *("api_token", "twilio_auth_token", "twilio_shared_key", "sip_trunk_password", "ari_password"),
    *(name for name in SECRETS if name.startswith(_OF_CARRIERS)),
)
"""Secrets that no bot is made from: a new one loads none anew."""


class SipSide(Protocol):
    """What shows our certificate, knows callers by their passwords and signs in at a trunk."""

    @property
    def options(self) -> StackOptions:
        """What it works with."""

    def renew(self, options: StackOptions, /) -> None:
        """Go on with the certificate and the passwords of `options`."""


class AriSide(Protocol):
    """What signs in at an Asterisk."""

    def sign_in_with(self, password: str, /) -> None:
        """Use another password."""


class Reload:
    """Reads again for one server."""

    def __init__(
        self,
        in_force: InForce,
        switchboard: Switchboard,
        *,
        reread: Reread,
        certificates: tls.Certificates,
        twilio: TwilioRest | None,
        sip: SipSide | None = None,
        ari: AriSide | None = None,
    ) -> None:
        """`twilio`, `sip`, `ari`: what signs in there with a password, or shows a certificate."""
        self._in_force, self._switchboard = in_force, switchboard
        self._twilio, self._sip, self._ari = twilio, sip, ari
        self._reread, self._certificates = reread, certificates
        self._turn = asyncio.Lock()

    async def reload(self) -> None:
        """Read all again; the log says what is new, and has a line for each part that stays as it was."""
        async with self._turn:
            problems = await asyncio.to_thread(self._certificates.reload)
            before = self._in_force.settings
            fresh, unread = await asyncio.to_thread(self._reread, before)
            fresh, refused = await asyncio.to_thread(_checked, before, fresh)  # it reads files
            fresh, unloaded = await self._answer_with(before, fresh)
            self._in_force.put(fresh)
            unsigned = await self._sign_in(fresh)
            tokens = filter(None, [await asyncio.to_thread(self._in_force.reread_tokens)])
            for problem in (*problems, *unread, *refused, *unloaded, *unsigned, *tokens):
                log.error("not reloaded, the old one stays in force: %s", masked(problem))
            log.info("reloaded: %s", ", ".join(_changes(before, fresh)) or "the settings are as they were")

    async def _sign_in(self, fresh: Settings) -> list[str]:
        """Use the passwords and the certificate of `fresh` towards others; return a line for each that cannot be."""
        if self._twilio and (token := fresh.twilio_auth_token):
            self._twilio.sign_in_with(token.get_secret_value())
        if self._ari:
            self._ari.sign_in_with(fresh.ari_password.get_secret_value() if fresh.ari_password else "")
        if not self._sip:
            return []
        options, problems = await asyncio.to_thread(renewed, self._sip.options, fresh)
        if options != self._sip.options:
            self._sip.renew(options)
        return problems

    async def _answer_with(self, before: Settings, fresh: Settings) -> tuple[Settings, list[str]]:
        """Load what new calls are answered with; return the settings in force then, and what does not load."""
        board, wanted = self._switchboard, _for_bots(fresh)
        if wanted == _for_bots(before):
            return fresh, []
        known = [_plain(board.settings, board.resources), *board.resources.profiles]
        wanted = wanted.model_copy(update={name: getattr(board.settings, name) for name in _OF_DOORS})
        try:
            profiles = await asyncio.to_thread(load_profiles, wanted, board.resources.voices, known)
        except (PluginError, ModelMissing) as error:
            doors = {name: getattr(fresh, name) for name in _OF_DOORS}
            return before.model_copy(update=doors), [f"route: {error}"]
        resources = board.resources.with_profile(profiles.plain)
        board.answer_with(wanted, replace(resources, profiles=profiles.routes))
        return fresh, []


def _plain(settings: Settings, resources: Resources) -> Profile:
    return Profile(
        settings=settings.model_copy(update={"route": ()}),
        make_bot=resources.make_bot,
        tts=resources.tts,
        fallback=resources.fallback,
        phrases=resources.phrases,
        texts=resources.texts,
        apologies=resources.apologies,
    )


def _for_bots(settings: Settings) -> Settings:
    return settings.model_copy(update=dict.fromkeys(_OF_DOORS))


def _checked(before: Settings, fresh: Settings) -> tuple[Settings, list[str]]:
    """Return `fresh` with the routes of `before` where those of `fresh` would keep a server from its start, and why."""
    old = refusals(before)  # files that were there at the start may be gone
    wrong = [*(line for line in refusals(fresh) if line not in old), *routing.unreachable(fresh.route)]
    return (fresh.model_copy(update={"route": before.route}), wrong) if wrong else (fresh, [])


def _changes(before: Settings, fresh: Settings) -> Iterator[str]:
    for name in type(fresh).model_fields:
        if getattr(before, name) != getattr(fresh, name):
            yield f"{len(fresh.route)} routes" if name == "route" else name
