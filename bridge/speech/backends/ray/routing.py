"""How Ray Serve chooses a replica for a decode: as the pool chooses an engine.

Ray carries this module to each process with a handle, by value, so what it shares with them has to be in another.
Ray's own routers know no utterances, or stay with a replica that is busy; and none is told which one has just failed.
"""

import time
from typing import Final

from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica

from bridge.speech.backends.ray import routers
from bridge.speech.backends.ray.choice import Candidate, Loads, in_order
from bridge.speech.backends.ray.messages import ReplicaRoute

AT_ONCE: Final = "at_once"
"""What a replica tells of itself when it is ready: decodes that it runs at once."""
ROUTE: Final = "route"
"""The argument of a decode that is for the router."""


class UtteranceRouter(RequestRouter):  # type: ignore[misc]  # Ray is not there where mypy runs
    """Prefers the replica that has the utterance in its caches, unless others have less to do or it failed just now.

    It counts itself what each has in hand. Ray's count is corrected by what a replica said when it took a decode; over
    gRPC that arrives with the answer, and has forgotten all that was sent meanwhile.
    """

    def initialize_state(self, **kwargs: object) -> None:
        """See RequestRouter; called once it is made."""
        self._loads = Loads()
        routers.KNOWN[self.app_name] = self

    def told(self, replica: str, in_hand: int) -> None:
        """Note what a replica said that it has in hand beside the decode which it answered."""
        self._loads.told(replica, in_hand, time.monotonic())

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """Return them one by one, in the order in which they are to be asked."""
        route = _route_of(pending_request) or ReplicaRoute("")
        if pending_request:
            pending_request.routing_context.should_backoff = True  # once all are full
        replicas = {each.replica_id.unique_id: each for each in candidate_replicas}
        order = in_order([self._candidate(name, each) for name, each in replicas.items()], route.key, route.avoided)
        route.replica = order[0] if order else ""
        return [[replicas[name]] for name in order]

    def on_send_request(self, replica_id: ReplicaID) -> None:
        """See RequestRouter."""
        super().on_send_request(replica_id)
        self._loads.sent(replica_id.unique_id)

    def on_request_completed(self, replica_id: ReplicaID, internal_request_id: str) -> None:
        """See RequestRouter; called however it ended."""
        super().on_request_completed(replica_id, internal_request_id)
        self._loads.over(replica_id.unique_id)

    def on_request_routed(self, pending_request: PendingRequest, replica_id: ReplicaID, result: object) -> None:
        """See RequestRouter; over gRPC it is called with the answer."""
        if route := _route_of(pending_request):
            route.replica = replica_id.unique_id

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        """See RequestRouter."""
        super().update_replicas(replicas)
        self._loads.keep({each.replica_id.unique_id for each in replicas})

    def _candidate(self, name: str, replica: RunningReplica) -> Candidate:
        in_hand = self._loads.of(name, time.monotonic())
        return Candidate(name, in_hand, int(replica.replica_metadata.get(AT_ONCE, 1)))


def _route_of(pending_request: PendingRequest | None) -> ReplicaRoute | None:
    route = pending_request.kwargs.get(ROUTE) if pending_request else None
    return route if isinstance(route, ReplicaRoute) else None
