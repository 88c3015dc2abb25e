"""The SIP stack behind the frames of telephony/sip_frames.py: the only home of baresip, in a process of its own.

Its thread does SIP, RTP and codecs; here are the 20 ms clock, what the bot has said that nobody heard yet, and who may
call. One stack a process: when its thread dies the process is spoilt, and ends.
"""

import asyncio
import logging
import os
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import baresip
from baresip import _native
from baresip.events import Event, StackEvent

from bridge.admission.bucket import Bucket
from bridge.legs.sip import bpf, sockets
from bridge.legs.sip.accounts import config, own_account, trunk_account
from bridge.legs.sip.media.extension import StackExtension
from bridge.legs.sip.media.latch import Address
from bridge.legs.sip.media.libre import Libre, OtherStack
from bridge.legs.sip.options import StackOptions
from bridge.legs.sip.requests.digest import Challenger
from bridge.legs.sip.requests.gate import RequestGate, Trust
from bridge.legs.sip.requests.joining import Rooms
from bridge.legs.sip.requests.native import StackThread
from bridge.legs.sip.stack_call import StackCall
from bridge.legs.sip.uri import bracketed, host_of, parameter, user_of, whole
from telephony.sip_frames import FrameError, Kind, fields, json_frame
from telephony.sip_identity import SipIdentity, who

log = logging.getLogger(__name__)


_LONGEST_TEXT: Final = 250
"""Characters; the stack cuts the text of an event there, and half an address is another one."""


class StackError(Exception):
    """The stack does not start; the text says why, for an operator."""


