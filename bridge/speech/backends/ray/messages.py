"""What the bridge, its process on Ray and a replica say to each other, as JSON; audio travels beside it as raw float32.

Bridge and replicas may be of different releases while one of them is renewed: what is not known is left out, and what
is missing has the default of `Request` or `Hypothesis`.
"""

from dataclasses import dataclass, field, fields
from typing import Final

from pydantic import TypeAdapter

from bridge.speech.api import AsrCapabilities, Hypothesis, Request, Samples, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """How the process on Ray finds the pool."""

    address: str
    """As `ray.init` takes it: host:port, "auto" for the node on this machine; "" is RAY_ADDRESS, or else that."""
    app: str
    """The application on Ray Serve."""
    start_timeout_s: float = 120.0
    """Seconds for the cluster, and then for a replica, to answer at first: vLLM loads for a minute."""
    patience_s: float = 5.0
    """Seconds that one replica may take, where there are others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAbout:
    """What a replica is."""

    engine: str
    """The name of the engine that it runs."""
    device: str = ""
    capabilities: AsrCapabilities
    replicas: int = 1
    """How many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAsk:
    """A `Request` without its audio."""

    prefix: str = ""
    language: str | None = None
    languages: tuple[str, ...] = ()
    context: str = ""
    final: bool = False
    first: bool = False
    words: bool = False
    max_new_tokens: int = 32
    timeout_s: float = 30.0
    """Seconds from now on. It is counted anew where it arrives, because clocks of two machines differ."""
    key: str = ""
    session: str = ""
    standing: Standing = Standing.CALL

    @classmethod
    def of(cls, request: Request) -> "PoolAsk":
        """Return `request` without its audio."""
        return cls(**{each.name: getattr(request, each.name) for each in fields(cls)})

    def request(self, audio: Samples) -> Request:
        """Return the whole request."""
        return Request(audio, **{each.name: getattr(self, each.name) for each in fields(self)})


@dataclass(slots=True)
class ReplicaRoute:
    """Which replica a decode should go to, and went to: one object in the client and in the router of its process."""

    key: str
    """Names the utterance."""
    avoided: frozenset[str] = field(default_factory=frozenset)
    """Replicas that failed or were silent just now: the last to be asked."""
    replica: str = ""
    """The one that took it, once that is known."""


OPTIONS: Final = TypeAdapter(PoolOptions)
ABOUT: Final = TypeAdapter(PoolAbout)
ASK: Final = TypeAdapter(PoolAsk)
HEARD: Final = TypeAdapter(Hypothesis)
