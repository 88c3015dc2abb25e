"""What handlers find in the app, by key."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import web

from bridge.admission.fast_lane import FastLane
from bridge.admission.lines import Lines
from bridge.admission.load import Load
from bridge.admission.refusals import Refusals
from bridge.legs.ari.link import AriLink
from bridge.legs.asterisk_dial_in import WaitingCalls
from bridge.legs.carriers.rest import CarrierRest
from bridge.legs.carriers.resumable import ResumableSocket
from bridge.legs.sip.link import SipLink
from bridge.legs.twilio.rest import TwilioRest
from bridge.listening.transcript_feed import TranscriptFeed
from bridge.metrics import Metrics
from bridge.monitoring.levels import Levels
from bridge.monitoring.watched_calls import WatchedCalls
from bridge.outbound.carrier_trunk import CarrierTrunk
from bridge.recording.recordings import Recordings
from bridge.records.call_log import CallLog
from bridge.server.access.connections import Connections
from bridge.server.access.in_force import InForce
from bridge.server.carriers.key_sets import KeySets
from bridge.server.lifecycle.health import Health
from bridge.server.lifecycle.shutdown import Shutdown
from bridge.server.pages import Pages
from bridge.server.resources import Resources
from bridge.server.siblings.siblings import Siblings
from bridge.server.switchboard import Switchboard
from bridge.settings import Settings
from bridge.tracing.tracing import Tracing

SETTINGS: Final = web.AppKey("settings", Settings)
RESOURCES: Final = web.AppKey("resources", Resources)
METRICS: Final = web.AppKey("metrics", Metrics)
LINES: Final = web.AppKey("lines", Lines)
LOAD: Final = web.AppKey("load", Load)
FAST_LANE: Final = web.AppKey("fast_lane", FastLane)
SWITCHBOARD: Final = web.AppKey("switchboard", Switchboard)
ARI: Final = web.AppKey("ari", AriLink)
AUDIOSOCKET: Final = web.AppKey("audiosocket", Sequence[asyncio.Server])
WYOMING: Final = web.AppKey("wyoming", Sequence[asyncio.Server])
AUDIOSOCKET_SHARED: Final = web.AppKey("audiosocket_shared", Sequence[socket.socket])
SIP: Final = web.AppKey("sip", SipLink)
WAITING: Final = web.AppKey("waiting", WaitingCalls)
CARRIER_APIS: Final = web.AppKey("carrier_apis", Mapping[str, CarrierRest])
"""Of those that we can sign in at, by their names."""
CONVERSATIONS: Final = web.AppKey("conversations", dict[str, ResumableSocket])
"""Those that another socket may go on with, by their ids."""
KEY_SETS: Final = web.AppKey("key_sets", KeySets)
CARRIER_TRUNKS: Final = web.AppKey("carrier_trunks", Mapping[str, CarrierTrunk])
TWILIO: Final = web.AppKey("twilio", TwilioRest)
CONNECTIONS: Final = web.AppKey("connections", Connections)
REFUSALS: Final = web.AppKey("refusals", Refusals)
IN_FORCE: Final = web.AppKey("in_force", InForce)
SHUTDOWN: Final = web.AppKey("shutdown", Shutdown)
HEALTH: Final = web.AppKey("health", Health)
SIBLINGS: Final = web.AppKey("siblings", Siblings)
PAGES: Final = web.AppKey("pages", Pages)
WATCHED_CALLS: Final = web.AppKey("watched_calls", WatchedCalls)
LEVELS: Final = web.AppKey("levels", Levels)
RECORDINGS: Final = web.AppKey("recordings", Recordings)
CALL_LOG: Final = web.AppKey("call_log", CallLog)
TRACING: Final = web.AppKey("tracing", Tracing)
FEED: Final = web.AppKey("feed", TranscriptFeed)
