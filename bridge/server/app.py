"""The aiohttp app: what it is made of, start-up and clean-up side by side."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial

from aiohttp import hdrs, web

from bridge.admission.fast_lane import FastLane
from bridge.admission.lines import Lines
from bridge.admission.load import Whose
from bridge.admission.refusals import Refusals
from bridge.capture.wire_records import wire_records
from bridge.containment import begun, beside, cancelled
from bridge.listening.hook import hook_client, tell_hook
from bridge.listening.transcript_feed import TranscriptFeed
from bridge.metrics import Metrics
from bridge.monitoring.levels import Levels
from bridge.monitoring.watched_calls import WatchedCalls
from bridge.recording.recordings import recordings
from bridge.records.call_log import call_log
from bridge.server.access.connections import Connections
from bridge.server.access.in_force import InForce
from bridge.server.access.middleware import doorkeeper
from bridge.server.api import calls, description, stream, supervising
from bridge.server.api.calls import DIALLER
from bridge.server.app_keys import (
    AUDIOSOCKET,
    AUDIOSOCKET_SHARED,
    CALL_LOG,
    CONNECTIONS,
    CONVERSATIONS,
    FAST_LANE,
    FEED,
    HEALTH,
    IN_FORCE,
    KEY_SETS,
    LEVELS,
    LINES,
    LOAD,
    METRICS,
    PAGES,
    RECORDINGS,
    REFUSALS,
    RESOURCES,
    SETTINGS,
    SHUTDOWN,
    SIBLINGS,
    SWITCHBOARD,
    TRACING,
    WATCHED_CALLS,
)
from bridge.server.call_rules import usual_texts
from bridge.server.carriers import routes as carrier_routes
from bridge.server.carriers.key_sets import KeySets
from bridge.server.clients.own_words import in_own_words
from bridge.server.dashboard import level_events, listen_in
from bridge.server.lifecycle.health import Health
from bridge.server.lifecycle.load_monitor import LoadMonitor, make_load
from bridge.server.lifecycle.loop_monitor import LoopMonitor
from bridge.server.lifecycle.memory import giving_back
from bridge.server.lifecycle.shutdown import Shutdown
from bridge.server.lifecycle.ways_to_call import parts, waiting_calls, ways_to_call
from bridge.server.pages import Pages
from bridge.server.resources import Resources
from bridge.server.routes import routes
from bridge.server.siblings.membership import Membership
from bridge.server.switchboard import Switchboard
from bridge.settings import Settings, connection_limits
from bridge.speaking.voices.prompts_ahead import make_ahead
from bridge.speaking.voices.voices import Voices
from bridge.tracing.tracing import tracing
from telephony.twiml import twiml_busy


def make_app(settings: Settings, resources: Resources, membership: Membership | None = None) -> web.Application:
    """Return the server. Whoever loaded `resources` closes them after it. `membership`: among its other workers."""
    membership = membership or Membership.alone()
    metrics = Metrics()
    refusals = Refusals(metrics.kept_out)
    in_force = InForce(settings)
    in_all, per_address = connection_limits(settings)
    connections = Connections(refusals, limit=in_all, per_address=per_address, quotas=membership.quotas)
    before = [in_own_words, doorkeeper(in_force, refusals, connections), *membership.middlewares]
    app = web.Application(client_max_size=64 * 1024, middlewares=before)
    app[IN_FORCE], app[SIBLINGS] = in_force, membership.siblings
    app[AUDIOSOCKET], app[AUDIOSOCKET_SHARED] = (), membership.audiosocket
    app[SETTINGS], app[METRICS] = settings, metrics
    app[LOAD] = load = make_load(settings)
    app[LINES] = lines = Lines(
        settings.max_calls,
        clients=settings.max_clients,
        per_address=settings.max_clients_per_address,
        per_token=settings.max_clients_per_token,
        overload=load.overload,
        quotas=membership.quotas,
    )
    membership.publish(lines, connections)
    app[FAST_LANE] = FastLane(lambda: lines.in_use(Whose.CALLS), time.monotonic)
    app[CONNECTIONS], app[REFUSALS] = connections, refusals
    app[PAGES], app[FEED] = Pages(), TranscriptFeed()
    app[RESOURCES] = resources
    app[CONVERSATIONS], app[KEY_SETS] = {}, KeySets(clock=time.monotonic)
    app[WATCHED_CALLS] = watched_calls = WatchedCalls()
    app[LEVELS], app[listen_in.LISTENERS] = Levels(watched_calls), set()
    app.cleanup_ctx.extend((_monitors, _call_log, _tracing, _recordings))
    app.cleanup_ctx.extend((_switchboard, _prompts_ahead))
    if settings.listen_hook_url:
        app.cleanup_ctx.append(_listen_hook)
    app.cleanup_ctx.extend((*ways_to_call(settings), _shutdown))
    if settings.asterisk_url:
        app.cleanup_ctx.append(waiting_calls)
    app.on_shutdown.append(_end_calls)
    app.on_response_prepare.append(_hang_up_after)
    twiml_busy()  # imports 7 ms of twilio now, not while calls are on the line
    app[HEALTH] = health = Health(
        app[LINES],
        resources.asr,
        parts=partial(parts, app),
        ours=set(settings.asr) != {"openai"},
        number=membership.siblings.number,
        others=membership.siblings.health,
    )
    of_calls = [
        route
        for module in (calls, supervising, stream, description, listen_in, level_events)
        for route in module.routes()
    ]
    app.add_routes([*routes(app[PAGES]), *carrier_routes.routes(), *of_calls, *health.routes()])
    return app


async def _monitors(app: web.Application) -> AsyncIterator[None]:
    def late(seconds: float) -> None:
        app[METRICS].loop_lag.observe(seconds)
        app[LOAD].lag.add(seconds)

    watching = LoadMonitor(app[LOAD], app[METRICS].load).watch()
    async with LoopMonitor(late), beside(watching, "the load"), beside(giving_back(), "the giving back of memory"):
        yield


async def _call_log(app: web.Application) -> AsyncIterator[None]:
    def secret() -> str:
        now = app[IN_FORCE].settings.webhook_secret
        return now.get_secret_value() if now else ""

    first = app[SIBLINGS].number == 1
    async with call_log(app[SETTINGS], app[METRICS].records, secret=secret, expires=first) as app[CALL_LOG]:
        yield


async def _tracing(app: web.Application) -> AsyncIterator[None]:
    async with tracing(app[SETTINGS], app[METRICS].traces) as app[TRACING]:
        yield


async def _recordings(app: web.Application) -> AsyncIterator[None]:
    async with recordings(app[SETTINGS]) as app[RECORDINGS]:
        yield


async def _switchboard(app: web.Application) -> AsyncIterator[None]:
    async with wire_records(app[SETTINGS]) as kept_whole:
        app[SWITCHBOARD] = Switchboard(
            app[SETTINGS],
            app[RESOURCES],
            app[METRICS],
            app[LINES],
            app[LOAD],
            call_log=app[CALL_LOG],
            tracing=app[TRACING],
            recordings=app[RECORDINGS],
            wire_records=kept_whole,
            dialler=lambda: app.get(DIALLER),
            watched_calls=app[WATCHED_CALLS],
        )
        yield


async def _prompts_ahead(app: web.Application) -> AsyncIterator[None]:
    """Have prompts made in the background: who calls first does not wait for them, and nobody else for their making."""
    resources, settings = app[RESOURCES], app[SETTINGS]
    plain = (resources.tts, settings, resources.texts)
    answers = [plain, *((profile.tts, profile.settings, profile.texts) for profile in resources.profiles)]
    ahead = [(Voices.of(tts), options, usual_texts(options, Voices.of(tts), texts)) for tts, options, texts in answers]
    async with beside(make_ahead(ahead), "the making of prompts"):
        yield


async def _listen_hook(app: web.Application) -> AsyncIterator[None]:
    telling = begun(tell_hook(app[FEED], hook_client(app[SETTINGS])), "the hook of listen-only calls")
    yield
    await asyncio.wait({telling}, timeout=app[SETTINGS].webhook_wait)  # for what was said last
    await cancelled(telling)


async def _hang_up_after(request: web.Request, response: web.StreamResponse) -> None:
    if not request.app[CONNECTIONS].keeps and not isinstance(response, web.WebSocketResponse):
        response.force_close()
        response.headers[hdrs.CONNECTION] = "close"


async def _shutdown(app: web.Application) -> AsyncIterator[None]:
    app[SHUTDOWN] = Shutdown(app[LINES], app[DIALLER], app[SETTINGS])
    yield


async def _end_calls(app: web.Application) -> None:
    await app[SHUTDOWN].end_calls()
    app[FEED].close()
    app[LEVELS].closed = True
    app[CALL_LOG].live.close()
