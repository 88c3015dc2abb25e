"""A client of /ws?listen=CALL that is told what is said on calls without a bot.

{"type": "call_started", "call_id": "CA12", "from": "+49...", "to": "+49...", "parameters": {}}
{"type": "partial", "call_id": "CA12", "speaker": "caller", "track": "inbound", "language": "English", "text": "...",
 "timestamp": 1700000000.0}
{"type": "final", ...the same, and "is_speech_final": true}
{"type": "call_ended", "call_id": "CA12", "reason": "caller hung up"}
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext, suppress

from aiohttp import WSCloseCode, web

from bot.webhook.requests import call_of
from bridge.listening.transcript_feed import (
    EVERY_CALL,
    MOST_WAITING,
    FeedClosed,
    FeedEvent,
    ListeningBegan,
    ListeningEnded,
    SideSaid,
    Subscription,
    TooManyListeners,
    TranscriptFeed,
)
from bridge.timeouts import timeout
from telephony.jsontext import to_json

Elsewhere = Callable[[Callable[[str, str], None]], AbstractAsyncContextManager[None]]
"""Calls that with the call and the message of what other workers of this server tell, inside the `async with`."""


async def attend(
    socket: web.WebSocketResponse,
    feed: TranscriptFeed,
    call_id: str,
    *,
    send_s: float,
    elsewhere: Elsewhere = lambda put: nullcontext(),
) -> None:
    """Tell a listener of the call `call_id`, or of all, until it goes. One that does not read for `send_s` is gone."""
    try:
        with feed.subscribe(call_id) as subscription:
            leaving = asyncio.create_task(_until_gone(socket))
            others = asyncio.Queue[str](MOST_WAITING)

            def put(call: str, message: str) -> None:
                if call_id in {EVERY_CALL, call}:
                    with suppress(asyncio.QueueFull):  # the listener reads too slowly
                        others.put_nowait(message)

            relaying = asyncio.create_task(_relay(socket, others, send_s=send_s))
            try:
                async with elsewhere(put):
                    await _tell(socket, subscription, leaving, send_s=send_s)
            finally:
                leaving.cancel()
                relaying.cancel()
    except TooManyListeners as error:
        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=str(error).encode())
    except FeedClosed:
        await socket.close(code=WSCloseCode.GOING_AWAY)
    except (ConnectionError, TimeoutError):
        pass  # it is gone, or does not read: nobody is left to tell


async def _tell(
    socket: web.WebSocketResponse, subscription: Subscription, leaving: asyncio.Task[None], *, send_s: float
) -> None:
    while True:
        coming = asyncio.ensure_future(subscription.get())
        await asyncio.wait({coming, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            coming.cancel()
            return
        event, lost = coming.result()
        async with timeout(send_s):
            if lost:
                await socket.send_str(to_json(type="error", message=f"{lost} messages were lost: read faster"))
            await socket.send_str(message_of(event))


async def _relay(socket: web.WebSocketResponse, messages: asyncio.Queue[str], *, send_s: float) -> None:
    while True:
        message = await messages.get()
        with suppress(ConnectionError, TimeoutError):  # whoever tells of the calls here notices that it is gone
            async with timeout(send_s):
                await socket.send_str(message)


def message_of(event: FeedEvent) -> str:
    """Return what a listener is told of `event`."""
    match event:
        case ListeningBegan(call):
            about: Mapping[str, object] = call_of(call)
            known = {name: value for name, value in about.items() if name != "id"}
            return to_json(type="call_started", call_id=call.call_id, **known)
        case ListeningEnded(call, reason):
            return to_json(type="call_ended", call_id=call.call_id, reason=reason)
        case SideSaid(call, track, said):
            fields: dict[str, object] = {"call_id": call.call_id, "speaker": event.speaker, "track": track}
            fields |= {"language": said.language, "text": said.text, "timestamp": said.timestamp}
            return (
                to_json(type="final", **fields, is_speech_final=True)
                if said.final
                else to_json(type="partial", **fields)
            )


async def _until_gone(socket: web.WebSocketResponse) -> None:
    """Return once the listener has hung up; what it says means nothing."""
    async for _ in socket:
        pass
