"""The bridge's mono at one rate against what the stack has now: a re-INVITE may bring another codec."""

import warnings

with warnings.catch_warnings():  # in the standard library up to 3.12, in audioop-lts under the same name after
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

_WIDTH = 2
_State = tuple[int, tuple[tuple[int, int], ...]]


class Shape:
    """Converts one direction of one call, piece by piece. Where nothing differs it costs nothing."""

    def __init__(self, rate: int, channels: int, to_rate: int, to_channels: int) -> None:
        """Rates are in hertz; channels are one or two."""
        self._from, self._channels = rate, channels
        self._to, self._to_channels = to_rate, to_channels
        self._state: _State | None = None

    def __call__(self, pcm: bytes) -> bytes:
        """Return signed 16-bit `pcm`, whole samples, as the other side has it."""
        if self._channels == 2:
            pcm = audioop.tomono(pcm, _WIDTH, 0.5, 0.5)
        if self._from != self._to:
            pcm, self._state = audioop.ratecv(pcm, _WIDTH, 1, self._from, self._to, self._state)
        return audioop.tostereo(pcm, _WIDTH, 1, 1) if self._to_channels == 2 else pcm
