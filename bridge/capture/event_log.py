"""What a call made of all that it was told: by these events a replay is compared with the call."""

from bot.actions import Action
from bot.api import CallNote, Final
from bridge.capture.call_capture import CallCapture
from bridge.observer import CallObserver


class EventLog(CallObserver):
    """Writes into `capture` what is noted of its call."""

    def __init__(self, capture: CallCapture) -> None:
        self._capture = capture
        self._speech_end_s: float | None = None  # of a turn that was not answered yet

    def speech_ended(self, *, ago_ms: int) -> None:
        self._speech_end_s = self._capture.clock_s() - ago_ms / 1000
        self._capture.event("turn closed", silence_ms=ago_ms)

    def nothing_said(self) -> None:
        self._speech_end_s = None
        self._capture.event("nothing said")

    def said(self, final: Final) -> None:
        span = {"from_ms": final.began_ms, "to_ms": final.ended_ms}
        self._capture.event("final", text=final.text, language=final.language, **span)

    def pressed(self, keys: str) -> None:
        self._capture.event("keys", text="0" * len(keys) if self._capture.secret() else keys)

    def barged_in(self) -> None:
        self._capture.event("barge-in")

    def asked(self) -> None:
        self._capture.event("reply asked")

    def sent(self) -> None:
        if self._speech_end_s is not None:
            wait_ms = round((self._capture.clock_s() - self._speech_end_s) * 1000)
            self._speech_end_s = None
            self._capture.event("answered", wait_ms=wait_ms)

    def spoke(self, text: str, *, unheard: str, played_ms: int) -> None:
        if text or unheard:
            self._capture.event("bot heard", text=text, unheard=unheard, played_ms=played_ms)

    def acted(self, action: Action, failure: str = "") -> None:
        failed = {"failed": failure} if failure else {}
        self._capture.event("action", action=type(action).__name__, **failed)

    def noted(self, note: CallNote) -> None:
        self._capture.event("note", name=note.name, text=note.text)

    def fault(self, what: str) -> None:
        self._capture.event("fault", text=what)
