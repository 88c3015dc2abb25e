"""The stack's own functions that its Python side does not show: each request before the stack acts on it, and INFO.

All of it runs on the stack's thread: what is not thread-safe is never called from another. Nothing here depends on how
the stack lays out a message: the bytes come from its trace, which it calls right before it hands a message on. The one
layout that is used, of the list of listeners and of a call's first fields, is checked before it is believed.
"""

import asyncio
import ctypes
import ipaddress
import logging
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import baresip
from baresip import _events, _native

log = logging.getLogger(__name__)

_ListEntry = ctypes.c_void_p * 4  # prev, next, list, data: struct le of re_list.h
_CALL_WORDS: Final = 24  # how far into a call the account is looked for
_ANSWERED_S: Final = 35.0
"""The stack gives a request up after 32 s (RFC 3261, timer F)."""
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
_OnMessage = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p)
_OnResponse = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

OnRequest = Callable[[bytes, str, int], bool]
"""Takes a request's bytes, the address that it came from, and the name by which `StackThread` answers it; tells whether
that was all, so that the stack does not see it."""


class StackThread:
    """Runs functions on the stack's thread, and shows every request that comes in before the stack acts on it."""

    def __init__(self, runtime: baresip.Runtime, on_request: OnRequest) -> None:
        """`on_request` is called on the stack's thread and must be fast; what it raises is logged."""
        self._runtime, self._on_request = runtime, on_request
        self._stack = _library()
        self._work = deque[Callable[[], None]]()
        self._received: tuple[bytes, str] = (b"", "")
        # The stack keeps pointers to these: they live as long as it does.
        self._trace, self._listener = _Trace(self._keep), _OnMessage(self._request)
        self._answered = _OnResponse(self._response)
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._count = 0

    async def start(self) -> None:
        """Begin to see requests. The stack must be running.

        Raises:
            OSError: this stack is another than the one that was tested.
        """
        _events.set_sink(self._event)  # type: ignore[no-untyped-call]
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

    def _listen(self) -> None:
        sip = self._stack.uag_sip()
        listener = ctypes.c_void_p()
        if self._stack.sip_listen(ctypes.byref(listener), sip, True, self._listener, None) or not listener.value:
            raise OSError("the SIP stack lets nobody listen")
        entry = _ListEntry.from_address(listener.value)
        if entry[3] != listener.value or not entry[2]:
            raise OSError(
                "the SIP stack is another than the one this bridge was tested with: pip install the pinned one"
            )
        self._listener_slot = listener  # the stack clears it when it goes
        self._move_forward(entry)
        self._stack.sip_set_trace_handler(sip, self._trace)

    def _move_forward(self, ours: "ctypes.Array[ctypes.c_void_p]") -> None:
        """Put our listener behind the first two, which know what comes twice, and before all that act on a request."""
        entries, holder = ours[2], ctypes.addressof(ours)
        first = ctypes.c_void_p.from_address(entries or 0).value  # the head of struct list
        second = _ListEntry.from_address(first)[1] if first else None
        data = ours[3]
        if not second or second == holder:
            return
        self._stack.list_unlink(holder)
        self._stack.list_insert_after(entries, second, holder, data)

    def _keep(self, sent: bool, _: int, source: int, __: int, packet: int, size: int, ___: int) -> None:
        if not sent:
            self._received = ctypes.string_at(packet, size), _address(source)

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

    async def refuse(self, call_id: str) -> None:
        """Answer the INVITE of a call that rings with 503: the stack's own command knows 486 alone.

        Raises:
            LookupError: there is no such call.
            baresip.BaresipError: the stack is gone.
        """
        await self.run(lambda: self._refuse(call_id.encode()))

    def _refuse(self, call_id: bytes) -> None:
        call = self._stack.uag_call_find(call_id)
        if not call:
            raise LookupError("the call is over")
        self._stack.ua_hangup(self._stack.call_get_ua(call), call, 503, b"Service Unavailable")

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
            error = self._stack.sipsess_info(session, kind, buffer, self._answered, number)
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


def _address(source: int) -> str:
    """Return the address in a struct sa, which begins as the system's sockaddr does; "" for what is no IP."""
    raw = ctypes.string_at(source, 28)
    (family,) = struct.unpack_from("=H", raw)
    if family == socket.AF_INET:
        return str(ipaddress.IPv4Address(raw[4:8]))
    if family == socket.AF_INET6:
        return str(ipaddress.IPv6Address(raw[8:24]))
    return ""


def _library() -> ctypes.CDLL:
    """Return the stack's library with the types of what is called here (re_sip.h, re_sipsess.h, baresip.h)."""
    stack, pointer, text = ctypes.CDLL(_native.__file__), ctypes.c_void_p, ctypes.c_char_p
    types: dict[str, tuple[object, list[object]]] = {
        "uag_sip": (pointer, []),
        "uag_sipsess_sock": (pointer, []),
        "uag_call_find": (pointer, [text]),
        "call_get_ua": (pointer, [pointer]),
        "call_account": (pointer, [pointer]),
        "list_unlink": (None, [pointer]),
        "list_insert_after": (None, [pointer, pointer, pointer, pointer]),
        "mbuf_alloc": (pointer, [ctypes.c_size_t]),
        "mbuf_write_mem": (ctypes.c_int, [pointer, text, ctypes.c_size_t]),
        "mbuf_set_posend": (None, [pointer, ctypes.c_size_t, ctypes.c_size_t]),
        "mem_deref": (pointer, [pointer]),
        "sip_dialog_callid": (text, [pointer]),
        "sip_listen": (ctypes.c_int, [pointer, pointer, ctypes.c_bool, _OnMessage, pointer]),
        "sip_set_trace_handler": (None, [pointer, _Trace]),
        "sip_treplyf": (
            ctypes.c_int,
            [pointer, pointer, pointer, pointer, ctypes.c_bool, ctypes.c_uint16, text, text],
        ),
        "sipsess_dialog": (pointer, [pointer]),
        "sipsess_find": (pointer, [pointer, pointer]),
        "ua_hangup": (None, [pointer, pointer, ctypes.c_uint16, text]),
        "sipsess_info": (ctypes.c_int, [pointer, text, pointer, _OnResponse, pointer]),
    }
    for name, (result, arguments) in types.items():
        try:
            function = getattr(stack, name)
        except AttributeError as missing:
            raise OSError(f"the SIP stack has no {name}: pip install the version that is pinned") from missing
        function.restype, function.argtypes = result, arguments
    return stack
