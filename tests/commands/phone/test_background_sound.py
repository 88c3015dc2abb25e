"""What is heard behind a caller."""

import numpy as np
import pytest

from bridge.commands.phone.background_sound import BackgroundSound
from telephony.codec import decode
from telephony.events import Encoding


def test_the_sound_goes_on_from_frame_to_frame_and_begins_again() -> None:
    behind = BackgroundSound(np.linspace(-0.5, 0.5, 400, dtype=np.float32))
    heard = np.concatenate([decode(behind.mix(b"\xff" * 160), Encoding.MULAW) for _ in range(5)])
    assert np.allclose(heard[:400], np.linspace(-0.5, 0.5, 400), atol=0.02)
    assert np.allclose(heard[400:], heard[:400], atol=0.02)


def test_speech_and_background_add_up_and_are_bounded() -> None:
    loud = b"\x00" * 160
    mixed = decode(BackgroundSound(np.full(10, -0.9, np.float32)).mix(loud), Encoding.MULAW)
    assert mixed.min() >= -1
    assert np.allclose(
        decode(BackgroundSound(np.full(10, 0.5, np.float32)).mix(b"\xff" * 160), Encoding.MULAW), 0.5, atol=0.02
    )


def test_nothing_cannot_be_repeated() -> None:
    with pytest.raises(ValueError, match="empty"):
        BackgroundSound(np.empty(0, np.float32))
