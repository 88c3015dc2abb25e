"""SIGHUP: certificates, files of secrets and routes are read again, for new calls. What does not load stays."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from bridge.legs.twilio.rest import TwilioRest
from bridge.logs import masked
from bridge.plugins import PluginError
from bridge.server import routing, tls
from bridge.server.access.in_force import InForce
from bridge.server.profiles import Profile, close_voices, load_profiles
from bridge.server.resources import Resources
from bridge.server.switchboard import Switchboard
from bridge.settings import Settings, refusals
from bridge.speech.api import ModelMissing

log = logging.getLogger(__name__)

Reread = Callable[[Settings], tuple[Settings, list[str]]]
"""Returns settings with what their files say now, and a line for each part that cannot be had."""

_OF_DOORS: Final = ("api_token", "twilio_auth_token", "twilio_shared_key")
"""Secrets that no bot is made from: a new one loads none anew."""


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
    ) -> None:
        """`twilio`: what signs in at Twilio with its auth token."""
        self._in_force, self._switchboard, self._twilio = in_force, switchboard, twilio
        self._reread, self._certificates = reread, certificates
        self._turn = asyncio.Lock()
        self._brought: list[Profile] = []  # with voices that were loaded here

    async def reload(self) -> None:
        """Read all again; the log says what is new, and has a line for each part that stays as it was."""
        async with self._turn:
            problems = await asyncio.to_thread(self._certificates.reload)
            before = self._in_force.settings
            fresh, unread = await asyncio.to_thread(self._reread, before)
            fresh, refused = _checked(before, fresh)
            fresh, unloaded = await self._answer_with(before, fresh)
            self._in_force.put(fresh)
            if self._twilio and (token := fresh.twilio_auth_token):
                self._twilio.sign_in_with(token.get_secret_value())
            for problem in (*problems, *unread, *refused, *unloaded):
                log.error("not reloaded, the old one stays in force: %s", masked(problem))
            log.info("reloaded: %s", ", ".join(_changes(before, fresh)) or "the settings are as they were")

    async def close(self) -> None:
        """Free what was loaded here."""
        await asyncio.to_thread(close_voices, [profile.tts for profile in self._brought])

    async def _answer_with(self, before: Settings, fresh: Settings) -> tuple[Settings, list[str]]:
        """Load what new calls are answered with; return the settings in force then, and what does not load."""
        board, wanted = self._switchboard, _for_bots(fresh)
        if wanted == _for_bots(before):
            return fresh, []
        known = [_plain(board.settings, board.resources), *board.resources.profiles, *self._brought]
        wanted = wanted.model_copy(update={name: getattr(board.settings, name) for name in _OF_DOORS})
        try:
            profiles = await asyncio.to_thread(load_profiles, wanted, known)
        except (PluginError, ModelMissing) as error:
            doors = {name: getattr(fresh, name) for name in _OF_DOORS}
            return before.model_copy(update=doors), [f"route: {error}"]
        self._keep(profiles.plain, *profiles.routes)
        resources = board.resources.with_profile(profiles.plain)
        board.answer_with(wanted, replace(resources, profiles=profiles.routes))
        return fresh, []

    def _keep(self, *profiles: Profile) -> None:
        """Keep the voices that are new to the end: calls may still speak with those that no route has any more."""
        old = self._switchboard.resources
        known = {id(profile.tts) for profile in (*old.profiles, *self._brought)} | {id(old.tts)}
        self._brought += [profile for profile in profiles if id(profile.tts) not in known]


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
