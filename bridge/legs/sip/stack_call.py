"""One call in the SIP process: the stack's audio buffers, emptied and filled every 20 ms."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

import baresip
from baresip.events import Event, StackEvent

from bridge.legs.sip.media.resample import Shape
from bridge.legs.sip.media_buffers import Inlet, Outlet, thrown_away_ms
from bridge.legs.sip.requests.native import StackThread
from bridge.legs.sip.uri import whole
from telephony.events import KEYS
from telephony.sip_frames import Kind, frame, json_frame
from telephony.sip_identity import SIP_USER, VOUCHED, SipIdentity

log = logging.getLogger(__name__)

_READ_BYTES: Final = 1 << 15
_TRANSFERRED: Final = "Call transfered"  # the stack's spelling
_BYE: Final = "Connection reset by peer"  # what a BYE is to the stack
_SILENT: Final = "rtp stream error"
_64_KBIT_HZ: Final = (8000, 16_000)  # PCMU and PCMA, G.722; Opus is at 48000
_UNHEARD_S: Final = 5.0
_RETRY_S: Final = 5
"""What a caller is told to wait for whom there is no line, as over HTTP."""


class StackCall:
    """One call, from its INVITE to its end. An inbound one waits for `answer`; an outbound one rings."""

    def __init__(
        self,
        number: int,
        call: baresip.Call,
        post: Callable[[bytes], None],
        *,
        identity: SipIdentity,
        host: str,
    ) -> None:
        """`call`: the stack's own; `host`: where the other side is, with its port."""
        self._number, self.native, self._post = number, call, post
        self.identity, self._host = identity, host
        self._outlet: Outlet | None = None
        self._inlet: Inlet | None = None
        self._rate = 0  # of the bridge's side, fixed when the call starts
        self._in: Shape
        self._out: Shape
        self._gear = (0, 0, 0, 0)  # rates and channels of the stack's side
        self._rates: set[int] = set()  # at which the caller was heard so far
        self._ended_by_us = ""
        self.redirect = ""
        """Where the other side says that an outbound call should go instead."""
        self.transferred_to = ""
        """Whom the other side is being put through to, or was."""
        self._moved = asyncio.Event()
        self._keys = asyncio.Lock()  # one row of digits at a time
        call.on(self._told_of)

    @property
    def handle(self) -> int:
        return int(self.native.handle)

    @property
    def call_id(self) -> str:
        return self.native.call_id or ""

    # ------------------------------------------------------------ every 20 ms

    def tick(self, now_ms: float) -> None:
        try:
            if self._outlet is None or self._inlet is None:
                self._begin(now_ms)
                return
            heard = self.native.audio.read(_READ_BYTES)
            self._hear(self._in(heard) if heard else b"", now_ms)
            if self._outlet:
                self._say(self._outlet)
        except baresip.AudioRestarted:
            self._refit()
        except baresip.AudioNotActive:  # between two negotiations, or on hold: the caller's silence goes on
            self._hear(b"", now_ms)

    def _begin(self, now_ms: float) -> None:
        if self.native.state is not baresip.CallState.ESTABLISHED:
            return
        info = self.native.audio.info()
        if not (info.tx_ready and info.rx_ready):
            return
        self._rate = info.rx_sample_rate
        self._outlet, self._inlet = Outlet(self._rate), Inlet(self._rate, now_ms)
        self._refit()
        self._post(
            json_frame(
                Kind.STARTED,
                self._number,
                call_id=self.call_id,
                rate=self._rate,
                caller=self.identity.caller,
                callee=self.identity.callee,
                parameters=self._parameters(),
            )
        )

    def _parameters(self) -> dict[str, str]:
        """Return the headers that the bot is told, and what they mean in our words, which go before."""
        ours = self.identity.parameters
        kept_back = VOUCHED if SIP_USER in ours else frozenset()  # a caller of its own vouches for nobody
        headers = {name: value for name, value in self.native.headers.items() if name.lower() not in kept_back}
        return {**headers, **ours}

    def _refit(self) -> None:
        """Fit both directions to what the stack negotiated, and forget what it threw away."""
        info = self.native.audio.info()
        gear = (info.rx_sample_rate, info.rx_channels, info.tx_sample_rate, info.tx_channels)
        if 0 not in gear and gear != self._gear:
            self._gear = gear
            self._rates.add(gear[0])
            self._in = Shape(gear[0], gear[1], self._rate, 1)
            self._out = Shape(self._rate, 1, gear[2], gear[3])

    def _hear(self, pcm: bytes, now_ms: float) -> None:
        if self._inlet is None:
            return
        heard, missing = self._inlet.take(pcm, now_ms)
        if heard:
            self._post(frame(Kind.AUDIO, self._number, heard))
        if missing:
            self._post(frame(Kind.SILENCE, self._number, missing.to_bytes(4)))

    def _say(self, outlet: Outlet) -> None:
        audio = self.native.audio
        buffered = self._in_our_bytes(audio.info().tx_buffered)
        if chunk := outlet.next(buffered):
            audio.write(self._out(chunk))
        self._told(outlet.played(buffered + len(chunk)))

    def _in_our_bytes(self, size: int) -> int:
        """Return how much of the bridge's audio `size` bytes of the stack's are."""
        _, _, rate, channels = self._gear
        return size * self._rate // (rate * channels) // 2 * 2

    def _told(self, marks: list[str]) -> None:
        for name in marks:
            self._post(frame(Kind.PLAYED, self._number, name.encode()))

    # ------------------------------------------------------------ what the bridge asks

    def play(self, payload: bytes) -> None:
        if self._outlet is not None:
            self._outlet.play(payload)

    def mark(self, name: str) -> None:
        if self._outlet is not None:
            self._outlet.mark(name)

    def clear(self) -> None:
        if self._outlet is None:
            return
        marks = self._outlet.clear()
        try:
            self.native.audio.flush_tx()
        except (baresip.AudioNotActive, baresip.AudioRestarted) as error:
            log.debug("nothing to clear: %s", error)
        self._told(marks)

    async def answer(self) -> None:
        try:
            await self.native.answer()
        except baresip.StaleHandleError:
            pass  # the caller was faster: its end is reported
        except baresip.BaresipError as error:
            self._trouble(f"the call cannot be answered: {error}")
            await self.hang_up("cannot be answered")

    def _told_of(self, event: StackEvent) -> None:
        # A key counts when it goes down: how long it is held, and whether its end is lost, makes no difference.
        if event.event is Event.CALL_DTMF_START and event.text:
            self.pressed(event.text)

    def pressed(self, key: str) -> None:
        """Report a key."""
        self._post(frame(Kind.DIGIT, self._number, key.encode()))

    def moves(self) -> None:
        """Note that the other side of an outbound call has said something, if only that it rings."""
        self._moved.set()

    async def hang_up(self, reason: str) -> None:
        self._ended_by_us = reason or "we hung up"
        try:
            await self._until_it_moves()
            await self.native.hangup()
        except baresip.BaresipError as error:
            log.debug("hung up twice: %s", error)

    async def refuse(self, reason: str, thread: StackThread) -> None:
        """Answer the caller that there is no line: 503."""
        self._ended_by_us = self._ended_by_us or reason
        await thread.refuse(self.call_id, retry_s=_RETRY_S)

    async def _until_it_moves(self) -> None:
        """Wait while nothing has come back: the stack sends no CANCEL then, and the other side would ring on."""
        if self.native.state is not baresip.CallState.OUTGOING:
            return
        try:
            async with asyncio.timeout(_UNHEARD_S):
                await self._moved.wait()
        except TimeoutError:
            log.debug("nothing came back to an INVITE")

    async def transfer(self, target: str, *, host: str) -> None:
        """Put the other side through. A bare number is one at `host`, or where that is "", at the other side's host."""
        self.transferred_to = target
        try:
            await self.native.transfer(whole(target, host or self._host))
        except (baresip.BaresipError, ValueError) as error:
            self.transferred_to = ""
            if self.native.state is not baresip.CallState.CLOSED:
                self._post(
                    frame(Kind.NOT_TRANSFERRED, self._number, f"the transfer to {target} failed: {error}".encode())
                )

    def joined(self, refused: str) -> None:
        """Report that it was put together with another call, or why it was not."""
        self._post(json_frame(Kind.JOINED, self._number, reason=refused))

    async def send_digits(self, digits: str) -> None:
        wanted = "".join(digit for digit in digits.upper() if digit in KEYS)
        try:
            async with self._keys:
                await self.native.send_dtmf(wanted)
        except baresip.BaresipError as error:
            self._trouble(f"the digits were not sent: {error}")

    async def send_info(self, told: Mapping[str, object], thread: StackThread) -> None:
        """Send an INFO, and report what the other side answers."""
        headers = told.get("headers")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) if isinstance(headers, dict) else ""
        kind, body = str(told.get("content_type", "")), str(told.get("body", "")).encode()
        try:
            status = await thread.send_info(self.call_id, kind, body, lines)
            refused = "" if 200 <= status < 300 else f"the other side answered {status}" if status else "no answer came"
        except (baresip.BaresipError, LookupError, OSError) as error:
            refused = str(error)
        self._post(json_frame(Kind.INFO_ANSWERED, self._number, reason=refused))

    def _trouble(self, text: str) -> None:
        self._post(frame(Kind.TROUBLE, self._number, text.encode()))

    # ------------------------------------------------------------ the end

    def closed(self, text: str) -> None:
        """Report the end of the call; `text` is the stack's reason."""
        self._moved.set()
        if self._outlet is not None:
            self._told(self._outlet.clear())
        answer = "" if self._ended_by_us else text
        told = {"reason": self._reason(text), "answer": answer, "redirect": self.redirect}
        if text == _TRANSFERRED:
            self.joined("")  # the bridge is to hear of that before the end
        self._post(json_frame(Kind.ENDED, self._number, **told, statistics=self._statistics()))

    def _reason(self, text: str) -> str:
        if text == _TRANSFERRED:
            return f"transferred to {self.transferred_to}"
        if self._ended_by_us:
            return self._ended_by_us
        if text == _SILENT:
            return "no audio from the peer"
        return "the other side hung up" if not text or text.startswith(_BYE) else f"the call ended: {text}"

    def _statistics(self) -> dict[str, float]:
        told: dict[str, float] = {
            "concealed_ms": self._inlet.concealed_ms if self._inlet else 0,
            "late": self._outlet.late if self._outlet else 0,
        }
        if stats := self.native.final_stats:
            told |= {
                "received": stats.rx_packets,
                "lost": stats.rx_lost,
                "jitter_ms": stats.rx_jitter_ms,
                "sent": stats.tx_packets,
                "lost_by_peer": stats.tx_lost,
                "round_trip_ms": stats.rtt_ms,
                "starved": stats.audio_tx_starved_frames,
            }
            if self._inlet and self._rates.issubset(_64_KBIT_HZ):
                told["thrown_away_ms"] = thrown_away_ms(stats.rx_bytes, self._inlet.given_ms)
        return told