class Stack:
    """One SIP stack. All methods are called on the loop it was started on."""

    def __init__(self, options: StackOptions, post: Callable[[bytes], None], dead: Callable[[], None]) -> None:
        """`post` takes frames for the bridge; `dead` is called when the stack is gone for good."""
        self._options, self._post = options, post
        self._runtime = baresip.Runtime()
        self._runtime.on_dead = dead
        self._trunk_networks: list[bpf.Network] = []
        self._bucket = Bucket(options.calls_per_second)
        self._extension: StackExtension
        self._agents: dict[str, baresip.UserAgent] = {}  # by transport, the first is the one for calls out
        self._trunk: baresip.UserAgent | None = None
        self._calls: dict[int, StackCall] = {}
        self._dialling: dict[int, str | None] = {}  # whose INVITE is on its way out; why they are given up already
        self._early: dict[int, list[StackEvent]] = {}  # what was told of calls before we had their handle
        self._numbers: dict[int, int] = {}  # the stack's handle -> ours
        self._newest = 1  # inbound calls are odd, the bridge gives outbound ones even numbers
        self._tasks: set[asyncio.Task[None]] = set()
        self._folder = tempfile.TemporaryDirectory(prefix="bridge-sip-")
        self._gate: RequestGate
        self._thread: StackThread
        self._rooms: Rooms

    async def start(self) -> dict[str, object]:
        """Listen; return what the bridge is told.

        Raises:
            StackError: it cannot.
        """
        options = self._options
        try:
            await self._runtime.start(config(options, Path(self._folder.name)))
            allowed = await asyncio.to_thread(self._allowed)
            sockets.guard({options.port, options.port + 1}, allowed)
            self._gate = RequestGate(self._trust(), on_key=self._pressed, on_refused=self._refused)
            libre = Libre(_native.__file__)
            self._thread = StackThread(self._runtime, libre, self._look)
            self._rooms = Rooms(self._thread)
            await self._thread.start()
            self._runtime.subscribe(self._on_event)
            self._extension = self._extended(libre, asyncio.get_running_loop())
            for transport in dict.fromkeys(options.transports):
                self._agents[transport] = await self._agent(own_account(options, transport))
            if options.trunk:
                self._trunk = await self._agent(trunk_account(options))
                if options.register_s:
                    self._spawn(self._register(self._trunk))
        except (baresip.BaresipError, sockets.Unguarded, OtherStack, ValueError, OSError) as error:
            raise StackError(f"SIP on {options.host}:{options.port}: {error}") from error
        return {"allowed": [str(network) for network in allowed], "pid": os.getpid()}

    def _extended(self, libre: Libre, loop: asyncio.AbstractEventLoop) -> StackExtension:
        def latched(source: Address, named: Address | None) -> None:
            told = json_frame(Kind.LATCHED, 0, source=_text(source), named=_text(named) if named else "no address")
            loop.call_soon_threadsafe(self._post, told)

        extension = StackExtension(libre, self._options, latched)
        extension.install()
        return extension

    async def _agent(self, account: baresip.Account) -> baresip.UserAgent:
        agent = await baresip.UserAgent.create(self._runtime, account, transfer_policy="reject")
        self._extension.name_contact(account.user, account.transport)
        return agent

    async def close(self) -> None:
        """End all calls and the stack."""
        for task in self._tasks:
            task.cancel()
        try:
            await self._runtime.close()
        except baresip.BaresipError as error:
            log.warning("the stack did not end well: %s", error)
        self._folder.cleanup()

    def tick(self, now_ms: float) -> None:
        """Move 20 ms of audio, in both directions of all calls."""
        self._extension.take_in(now_ms)
        for call in list(self._calls.values()):
            call.tick(now_ms)

    def obey(self, kind: Kind, number: int, body: bytes) -> None:
        """Carry out a frame of the bridge; frames for calls that are gone do nothing."""
        if kind is Kind.DIAL:
            if not self._dialling:
                self._early.clear()  # what is left is of no call of ours
            self._dialling[number] = None
            self._spawn(self._dial(number, fields(body)))
        elif kind is Kind.RENEW:
            self._spawn(self._renew(StackOptions.from_json(body)))
        elif call := self._calls.get(number):
            self._command(call, kind, body)
        elif kind is Kind.HANGUP and number in self._dialling:
            self._dialling[number] = str(fields(body).get("reason", ""))

    def _command(self, call: StackCall, kind: Kind, body: bytes) -> None:
        match kind:
            case Kind.PLAY:
                call.play(body)
            case Kind.MARK:
                call.mark(body.decode())
            case Kind.CLEAR:
                call.clear()
            case Kind.ANSWER:
                self._spawn(call.answer())
            case Kind.HANGUP:
                self._spawn(call.hang_up(str(fields(body).get("reason", ""))))
            case Kind.REFUSE:
                self._spawn(call.refuse(str(fields(body).get("reason", "")), self._thread))
            case Kind.TRANSFER:
                self._spawn(call.transfer(str(fields(body).get("target", "")), host=host_of(self._options.trunk)))
            case Kind.JOIN:
                self._spawn(self._rooms.join(call, str(fields(body).get("room", ""))))
            case Kind.SEND_DIGITS:
                self._spawn(call.send_digits(str(fields(body).get("digits", ""))))
            case Kind.SEND_INFO:
                self._spawn(call.send_info(fields(body), self._thread))
            case _:
                raise FrameError(f"the bridge sent {kind.name}")

    # ------------------------------------------------------------ calls

    def _on_event(self, event: StackEvent) -> None:
        match event.event:
            case Event.CALL_INCOMING:
                self._incoming(event)
            case Event.REGISTER_OK | Event.REGISTER_FAIL if self._trunk and event.ua == self._trunk.handle:
                ok = event.event is Event.REGISTER_OK
                self._post(json_frame(Kind.REGISTERED, ok=ok, text=event.text or ""))
            case _ if self._dialling and event.call and event.call not in self._numbers:
                self._early.setdefault(event.call, []).append(event)
            case Event.CALL_CLOSED:
                number = self._numbers.pop(event.call, 0)
                if call := self._calls.pop(number, None):
                    self._rooms.leave(call)
                    # The stack's own listener, which keeps the statistics, may come after us.
                    asyncio.get_running_loop().call_soon(call.closed, event.text or "")
            case Event.CALL_REDIRECT:
                if call := self._calls.get(self._numbers.get(event.call, 0)):
                    status_and_uri = event.text or ""
                    call.redirect = "" if len(status_and_uri) > _LONGEST_TEXT else status_and_uri.partition(",")[2]
            case Event.CALL_RINGING | Event.CALL_PROGRESS | Event.CALL_ESTABLISHED:
                if call := self._calls.get(self._numbers.get(event.call, 0)):
                    call.moves()

    def _incoming(self, event: StackEvent) -> None:
        call = baresip.Call._from_incoming(self._runtime, event)  # noqa: SLF001  # on_incoming asks each agent anew
        if not self._bucket.take(asyncio.get_running_loop().time()):
            self._post(json_frame(Kind.REFUSED, reason="rate"))
            self._spawn(self._thread.refuse(event.call_id or "", retry_s=1))  # the rate is one of seconds
            return
        self._newest += 2
        ours = self._newest
        identity = self._gate.take(event.call_id or "") or SipIdentity(who(event.peer or ""), "")
        self._add(ours, StackCall(ours, call, self._post, identity=identity, host=host_of(event.peer or "")))
        self._post(json_frame(Kind.INCOMING, ours, caller=identity.caller, callee=identity.callee))

    def _add(self, number: int, call: StackCall) -> None:
        self._calls[number] = call
        self._numbers[call.handle] = number

    async def _dial(self, number: int, told: Mapping[str, object]) -> None:
        target, headers = str(told.get("target", "")), told.get("headers")
        try:
            given = {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
            dialled = await (self._trunk or self._agent_for(target)).dial(self._complete(target), given)
        except (baresip.BaresipError, ValueError) as error:
            self._post(json_frame(Kind.ENDED, number, reason=f"cannot call {target}: {error}", statistics={}))
            return
        finally:
            given_up = self._dialling.pop(number)
        identity = SipIdentity(user_of(self._options.trunk), who(target) or target)
        call = StackCall(number, dialled, self._post, identity=identity, host=host_of(target))
        self._add(number, call)
        for event in self._early.pop(call.handle, ()):
            dialled._on_stack_event(event)  # noqa: SLF001  # the answer may be faster than what `dial` returns
            self._on_event(event)
        if given_up is not None and number in self._calls:
            await call.hang_up(given_up)

    def _agent_for(self, target: str) -> baresip.UserAgent:
        """Return the agent of the target's transport, else the first."""
        return self._agents.get(parameter(target, "transport")) or next(iter(self._agents.values()))

    def _complete(self, target: str) -> str:
        """Return `target` as a URI; a bare number is called through the trunk."""
        if ":" in target:
            return target
        if not self._options.trunk:
            raise ValueError("without a trunk a call needs a whole address, sip:number@host")
        transport = parameter(self._options.trunk, "transport")
        return whole(target, host_of(self._options.trunk)) + (f";transport={transport}" if transport else "")

    # ------------------------------------------------------------ before the stack acts on a request

    def _look(self, data: bytes, source: str, request: int) -> bool:
        return self._gate.look(data, source, request, self._thread)

    def _pressed(self, call_id: str, key: str) -> None:
        for call in self._calls.values():
            if call.call_id == call_id:
                call.pressed(key)

    def _refused(self, reason: str, peer: str, detail: str) -> None:
        self._post(json_frame(Kind.REFUSED, reason=reason, peer=peer, detail=detail))

    def _trust(self) -> Trust:
        users = dict(user.split(":", 1) for user in self._options.users)
        return Trust(Challenger(users) if users else None, self._trunk_networks)

    def _allowed(self) -> list[bpf.Network]:
        trunk = sockets.addresses(host_of(self._options.trunk, port=False)) if self._options.trunk else []
        if self._options.trunk and not trunk:
            log.warning("the trunk %s does not resolve: nothing it sends gets in", self._options.trunk)
        self._trunk_networks = bpf.networks(trunk)
        return [*bpf.networks(self._options.allow), *self._trunk_networks]

    async def _renew(self, fresh: StackOptions) -> None:
        """Take over the certificate and the passwords of `fresh`; the rest stays as it was at the start."""
        before, changed = self._options, dict[str, str | tuple[str, ...]]()
        try:
            if fresh.certificate != before.certificate:
                await self._thread.set_certificate(fresh.certificate)
                changed["certificate"] = fresh.certificate
            if self._trunk and fresh.trunk_password != before.trunk_password:
                await self._thread.set_password(fresh.trunk_password)
                changed["trunk_password"] = fresh.trunk_password
            level, text = logging.INFO, "SIP goes on with what is new of its certificate and its passwords"
        except (OSError, baresip.BaresipError) as error:
            level, text = logging.ERROR, f"not reloaded, the old one stays in force until SIP starts again: {error}"
        changed["users"] = fresh.users
        self._options = replace(before, **changed)  # type: ignore[arg-type]  # each is of its field's type
        self._gate.trust = self._trust()
        self._post(json_frame(Kind.LOG, level=level, text=text))
        if self._trunk and "trunk_password" in changed and self._options.register_s:
            await self._register(self._trunk)

    async def _register(self, trunk: baresip.UserAgent) -> None:
        try:
            await trunk.register()
        except baresip.BaresipError as error:  # the stack tries again by itself
            log.warning("the trunk does not register us: %s", error)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _text(address: Address) -> str:
    host, port = address
    return f"{bracketed(host)}:{port}"
