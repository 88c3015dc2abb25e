"""The options of clients beside calls, and of what happens under load."""

from pydantic import Field

from bridge.settings.groups.lifecycle import RedirectUrl
from bridge.settings.types import Group, Section


class Clients(Group):
    """Clients of /ws and /talk, whose lines are counted apart from those of calls."""

    section = Section.OPERATION

    max_clients: int = Field(
        default=50,
        ge=1,
        le=100_000,
        description="Clients of /ws and /talk at the same time, beside max_calls. Further ones get 503.",
    )
    max_clients_per_address: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Of them, from one address, of IPv6 from one /64; 0 is no bound of its own, because a proxy or a "
        "tunnel has one address for all.",
    )
    max_clients_per_token: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Of them, with one API token; 0 is no bound of its own.",
    )
    client_idle_timeout: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description="Seconds without audio after which a client of /ws or /talk is closed, with the reason. Silence is "
        "audio too. 0 never closes one.",
    )


class Overload(Group):
    """Overload: what is left out, and when new calls are refused."""

    section = Section.OPERATION

    load_final_wait: float = Field(
        default=1.0,
        ge=0,
        le=60,
        description="Seconds that finals may wait for an engine. At half of it callers are denoised no more, at three "
        "quarters there are no partials, and past it new calls are refused; finals always come. 0 never refuses.",
    )
    load_loop_lag: float = Field(
        default=0.25,
        ge=0,
        le=60,
        description="The same for the seconds that the event loop is late: what is beyond callers hear. 0 never "
        "refuses.",
    )
    busy_redirect: RedirectUrl = Field(
        default="",
        description="URL of the TwiML for callers of Twilio who find no line or too much load, such as another "
        "server's /twilio/voice. Without it they hear the busy tone.",
    )
