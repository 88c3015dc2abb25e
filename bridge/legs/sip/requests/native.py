"""The stack's own functions that its Python side does not show: each request before the stack acts on it, and INFO.

All of it runs on the stack's thread: what is not thread-safe is never called from another. Nothing here depends on how
the stack lays out a message: the bytes come from its trace, which it calls right before it hands a message on. The one
layout that is used, of a call's first fields, is checked before it is believed.
"""

import asyncio
import ctypes
import logging
import os
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import baresip
from baresip import _events, _native

from bridge.legs.sip.media.libre import MESSAGE, Ends, Le, Libre, pointer

log = logging.getLogger(__name__)

_CALL_WORDS: Final = 24  # how far into a call the account is looked for
_ANSWERED_S: Final = 35.0
"""The stack gives a request up after 32 s (RFC 3261, timer F)."""
_REPLACES: Final = 1  # of what a Supported header may name, by the stack's own count
_Trace = ctypes.CFUNCTYPE(
    None,
    ctypes.c_bool,  # sent, not received
    ctypes.c_int,
    ctypes.c_void_p,  # source
    ctypes.c_void_p,
    ctypes.c_void_p,  # the packet
    ctypes.c_size_t,
    ctypes.c_void_p,
)
_OnResponse = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

OnRequest = Callable[[bytes, str, int], bool]
"""Takes a request's bytes, the address that it came from, and the name by which `StackThread` answers it; tells whether
that was all, so that the stack does not see it."""


