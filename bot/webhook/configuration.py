"""Where a hook is, and what it may take."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urljoin, urlsplit


class Secret(Protocol):
    """A text that does not show by accident."""

    def get_secret_value(self) -> str:
        """Return it."""


class HookSettings(Protocol):
    """The settings that hooks read; bridge/settings/webhook.py says what each means."""

    @property
    def webhook_url(self) -> str: ...
    @property
    def webhook_twiml_url(self) -> str: ...
    @property
    def webhook_secret(self) -> Secret | None: ...
    @property
    def webhook_wait(self) -> float: ...
    @property
    def webhook_total(self) -> float: ...
    @property
    def webhook_max_bytes(self) -> int: ...
    @property
    def webhook_handoff(self) -> str: ...
    @property
    def webhook_partials(self) -> bool: ...
    @property
    def webhook_no_input(self) -> bool: ...
    @property
    def webhook_media_origins(self) -> Sequence[str]: ...
    @property
    def twilio_auth_token(self) -> Secret | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What all calls share."""

    url: str = ""
    """Where the hook is; "" where TwiML says it."""
    twiml_url: str = ""
    """Who is asked, as Twilio would, where the relay of each call is."""
    secret: str = field(default="", repr=False)
    """What requests are signed with; "" leaves them unsigned."""
    wait_s: float = 4.0
    """Until the first byte of an answer, and until each next."""
    total_s: float = 30.0
    """All that one answer may keep the caller waiting."""
    max_bytes: int = 65_536
    """Of one answer, or of one message."""
    handoff: str = ""
    """Whom a caller is put through to when a relay ends with handoff data; "" hangs up."""
    partials: bool = False
    """A relay is told what the caller seems to be saying."""
    no_input: bool = False
    """A relay's caller who says nothing is asked, as --no-input-timeout says."""
    media_origins: Sequence[str] = ()
    """From where recordings may come, besides the hook's own host; "*" is anywhere."""

    def __post_init__(self) -> None:
        """Raises:
        RuntimeError: there is no URL, or none that can be asked.
        """
        if not self.home:
            raise RuntimeError("it needs to know where: --webhook-url https://HOST/PATH, or wss://HOST/PATH")
        if self.url and self.twiml_url:
            raise RuntimeError("--webhook-twiml-url asks where the relay is, --webhook-url says it: give one of them")
        parts = urlsplit(self.home)
        if parts.scheme not in {"http", "https", "ws", "wss"} or not parts.hostname:
            raise RuntimeError("--webhook-url must be http(s)://HOST/PATH or ws(s)://HOST/PATH")

    @classmethod
    def of(cls, settings: HookSettings) -> "Configuration":
        """Return what `settings` say. A relay without a secret of its own is signed to with Twilio's, as Twilio does.

        Raises:
            RuntimeError: see above.
        """
        secret = settings.webhook_secret
        if secret is None and (settings.webhook_url.startswith("ws") or settings.webhook_twiml_url):
            secret = settings.twilio_auth_token
        return cls(
            url=settings.webhook_url,
            twiml_url=settings.webhook_twiml_url,
            secret=secret.get_secret_value() if secret else "",
            wait_s=settings.webhook_wait,
            total_s=settings.webhook_total,
            max_bytes=settings.webhook_max_bytes,
            handoff=settings.webhook_handoff,
            partials=settings.webhook_partials,
            no_input=settings.webhook_no_input,
            media_origins=settings.webhook_media_origins,
        )

    @property
    def relays(self) -> bool:
        """True for a WebSocket that stays open, false for a request each turn."""
        return bool(self.twiml_url) or urlsplit(self.url).scheme in {"ws", "wss"}

    @property
    def home(self) -> str:
        """The address whose host is the hook's own."""
        return self.url or self.twiml_url

    def recording(self, url: str) -> "RecordingPlace | None":
        """Return where a recording is that the hook calls `url`; None where it may not come from there."""
        own = urlsplit(self.home)
        base = own._replace(scheme={"ws": "http", "wss": "https"}.get(own.scheme, own.scheme)).geturl()
        try:
            whole = urljoin(base, url)
            parts, here = urlsplit(whole), urlsplit(base)
        except ValueError:
            return None
        if parts.scheme not in {"http", "https"} or parts.username or not parts.hostname:
            return None
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin in (f"{here.scheme}://{here.netloc.rpartition('@')[2]}", *self.media_origins):
            return RecordingPlace(whole, named=True)
        return RecordingPlace(whole, named=False) if "*" in self.media_origins else None


@dataclass(frozen=True, slots=True)
class RecordingPlace:
    """Where a recording is."""

    url: str
    named: bool
    """The operator named its host, or it is the hook's own; otherwise anybody may have, and it must be of the open
    internet."""
