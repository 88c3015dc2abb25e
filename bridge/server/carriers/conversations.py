"""Conversations of AudioCodes that outlive their sockets: which one a new socket belongs to is in its first message."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import WSMsgType, web

from bridge.legs.carriers.resumable import ResumableSocket
from bridge.legs.websocket import WebSocketLeg
from bridge.server.websocket_upgrade import accept
from bridge.settings import Settings
from telephony.carriers.audiocodes import AudioCodesProtocol
from telephony.jsontext import json_object
from telephony.malformed import Refused

RESUME_S: Final = 15.0
"""So long a conversation waits for another socket once it has lost its own."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A socket that has said whose it is."""

    socket: web.WebSocketResponse
    conversations: dict[str, ResumableSocket]
    conversation: str = ""
    held: ResumableSocket | None = None
    """What carries the conversation; None where the socket belongs to none."""
    leg: WebSocketLeg | None = None
    """Of a conversation that begins; None where one goes on."""

    @contextmanager
    def listed(self) -> Iterator[None]:
        """Let other sockets go on with the conversation within the block."""
        if self.held and self.conversation:
            self.conversations[self.conversation] = self.held
        try:
            yield
        finally:
            if self.held:
                self.held.left.set()
            if self.conversations.get(self.conversation) is self.held:
                self.conversations.pop(self.conversation, None)

    async def over(self) -> None:
        """Return when the conversation is over."""
        if self.held:
            await self.held.left.wait()


async def enter(
    request: web.Request, settings: Settings, conversations: dict[str, ResumableSocket], *, free: bool
) -> Entered:
    """Accept the socket, and read whose it is. `free`: whether a conversation may begin, and not only go on.

    Raises:
        web.HTTPException: the request does not ask for one as it should.
    """
    socket = await accept(request, settings, pings=True)
    try:
        async with asyncio.timeout(settings.start_timeout):
            first = await socket.receive()
    except TimeoutError:
        await socket.close(code=1002, message=b"no first message")
        return Entered(socket, conversations)
    kind, conversation = _named(first.data) if first.type is WSMsgType.TEXT else ("", "")
    if kind == "session.resume":
        if held := conversations.get(conversation):
            held.resume(socket, request.transport, first)
            return Entered(socket, conversations, conversation, held)
        return await _refused(socket, conversations, conversation, "no such conversation")
    if not free:
        return await _refused(socket, conversations, conversation, "busy, try again later")
    protocol = AudioCodesProtocol()
    held = ResumableSocket(socket, request.transport, first, resumable=lambda: protocol.resumable, wait_s=RESUME_S)
    leg = WebSocketLeg(held, protocol, abort=held.abort, idle_s=None, send_s=settings.send_timeout)
    return Entered(socket, conversations, conversation, held, leg)


async def _refused(
    socket: web.WebSocketResponse, conversations: dict[str, ResumableSocket], conversation: str, reason: str
) -> Entered:
    await socket.send_json({"type": "session.error", "conversationId": conversation, "reason": reason})
    await socket.close()
    return Entered(socket, conversations)


def _named(message: str) -> tuple[str, str]:
    """Return type and conversation of a first message; "" for what it does not say."""
    try:
        fields = json_object(message)
    except Refused:
        return "", ""
    kind, conversation = fields.get("type"), fields.get("conversationId")
    return (kind if isinstance(kind, str) else ""), (conversation if isinstance(conversation, str) else "")
