"""Recordings of any form as 16-bit WAV: that as it is, MP3 and all other WAV with the extra `mp3`."""

import io
import wave
from typing import Final

from bot import installing

_LONGEST_S: Final = 600
"""Of one recording; compressed it is small, whole it is not."""
_MOST_SAMPLES: Final = _LONGEST_S * 48_000
"""Of all channels: 58 MB."""


def as_wav(data: bytes) -> bytes:
    """Return `data`, a WAV or an MP3 file, as a WAV file of 16-bit samples. Blocks: it may decode ten minutes of audio.

    Raises:
        ValueError: it is neither, broken, longer than ten minutes, or needs what is not installed.
    """
    wav = data[:4] == b"RIFF" and data[8:12] == b"WAVE"
    if wav and _is_plain(data):
        return data
    if not wav and data[:3] != b"ID3" and not (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0):
        raise ValueError("it is neither WAV nor MP3")
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: it finds no libsndfile
        kind = "WAV of other than 16-bit samples" if wav else "MP3"
        raise ValueError(f"{kind} needs the extra mp3: {installing.extra('mp3')}") from None
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.format not in {"WAV", "WAVEX", "MP3"}:
                raise ValueError(f"it is {file.format}, not WAV or MP3")
            rate, channels = file.samplerate, file.channels
            most = min(_LONGEST_S * rate, _MOST_SAMPLES // max(channels, 1))
            exact = file.subtype in {"FLOAT", "DOUBLE"}  # libsndfile makes no whole numbers of these
            read = file.read(most + 1, dtype="float32" if exact else "int16", always_2d=True)  # its head may lie
            pcm = (read.clip(-1, 1) * 32767) if exact else read
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise ValueError(f"it is broken ({error})") from None
    if len(pcm) > most:
        raise ValueError(f"it is longer than {_LONGEST_S} s")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.astype("<i2").tobytes())
    return out.getvalue()


def _is_plain(data: bytes) -> bool:
    """True for what needs no decoder; what is broken is told by who plays it."""
    try:
        with wave.open(io.BytesIO(data), "rb") as file:
            return file.getsampwidth() == 2
    except wave.Error as error:
        return "unknown format" not in str(error)
    except (EOFError, RuntimeError):
        return True
