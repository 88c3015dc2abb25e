"""How Ray Serve chooses a replica for a decode: as the pool chooses an engine.

Ray carries this module to each process with a handle, by value, so what it shares with them has to be in another.
Ray's own routers know no utterances, or stay with a replica that is busy; and none is told which one has just failed.
"""

from typing import Final

from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica

from bridge.speech.backends.ray import routers
from bridge.speech.backends.ray.choice import Candidate, in_order
from bridge.speech.backends.ray.messages import Route

AT_ONCE: Final = "at_once"
"""What a replica tells of itself when it is ready: decodes that it runs at once."""
ROUTE: Final = "route"
"""The argument of a decode that is for the router."""


class UtteranceRouter(RequestRouter):  # type: ignore[misc]  # Ray is not there where mypy runs
    """Prefers the replica that has the utterance in its caches, unless others have less to do or it failed just now."""

    def initialize_state(self, **kwargs: object) -> None:
        """See RequestRouter; called once it is made."""
        routers.KNOWN[self.app_name] = self

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """Return them one by one, in the order in which they are to be asked."""
        route = _route_of(pending_request) or Route("")
        if pending_request:
            pending_request.routing_context.should_backoff = True  # once all are full
        replicas = {each.replica_id.unique_id: each for each in candidate_replicas}
        order = in_order([self._candidate(name, each) for name, each in replicas.items()], route.key, route.avoided)
        return [[replicas[name]] for name in order]

    def on_request_routed(self, pending_request: PendingRequest, replica_id: ReplicaID, result: object) -> None:
        """See RequestRouter; called when the replica has taken it."""
        if route := _route_of(pending_request):
            route.replica = replica_id.unique_id

    def _candidate(self, name: str, replica: RunningReplica) -> Candidate:
        in_hand = self.replica_queue_len_cache.get(replica.replica_id) or 0
        return Candidate(name, in_hand, int(replica.replica_metadata.get(AT_ONCE, 1)))


def _route_of(pending_request: PendingRequest | None) -> Route | None:
    route = pending_request.kwargs.get(ROUTE) if pending_request else None
    return route if isinstance(route, Route) else None
