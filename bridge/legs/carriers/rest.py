"""Carriers' REST APIs: what each is asked is a table of rest.toml, how it is asked is here."""

import json
import logging
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol
from urllib.parse import quote
from weakref import WeakValueDictionary

import aiohttp
from pydantic import SecretStr
from yarl import URL

from bridge.legs.carriers.profiles import PROFILES, RestProfile
from bridge.legs.carriers.sign_in import SIGN_IN, RestRequest, SignIn
from bridge.legs.http_answer import BrokenAnswer, object_in, object_in_refusal, read_whole
from bridge.settings import Settings
from bridge.speech.voices.template import Value, fill, written
from telephony.carriers.stream_fields import shown_fields
from telephony.jsontext import Fields, as_text
from telephony.outcome import NotAnswered, Outcome

log = logging.getLogger(__name__)

_SHOWN_CHARS: Final = 200
_DONE: Final = range(200, 300)


class CarrierRefused(RuntimeError):
    """A carrier did not do what was asked; the text has its words."""


class HandsOver(Protocol):
    """A call that may be put through to somebody else."""

    def not_transferred(self, why: str) -> None:
        """Take note that a transfer, which the carrier had accepted, did not happen."""


class CarrierRest:
    """The calls of one account. Nothing is tried twice: the carrier may have obeyed what it did not answer."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        profile: RestProfile,
        options: Callable[[], Mapping[str, Value]],
        *,
        sign_in: SignIn = lambda _, __: {},
    ) -> None:
        """`session` has the limits of time; `options`: the settings of now, secrets in plain."""
        self.profile = profile
        self.legs: WeakValueDictionary[str, HandsOver] = WeakValueDictionary()
        """Calls under way, by the carrier's ids."""
        self._session, self._options, self._sign_in = session, options, sign_in

    def can(self, action: str) -> bool:
        """Return whether it can be asked for `action` with the options of now."""
        options = self._options()
        wanted = self.profile.actions.get(action)
        return wanted is not None and all(options.get(name) for name in wanted.get("needs", ()))

    @property
    def hangs_up_always(self) -> bool:
        """True where a call goes on whose stream has ended."""
        return bool(self.profile.actions.get("hang_up", {}).get("always"))

    def transfer_by(self, target: str, told: Mapping[str, str]) -> str:
        """Return the action that transfers a call to `target`, of which `told` is known."""
        to_sip = target.lower().startswith(("sip:", "sips:"))
        ways = [name for name in self.profile.actions if name.startswith("transfer") and self.can(name)]
        for name in ways:
            way = self.profile.actions[name]
            fits = way.get("to_sip", to_sip) == to_sip and target.startswith(way.get("to", ""))
            if fits and all(told.get(needed) for needed in way.get("told", ())):
                return name
        return "transfer"

    async def ask(self, action: str, **values: Value) -> str:
        """Do `action`, with its values; return the id in the answer, "" where none is looked for.

        Raises:
            CarrierRefused: it is not done, as far as we can tell.
        """
        wanted = self.profile.actions[action]
        told = await self.fetch(wanted, values)
        if not (where := wanted.get("id")):
            return ""
        if not (found := text_at(told, where)):
            raise CarrierRefused(f"{self.profile.title} answered without {where}: {shown_fields(told)}")
        return found

    async def fetch(self, wanted: Mapping[str, Any], values: Mapping[str, Value]) -> Fields:
        """Make the request that `wanted` describes, with its `values`; return the answer.

        Raises:
            CarrierRefused: it is refused, or cannot be made.
        """
        options = self._options()
        known: dict[str, Value] = {**options, **values}
        known["target_quoted"] = quote(str(values.get("target", "")), safe="")
        for name in ("target", "to", "from", "number"):
            known[f"{name}_plain"] = str(values.get(name, "")).removeprefix("+")
        url = written(self.profile.url, known, str).rstrip("/") + written(wanted["path"], known, _segment)
        headers = {name: written(value, known, str) for name, value in self.profile.headers.items()}
        over = frozenset(wanted.get("over", ()))
        method, address, body = wanted.get("method", "POST"), URL(url, encoded=True), _body(wanted, known)
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/json"
        try:
            signed = RestRequest(method, address, body if isinstance(body, bytes) else b"")
            headers.update(self._sign_in(options, signed))
        except ValueError as error:
            raise CarrierRefused(str(error)) from error
        return await self._request(method, address, over, headers=headers, data=body)

    async def hang_up(self, call_id: str) -> None:
        """End a call that may be over. What does not work is logged: nobody waits for it."""
        await self._end("hang_up", call_id)

    async def cancel(self, call_id: str) -> None:
        """End a call out that rings, by the id that its order was answered with."""
        await self._end("cancel" if self.can("cancel") else "hang_up", call_id)

    async def _end(self, action: str, call_id: str) -> None:
        if not self.can(action):
            return
        try:
            await self.ask(action, call=call_id)
        except CarrierRefused as why:
            log.warning("call %s may go on: %s", call_id, why)

    def outcome(self, told: Fields) -> NotAnswered | None:
        """Return what a webhook on the state of a call out means, where it means that nobody answers."""
        status = self.profile.status
        word = text_at(told, status.get("field", ""))
        if not word or word in status.get("under_way", ()) or not _is_one_of(told, status.get("when", {})):
            return None
        known = status.get("outcomes", {})
        return NotAnswered(Outcome(known.get(word, Outcome.FAILED)), f"{self.profile.title} says {word}")

    def note(self, told: Fields) -> None:
        """Take what a webhook tells of a call that we have: that it is not put through, or a fault for the log."""
        failed, warns = self.profile.status.get("not_transferred", {}), self.profile.status.get("warns", {})
        if failed and _is_one_of(told, failed["when"]):
            if leg := self.legs.get(text_at(told, failed["call"])):
                leg.not_transferred(f"{self.profile.title} says: {text_at(told, failed['why'])[:_SHOWN_CHARS]}")
        elif warns and _is_one_of(told, warns):
            log.warning("%s tells of a fault: %s", self.profile.title, shown_fields(told))

    async def _request(
        self,
        method: str,
        url: URL,
        over: frozenset[int],
        **how: Any,  # noqa: ANN401 - aiohttp's own arguments
    ) -> Fields:
        title = self.profile.title
        try:
            # The key goes to the operator's address and nowhere else.
            async with self._session.request(method, url, allow_redirects=False, **how) as response:
                body = await read_whole(response)
            if response.status in _DONE:
                return object_in(body)
            told = object_in_refusal(body)
            if response.status in over or self.profile.over & set(_codes(told)):
                return {}
            raise CarrierRefused(f"{title} says {response.status}: {_why(told, body)}")
        except TimeoutError:
            raise CarrierRefused(f"{title} did not answer in time") from None
        except BrokenAnswer as error:
            raise CarrierRefused(f"{title} {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise CarrierRefused(f"{title} cannot be reached: {error}") from error


@asynccontextmanager
async def carrier_apis(settings: Callable[[], Settings]) -> AsyncIterator[Mapping[str, CarrierRest]]:
    """Yield, while the server runs, the APIs that the options of its start sign in at. `settings`: those of now."""
    at_first = plain_options(settings())
    wanted = [profile for profile in PROFILES.values() if all(at_first.get(name) for name in profile.needs)]
    if not wanted:
        yield {}
        return
    limit = aiohttp.ClientTimeout(total=settings().twilio_api_timeout)
    async with aiohttp.ClientSession(timeout=limit) as session:
        yield {profile.name: _signed_in(session, profile, settings) for profile in wanted}


def _signed_in(session: aiohttp.ClientSession, profile: RestProfile, settings: Callable[[], Settings]) -> CarrierRest:
    sign_in = SIGN_IN.get(profile.name, lambda _, __: {})
    return CarrierRest(session, profile, lambda: plain_options(settings()), sign_in=sign_in)


def plain_options(settings: Settings) -> Mapping[str, Value]:
    """Return the options of all carriers by their names, secrets in plain, and what is made of them."""
    values: dict[str, Value] = {"public_url": settings.public_url.rstrip("/")}
    for name in type(settings).model_fields:
        if name.startswith(tuple(f"{carrier}_" for carrier in ("twilio", *PROFILES))):
            value = getattr(settings, name)
            values[name] = value.get_secret_value() if isinstance(value, SecretStr) else value
    values["twilio_auth_id"] = values.get("twilio_account_sid")
    for carrier in ("twilio", *PROFILES):
        user, password = values.get(f"{carrier}_auth_id"), values.get(f"{carrier}_auth_token")
        if user and password:
            values[f"{carrier}_basic"] = b64encode(f"{user}:{password}".encode()).decode()
    return values


def _segment(text: str) -> str:
    """Return `text` as one part of a path: ids come from outside."""
    return quote(text, safe="") if text.strip(".") else "-"


def _body(wanted: Mapping[str, Any], known: Mapping[str, Value]) -> bytes | Mapping[str, str] | None:
    """Return JSON, or the fields of a form; None for a request without a body."""
    if "json" in wanted:
        return json.dumps(fill(wanted["json"], known) or {}).encode()
    if "form" in wanted:
        return {name: as_text(value) for name, value in _filled(wanted["form"], known).items()}
    if "fields" in wanted:  # each is told, also where it is empty
        return {name: written(value, known, str) for name, value in wanted["fields"].items()}
    return None


def _filled(template: object, values: Mapping[str, Value]) -> Mapping[str, object]:
    filled = fill(template, values)
    return filled if isinstance(filled, dict) else {}


def text_at(fields: Fields, path: str) -> str:
    """Return the text at `path`, names with dots between; "" where there is none. Of a list it is the first."""
    found: object = fields
    for name in filter(None, path.split(".")):
        found = found.get(name) if isinstance(found, dict) else None
        found = found[0] if isinstance(found, list) and found else found
    return "" if found is fields or isinstance(found, dict | list) else as_text(found)


def _is_one_of(told: Fields, kinds: Mapping[str, Sequence[str]]) -> bool:
    """Return whether each field that `kinds` names has one of the values there."""
    return all(text_at(told, name) in values for name, values in kinds.items())


def _codes(told: Fields) -> list[str]:
    errors = told.get("errors")
    return (
        [as_text(error.get("code")) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    )


def _why(told: Fields, body: bytes) -> str:
    errors = told.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else told
    for name in ("detail", "title", "error", "message", "error_title"):
        if text := first.get(name):
            return as_text(text)[:_SHOWN_CHARS]
    return repr(body.decode(errors="replace")[:_SHOWN_CHARS])
