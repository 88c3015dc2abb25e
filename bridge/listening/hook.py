"""Tells a hook over HTTP what is said on calls without a bot: one signed POST an event, in order, but for partials.

{"event": "final", "id": "CA12-3", "call": {...}, "speaker": "caller", "track": "inbound", "text": "...",
 "language": "English", "timestamp": 1700000000.0}

The other events are "call" and "end", which has a "reason". What the hook answers is not read.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing, suppress
from typing import Final

from bot.webhook.client import Client
from bot.webhook.configuration import Configuration
from bot.webhook.fault import HookFailed
from bot.webhook.requests import encode
from bridge.listening.transcript_feed import (
    EVERY_CALL,
    FeedClosed,
    FeedEvent,
    ListeningBegan,
    ListeningEnded,
    SideSaid,
    TranscriptFeed,
)
from bridge.settings import Settings

log = logging.getLogger(__name__)

_EVENTS: Final = {ListeningBegan: "call", ListeningEnded: "end", SideSaid: "final"}


def hook_client(settings: Settings) -> Client:
    """Return what asks the hook of `settings`. It is signed to, and waited for, as the webhook of a bot is."""
    secret = settings.webhook_secret
    return Client(
        Configuration(
            url=settings.listen_hook_url,
            secret=secret.get_secret_value() if secret else "",
            wait_s=settings.webhook_wait,
            total_s=settings.webhook_wait,
        )
    )


async def tell_hook(feed: TranscriptFeed, client: Client) -> None:
    """Tell the hook of all calls, until the feed is closed. What it does not take is lost, and the log says so."""
    numbers: Counter[str] = Counter()
    with suppress(FeedClosed), feed.subscribe(EVERY_CALL) as subscription:
        while True:
            event, lost = await subscription.get()
            if lost:
                log.warning("the hook of listen-only calls is too slow: %d events were not told", lost)
            if isinstance(event, SideSaid) and not (event.transcript.final and event.transcript.text):
                continue  # it is told no partials, so there is none to take back
            call_id = event.call.call_id
            numbers[call_id] += 1
            await _tell(client, event, f"{call_id}-{numbers[call_id]}")
            if isinstance(event, ListeningEnded):
                del numbers[call_id]


async def _tell(client: Client, event: FeedEvent, request_id: str) -> None:
    body = encode(_EVENTS[type(event)], request_id, event.call, _more(event))
    try:
        async with aclosing(client.ask(request_id, body)) as answer:
            async for _ in answer:
                pass
    except HookFailed as error:
        log.warning("the hook of listen-only calls was not told %s: %s", request_id, error)
    except Exception:  # a fault of ours with one event: the hook must be told of the next all the same
        log.exception("the hook of listen-only calls was not told %s", request_id)


def _more(event: FeedEvent) -> Mapping[str, object]:
    match event:
        case SideSaid(_, track, said):
            about = {"speaker": event.speaker, "track": track}
            return {**about, "text": said.text, "language": said.language, "timestamp": said.timestamp}
        case ListeningEnded(_, reason):
            return {"reason": reason}
    return {}
