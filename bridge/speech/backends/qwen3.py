"""Qwen3-ASR's prompt and its answers, as text. Pure.

Source of the format: the chat template and the output parser of the qwen-asr package 0.0.6.

    <|im_start|>system\\n{context}<|im_end|>\\n<|im_start|>user\\n<|audio_start|><|audio_pad|><|audio_end|><|im_end|>\\n
    <|im_start|>assistant\\nlanguage {Name}<asr_text>{prefix}

The model answers with the text, or, where no language was forced, with `language {Name}<asr_text>` before it;
`language None<asr_text>` when it hears nothing.
"""

import re
from collections.abc import Sequence
from typing import Final

from bridge.speech.api import SAMPLE_RATE, Samples

LANGUAGES: Final = frozenset(
    "Arabic Cantonese Chinese Czech Danish Dutch English Filipino Finnish French German Greek Hindi Hungarian "
    "Indonesian Italian Japanese Korean Macedonian Malay Persian Polish Portuguese Romanian Russian Spanish Swedish "
    "Thai Turkish Vietnamese".split()
)
"""What the released models know (model card, 2026)."""

WINDOW_S: Final = 8
"""Seconds the audio encoder attends over (n_window_infer 800): a window that is full never changes again."""

_TEXT_BEGINS: Final = "<asr_text>"
_LANGUAGE: Final = re.compile(r"language\s+(\S.*)")
_CONTROL: Final = re.compile(r"<\|[^|<>]*\|>|<asr_text>")
_SIGNS: Final = re.compile(r"[<>]|[^<>]+")
_INSIDE: Final = re.compile(r"\|[^|<>]*\||asr_text")


def windows(audio: Samples) -> list[Samples]:
    """Cut `audio` at every `WINDOW_S`: given as separate items, what is full is computed once as an utterance grows."""
    step = WINDOW_S * SAMPLE_RATE
    return [audio[at : at + step] for at in range(0, len(audio), step)] or [audio]


def window_ids(audio: Samples, key: str) -> list[str | None]:
    """Return a stable name for each full window of the utterance `key`, None for the one that still grows."""
    full = len(audio) // (WINDOW_S * SAMPLE_RATE) if key else 0
    return [f"{key}-{n}" if n < full else None for n in range(len(windows(audio)))]


def opening(language: str | None, prefix: str) -> str:
    """Return what the model's answer is made to begin with; a prefix of unknown language cannot be expressed."""
    return f"language {language}{_TEXT_BEGINS}{plain(prefix)}" if language else ""


def prompt(*, windows: int, context: str, language: str | None, prefix: str) -> str:
    """Return the whole prompt for `windows` pieces of audio."""
    return (
        f"<|im_start|>system\n{plain(context)}<|im_end|>\n"
        f"<|im_start|>user\n<|audio_start|>{'<|audio_pad|>' * windows}<|audio_end|><|im_end|>\n"
        f"<|im_start|>assistant\n{opening(language, prefix)}"
    )


def plain(text: str) -> str:
    """Take the model's control marks out of `text`, also those that appear only when others are gone.

    Takes time in proportion to the length of `text`: clients choose it.
    """
    if not _CONTROL.search(text):
        return text
    opened: list[list[str]] = [[]]  # what follows each "<" that has no ">" yet
    for sign in _SIGNS.findall(text):
        if sign == "<":
            opened.append([])
        elif sign == ">" and len(opened) > 1:
            inside = "".join(opened.pop())
            if not _INSIDE.fullmatch(inside):
                opened[-1].append(f"<{inside}>")
        else:
            opened[-1].append(sign)
    return "<".join("".join(parts) for parts in opened)


def parse(pieces: Sequence[str], language: str | None) -> tuple[tuple[str, ...], str]:
    """Return (pieces of text, language) of an answer; `language` is what `opening` was made with.

    The language is "" where nothing was heard. An answer that never comes to its text has none.
    """
    if language:
        heard = any(piece.strip() for piece in pieces)
        return (tuple(pieces), language) if heard else ((), "")
    head, mark, text = "".join(pieces).partition(_TEXT_BEGINS)
    found = _LANGUAGE.fullmatch(head.strip())
    name = found.group(1) if found else ""
    if not mark or not text.strip() or name.casefold() == "none":
        return (), ""
    return without_head(pieces, len(head) + len(mark)), name


def without_head(pieces: Sequence[str], characters: int) -> tuple[str, ...]:
    """Return `pieces` without the first `characters` of their text."""
    kept = []
    for piece in pieces:
        if len(piece) > characters:
            kept.append(piece[characters:])
        characters = max(0, characters - len(piece))
    return tuple(kept)