class StackThread:
    """Runs functions on the stack's thread, and shows every request that comes in before the stack acts on it."""

    def __init__(self, runtime: baresip.Runtime, stack: Libre, on_request: OnRequest) -> None:
        """`on_request` is called on the stack's thread and must be fast; what it raises is logged."""
        self._runtime, self._stack, self._on_request = runtime, stack, on_request
        self._work = deque[Callable[[], None]]()
        self._received: tuple[bytes, str] = (b"", "")
        # The stack keeps pointers to these: they live as long as it does.
        self._trace, self._listener = _Trace(self._keep), MESSAGE(self._request)
        self._answered = _OnResponse(self._response)
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._count = 0

    async def start(self) -> None:
        """Begin to see requests. The stack must be running.

        Raises:
            OtherStack: this stack is another than the one that was tested.
        """
        _events.set_sink(self._event)  # type: ignore[no-untyped-call]  # the package has no types
        await self.run(self._listen)

    async def run(self, work: Callable[[], None]) -> None:
        """Run `work` on the stack's thread.

        Raises:
            baresip.BaresipError: the stack is gone.
            whatever `work` raises.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def step() -> None:
            try:
                work()
            except Exception as error:  # it is raised where it was asked for
                loop.call_soon_threadsafe(_fail, done, error)
            else:
                loop.call_soon_threadsafe(_settle, done, None)

        self._work.append(step)
        await self._runtime.cmd(_native.lib.BP_CMD_PING)  # its answer is an event
        await done

    # ------------------------------------------------------------ on the stack's thread

    def _event(self, event: int, handle: int, payload: bytes | None) -> None:
        """Take what the stack tells: everything does, answers to PING too, and on the stack's thread."""
        while self._work:
            self._work.popleft()()
        self._runtime._on_native_event(event, handle, payload)  # noqa: SLF001  # which took it before us

    def answer(self, request: int, status: int, reason: str, headers: str = "") -> None:
        """Answer a request. Call it inside `on_request`. `headers`: whole lines, each with its CR and LF."""
        more = (headers.replace("%", "%%") + "Content-Length: 0\r\n\r\n").encode()
        self._stack.sip_treplyf(
            None, None, self._stack.uag_sip(), request, False, status, reason.encode(), ctypes.c_char_p(more)
        )

    def in_dialog(self, request: int) -> bool:
        """Tell whether a request belongs to a call that is under way, by Call-ID and both tags."""
        return bool(self._stack.sipsess_find(self._stack.uag_sipsess_sock(), request))

    def has_dialog(self, call_id: str, *, ours: str, theirs: str) -> bool:
        """Tell whether there is a call of this Call-ID with these two tags. Call it inside `on_request`."""
        try:
            dialog = self._stack.sipsess_dialog(self._session(call_id.encode()))
        except LookupError:
            return False
        tags = self._stack.sip_dialog_ltag(dialog), self._stack.sip_dialog_rtag(dialog)
        return bool(tags == (ours.encode(), theirs.encode()))

    async def supports_replaces(self, call_id: str) -> bool:
        """Tell whether the other side of a call has said that it may be replaced by another (Supported, RFC 3891).

        Raises:
            baresip.BaresipError: the stack is gone.
        """
        found: list[bool] = []
        find = self._stack.uag_call_find
        await self.run(lambda: found.append(self._stack.call_supported(find(call_id.encode()), _REPLACES)))
        return found == [True]

    def _listen(self) -> None:
        self._stack.listen(pointer(self._listener))
        self._stack.sip_set_trace_handler(self._stack.uag_sip(), pointer(self._trace))

    def _keep(self, sent: bool, _: int, source: int, __: int, packet: int, size: int, ___: int) -> None:
        if not sent:
            address = self._stack.address(source)
            self._received = ctypes.string_at(packet, size), address[0] if address else ""

    def _request(self, message: int, _: int) -> bool:
        (data, source), self._received = self._received, (b"", "")  # of no other message
        try:
            return bool(self._on_request(data, source, message))
        except Exception:
            log.exception("a SIP request is refused")  # an exception must not reach C, nor the request get by unseen
            if not data.startswith(b"ACK "):
                self.answer(message, 500, "Server Internal Error")
            return True

    # ------------------------------------------------------------ refusals

    async def refuse(self, call_id: str, *, retry_s: int) -> None:
        """Answer the INVITE of a call that rings with 503 and Retry-After: the stack's own command knows 486 alone.

        `retry_s`: seconds after which the next try makes sense. A call that is over needs no answer.
        """
        try:
            await self.run(lambda: self._refuse(call_id.encode(), retry_s))
        except baresip.BaresipError as error:
            log.debug("a refused call was gone: %s", error)

    def _refuse(self, call_id: bytes, retry_s: int) -> None:
        if not (call := self._stack.uag_call_find(call_id)):
            return
        why, headers = b"Service Unavailable", f"Retry-After: {retry_s}\r\nContent-Length: 0\r\n\r\n".encode()
        try:  # hanging up knows no headers: it finds the answer given, and lets the call go
            self._stack.sipsess_reject(self._session(call_id), 503, why, ctypes.c_char_p(headers))
        except OSError as error:
            log.warning("refused without Retry-After: %s", error)
        self._stack.ua_hangup(self._stack.call_get_ua(call), call, 503, why)

    # ------------------------------------------------------------ secrets

    async def set_certificate(self, pem: str) -> None:
        """Show new TLS connections the certificate chain in `pem`, with the key that is in it too.

        Raises:
            OSError: the stack does not take it. baresip.BaresipError: it is gone.
        """
        await self.run(lambda: self._set_certificate(pem.encode()))

    def _set_certificate(self, pem: bytes) -> None:
        if error := self._stack.tls_set_certificate_chain_pem(self._stack.uag_tls(), pem, len(pem)):
            raise OSError(error, os.strerror(error))

    async def set_password(self, password: str) -> None:
        """Have the agent that was made last prove another password from now on.

        Raises:
            OSError: the stack does not take it. baresip.BaresipError: it is gone.
        """
        await self.run(lambda: self._set_password(password.encode()))

    def _set_password(self, password: bytes) -> None:
        newest = Le.from_address(int(Ends.from_address(self._stack.uag_list()).tail or 0)).data
        if error := self._stack.account_set_auth_pass(self._stack.ua_account(newest), password):
            raise OSError(error, os.strerror(error))

    # ------------------------------------------------------------ INFO

    async def send_info(self, call_id: str, content_type: str, body: bytes, headers: str) -> int:
        """Send an INFO within a call and return the status of its answer, 0 where there is none.

        `headers`: whole lines, each with CR and LF.

        Raises:
            LookupError: there is no such call.
            OSError: it cannot be sent.
            baresip.BaresipError: the stack is gone.
        """
        self._count += 1
        number = self._count
        self._loop = asyncio.get_running_loop()
        answered: asyncio.Future[int] = self._loop.create_future()
        self._waiting[number] = answered
        # The stack writes the type as it is, and a line's end behind it: so headers of our own go with it.
        kind = f"{content_type}\r\n{headers}".removesuffix("\r\n")
        try:
            await self.run(lambda: self._send(number, call_id, kind.encode(), body))
            async with asyncio.timeout(_ANSWERED_S):
                return await answered
        except TimeoutError:
            return 0  # the call ended with it
        finally:
            del self._waiting[number]

    def _send(self, number: int, call_id: str, kind: bytes, body: bytes) -> None:
        session = self._session(call_id.encode())
        buffer = ctypes.c_void_p(self._stack.mbuf_alloc(max(1, len(body))))
        try:
            self._stack.mbuf_write_mem(buffer, body, len(body))
            self._stack.mbuf_set_posend(buffer, 0, len(body))
            error = self._stack.sipsess_info(session, kind, buffer, pointer(self._answered), number)
        finally:
            self._stack.mem_deref(buffer)
        if error:
            raise OSError(error, f"an INFO cannot be sent: error {error}")

    def _session(self, call_id: bytes) -> int:
        """Return the session of a call. It stands behind the account in the call, which the stack tells."""
        call = self._stack.uag_call_find(call_id)
        if not call:
            raise LookupError("the call is over")
        words = (ctypes.c_void_p * _CALL_WORDS).from_address(call)
        agent, account = self._stack.call_get_ua(call), self._stack.call_account(call)
        for at in range(_CALL_WORDS - 2):
            session: int | None = words[at + 2]
            if (words[at], words[at + 1]) == (agent, account) and session:
                dialog = self._stack.sipsess_dialog(session)
                if dialog and self._stack.sip_dialog_callid(dialog) == call_id:
                    return session
        raise OSError("the SIP stack is another than the one this bridge was tested with: no INFO can be sent")

    def _response(self, error: int, message: int | None, number: int | None) -> None:
        data, _ = self._received
        status = 0
        if not error and message and data.startswith(b"SIP/2.0 ") and data[8:11].isdigit():
            status = int(data[8:11])
        if (waiting := self._waiting.get(number or 0)) and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_settle, waiting, status)


def _settle(future: "asyncio.Future[Any]", result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
