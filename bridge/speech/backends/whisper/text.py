"""Whisper's tokens: prompts made of text, and text made of what comes back."""

import codecs
import itertools
from collections.abc import Sequence
from typing import Final

from tokenizers import Tokenizer

from bot.languages import ENGLISH_NAMES
from bridge.speech.backends.whisper.letters import may_be_in
from bridge.speech.scripts import scripts_of

_UNSPACED: Final = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})
"""Languages whose sentences Whisper does not begin with a space."""

_ENDS: Final = tuple(".!?\u2026\u3002\uff01\uff1f\u0964\u06d4\u061f")
"""Marks that end a sentence, in the scripts that have their own."""
_EXAMPLES: Final = {"hi": "नमस्ते, मैं आपकी मदद कर सकता हूँ।"}
"""A sentence before the first, in the script that is wanted, where the model hesitates between several.

Measured with base on 24 sentences of telephone calls, by two voices of Kokoro over 8 kHz: without it all 24 come in
Arabic script (84 % of characters wrong); with the other scripts forbidden and no example 54 %, with both 46 %.
"""

_PRINTABLE: Final = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
"""Bytes that stand for themselves in the vocabulary; the others are written as U+0100 and up, in order."""


def _byte_alphabet() -> dict[str, int]:
    others = [byte for byte in range(256) if byte not in _PRINTABLE]
    return {**{chr(byte): byte for byte in _PRINTABLE}, **{chr(0x100 + n): byte for n, byte in enumerate(others)}}


_BYTES: Final = _byte_alphabet()
_SIGNS: Final = {byte: sign for sign, byte in _BYTES.items()}


class WhisperText:
    """The vocabulary of one model. Thread-safe."""

    def __init__(self, tokenizer: Tokenizer, *, multilingual: bool) -> None:
        # "<|endoftext|>" in a client's text is eleven plain characters and no command.
        tokenizer.encode_special_tokens = True
        self._tokenizer, self._multilingual = tokenizer, multilingual
        self._first_special = self._special("endoftext")
        self.languages = (
            {code for code in ENGLISH_NAMES if tokenizer.token_to_id(f"<|{code}|>") is not None}
            if multilingual
            else {"en"}
        )
        """Codes of the languages that the model knows."""
        self._foreign: dict[str, list[int]] = {}  # what was asked for, by code

    def start(self, language: str) -> list[int]:
        """Return what every hypothesis begins with; `language` is a code."""
        spoken = [self._special(language), self._special("transcribe")] if self._multilingual else []
        return [self._special("startoftranscript"), *spoken, self._special("notimestamps")]

    def context(self, text: str, language: str = "", *, limit: int) -> list[int]:
        """Return the prompt that biases towards `text`, of which the last `limit` tokens count.

        `language` is a code: before the text stands a sentence that shows in which script it is written.
        """
        example = _EXAMPLES.get(language, "") if self._multilingual else ""
        words = f"{example} {text.strip()}".strip()
        ids = self._encode(" " + words)[-limit:] if words else []
        return [self._special("startofprev"), *ids] if ids else []

    def foreign(self, language: str) -> Sequence[int]:
        """Return the tokens that no text in `language`, a code, may hold: letters of scripts that it is not written in.

        Empty for languages in Latin letters, which models do not get wrong.
        """
        if language not in self._foreign:
            scripts = scripts_of(language) if self._multilingual else frozenset[str]()
            ids = range(self._first_special) if scripts else ()
            self._foreign[language] = [i for i in ids if not may_be_in(self._bytes(i), scripts)]
        return self._foreign[language]

    def _bytes(self, token: int) -> bytes:
        return bytes(_BYTES[sign] for sign in self._tokenizer.id_to_token(token) or "" if sign in _BYTES)

    def prefix(self, text: str, language: str) -> list[int]:
        """Return the tokens of a hypothesis that begins with `text`."""
        return self._encode(text if not text or language in _UNSPACED else " " + text)

    def pieces(self, ids: Sequence[int], *, begins: bool) -> list[str]:
        """Return the text of each token, those that share a character merged; half a character at the end is left out.

        Args:
            begins: they begin the text, so the space before its first word goes.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        pieces: list[str] = []
        for token in self._written(ids):
            unfinished = bool(decoder.getstate()[0])
            text = decoder.decode(bytes(_BYTES[sign] for sign in token))
            if unfinished:
                pieces[-1] += text
            else:
                pieces.append(text)
        if begins:
            pieces = _without_leading_space(pieces)
        return [piece for piece in pieces if piece]

    def counted_pieces(self, ids: Sequence[int], language: str) -> list[tuple[str, int]]:
        """Return the text of the tokens up to the first mark, each with the number of tokens that make it.

        Each begins with a space where a word begins, so does every piece of a language without spaces that is no mark.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        pieces, text, count = list[tuple[str, int]](), "", 0
        for token in self._written(list(itertools.takewhile(lambda i: i < self._first_special, ids))):
            text, count = text + decoder.decode(bytes(_BYTES[sign] for sign in token)), count + 1
            if text and not decoder.getstate()[0]:
                spaced = language in _UNSPACED and text[0].isalnum()
                pieces.append((" " + text if spaced else text, count))
                text, count = "", 0
        return pieces

    def token_of(self, written: str, /) -> int | None:
        """Return the token that is exactly `written`, None where it takes several."""
        token: int | None = self._tokenizer.token_to_id("".join(_SIGNS[byte] for byte in written.encode()))
        return token

    def _written(self, ids: Sequence[int]) -> list[str]:
        """Return the tokens as the vocabulary writes them, without end marks and timestamps."""
        return [token for i in ids if i < self._first_special and (token := self._tokenizer.id_to_token(i))]

    def _encode(self, text: str) -> list[int]:
        written = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
        ids = self._tokenizer.encode(written, add_special_tokens=False).ids
        return [i for i in ids if i < self._first_special]

    def _special(self, name: str) -> int:
        token = self._tokenizer.token_to_id(f"<|{name}|>")
        if token is None:
            raise ValueError(f"the tokenizer has no <|{name}|>: not a Whisper model")
        return token


def as_sentence(text: str) -> str:
    """Return `text` with an end, "" for nothing: a list without one seems to go on in what is said. docs/engines.md."""
    text = text.strip().rstrip(",;:- ")
    return text if not text or text.endswith(_ENDS) else f"{text}."


def _without_leading_space(pieces: Sequence[str]) -> list[str]:
    text = "".join(pieces)
    spaces = len(text) - len(text.lstrip())
    stripped = []
    for piece in pieces:
        stripped.append(piece[spaces:])
        spaces = max(0, spaces - len(piece))
    return stripped
