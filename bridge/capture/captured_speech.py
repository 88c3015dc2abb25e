"""What hears and judges a call, of which every answer is kept."""

from bridge.capture.call_capture import CallCapture, LoopTurn
from bridge.capture.notation import told
from bridge.speech.api import SAMPLE_RATE, EndOfTurn, Hypothesis, Recogniser, Request, Samples, Vad
from bridge.speech.pool.wrapped import WrappedRecogniser
from bridge.turns.rolling_quantile import RollingQuantile


class CapturedVad:
    """`vad`, with `capture` beside it."""

    def __init__(self, vad: Vad, capture: CallCapture) -> None:
        self.window = vad.window
        self._vad, self._capture = vad, capture
        capture.note("vad opened", {"window": vad.window})

    async def __call__(self, samples: Samples, /) -> float:
        """See Vad."""
        turn = LoopTurn()
        try:
            probability = await self._vad(samples)
        except Exception as error:  # it is kept on its way to whoever it is for
            self._capture.note("vad", {**turn.waited, "error": type(error).__name__, "text": str(error)})
            raise
        self._capture.note("vad", {**turn.waited, "p": float(probability)})
        return probability


class DecodeSpans:
    """Where in the call the audio of decodes is: a request does not say it, but the first of an utterance is made as
    soon as its audio is there."""

    def __init__(self) -> None:
        self._begins: dict[str, int] = {}

    def of(self, request: Request, now_ms: int) -> tuple[int, int]:
        """Return the media time at which the audio of `request` begins, and its milliseconds. `now_ms`: media time."""
        length_ms = len(request.audio) * 1000 // SAMPLE_RATE
        return self._begins.setdefault(request.key, max(0, now_ms - length_ms)), length_ms


class CapturedAsr(WrappedRecogniser):
    """`asr`, with `capture` beside it."""

    def __init__(self, asr: Recogniser, capture: CallCapture) -> None:
        super().__init__(asr)
        self._capture, self._spans = capture, DecodeSpans()

    async def decode(self, request: Request, /) -> Hypothesis:
        """See Asr."""
        from_ms, length_ms = self._spans.of(request, self._capture.media_ms)
        asked = {
            "from_ms": from_ms,
            "length_ms": length_ms,
            "final": request.final,
            "prefix": request.prefix,
            "language": request.language,
        }
        return await self._capture.ask("decode", asked, self._asr.decode(request), told)

    async def recovered(self) -> None:
        """See Recogniser."""
        await self._capture.ask("recovered", {}, self._asr.recovered(), lambda _: {})


class CapturedEnding:
    """`ending`, with `capture` beside it."""

    def __init__(self, ending: EndOfTurn, capture: CallCapture) -> None:
        self._ending, self._capture = ending, capture

    async def probability(self, audio: Samples, text: str, language: str, /) -> float:
        """See EndOfTurn."""
        judged = self._ending.probability(audio, text, language)
        asked = {"text": text, "language": language}
        return await self._capture.ask("judge", asked, judged, lambda found: {"p": float(found)})

    def close(self) -> None:
        """Do nothing: it is everybody's."""


class CapturedQuantile(RollingQuantile):
    """`quantile` of the process, of which is kept what this call read."""

    def __init__(self, quantile: RollingQuantile, capture: CallCapture) -> None:
        super().__init__(0, window=1)
        self._quantile, self._capture = quantile, capture
        self._read: int | None = None

    def add(self, value: int) -> None:
        """See RollingQuantile."""
        self._quantile.add(value)

    def quantile(self, share: float) -> int:
        """See RollingQuantile."""
        value = self._quantile.quantile(share)
        if value != self._read:
            self._read = value
            self._capture.note("read", {"what": "time_to_final", "value": value})
        return value
