"""What was said in a file, in the forms that OpenAI's `/v1/audio/transcriptions` has. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from telephony.events import Transcript

_Form = Callable[[Sequence[Transcript], float], str]
"""Takes the finals and the length of the file in seconds."""


def text_of(finals: Sequence[Transcript]) -> str:
    """Return all that was said."""
    return " ".join(final.text for final in finals)


def _json(finals: Sequence[Transcript], seconds: float) -> str:
    usage = {"type": "duration", "seconds": round(seconds)}
    return json.dumps({"text": text_of(finals), "usage": usage}, ensure_ascii=False)


def _verbose(finals: Sequence[Transcript], seconds: float) -> str:
    segments = [
        {"id": index, "start": begin_ms / 1000, "end": end_ms / 1000, "text": final.text}
        for index, (final, (begin_ms, end_ms)) in enumerate(_spans(finals))
    ]
    words = [
        {"word": word.strip(), "start": begin_ms / 1000, "end": end_ms / 1000}
        for final in finals
        for word, begin_ms, end_ms in final.words
    ]
    language = next((final.language.lower() for final in finals if final.language), "")
    whole = {"task": "transcribe", "language": language, "duration": seconds, "text": text_of(finals)}
    return json.dumps({**whole, "segments": segments, "words": words}, ensure_ascii=False)


def _srt(finals: Sequence[Transcript], seconds: float) -> str:
    return "\n".join(
        f"{index}\n{_clock(begin_ms, ',')} --> {_clock(end_ms, ',')}\n{final.text}\n"
        for index, (final, (begin_ms, end_ms)) in enumerate(_spans(finals), 1)
    )


def _vtt(finals: Sequence[Transcript], seconds: float) -> str:
    cues = [
        f"{_clock(begin_ms, '.')} --> {_clock(end_ms, '.')}\n{final.text}\n"
        for final, (begin_ms, end_ms) in _spans(finals)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _spans(finals: Sequence[Transcript]) -> list[tuple[Transcript, tuple[int, int]]]:
    return [(final, final.span_ms or (0, 0)) for final in finals]


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


FORMATS: Final[Mapping[str, tuple[str, _Form]]] = {
    "json": ("application/json", _json),
    "verbose_json": ("application/json", _verbose),
    "text": ("text/plain", lambda finals, seconds: f"{text_of(finals)}\n"),
    "srt": ("application/x-subrip", _srt),
    "vtt": ("text/vtt", _vtt),
}
"""Each with its media type."""
