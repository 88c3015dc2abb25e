"""From espeak-ng's phonemes to the symbols that Kokoro learned. Pure."""

# ruff: noqa: RUF001 - phonetic letters look like others
import re
import unicodedata
from collections.abc import Mapping
from typing import Final

_SIGNS: Final = """
; 1 : 2 , 3 . 4 ! 5 ? 6 — 9 … 10 " 11 ( 12 ) 13 “ 14 ” 15 ʣ 18 ʥ 19 ʦ 20 ʨ 21 ᵝ 22 ꭧ 23
A 24 I 25 O 31 Q 33 S 35 T 36 W 39 Y 41 ᵊ 42 a 43 b 44 c 45 d 46 e 47 f 48 h 50 i 51 j 52 k 53 l 54 m 55 n 56 o 57
p 58 q 59 r 60 s 61 t 62 u 63 v 64 w 65 x 66 y 67 z 68 ɑ 69 ɐ 70 ɒ 71 æ 72 β 75 ɔ 76 ɕ 77 ç 78 ɖ 80 ð 81 ʤ 82 ə 83
ɚ 85 ɛ 86 ɜ 87 ɟ 90 ɡ 92 ɥ 99 ɨ 101 ɪ 102 ʝ 103 ɯ 110 ɰ 111 ŋ 112 ɳ 113 ɲ 114 ɴ 115 ø 116 ɸ 118 θ 119 œ 120 ɹ 123
ɾ 125 ɻ 126 ʁ 128 ɽ 129 ʂ 130 ʃ 131 ʈ 132 ʧ 133 ʊ 135 ʋ 136 ʌ 138 ɣ 139 ɤ 140 χ 142 ʎ 143 ʒ 147 ʔ 148 ˈ 156 ˌ 157
ː 158 ʰ 162 ʲ 164 ↓ 169 → 171 ↗ 172 ↘ 173 ᵻ 177
""".split()
VOCABULARY: Final[Mapping[str, int]] = {
    **{sign: int(number) for sign, number in zip(_SIGNS[::2], _SIGNS[1::2], strict=True)},
    " ": 16,
    "\u0303": 17,
}
"""The 114 symbols of Kokoro by their ids, as config.json of hexgrad/Kokoro-82M (Apache-2.0) has them; 0 is padding."""

# What espeak-ng ties is one sound, for which the model has one symbol: its authors' own notation of diphthongs.
_TIED: Final[Mapping[str, str]] = {
    "a^ɪ": "I",
    "a^ʊ": "W",
    "e^ɪ": "A",
    "o^ʊ": "O",
    "ə^ʊ": "Q",
    "ɔ^ɪ": "Y",
    "d^ʒ": "ʤ",
    "t^ʃ": "ʧ",
    "t^s": "ʦ",
    "d^z": "ʣ",
    "t^ɕ": "ʨ",
    "d^ʑ": "ʥ",
}
_TIES: Final = re.compile("|".join(map(re.escape, _TIED)))
_FLAGS: Final = re.compile(r"\([^()]*\^[^()]*\)|\([a-z-]+\)")
"""Changes of language: "(^h^i)", since espeak-ng ties these, too."""
_SILENT: Final = frozenset("-^_'`~\u0361\u032a\u0329")
"""Signs of espeak-ng that change no sound the model knows: a liaison, a tie, a syllabic consonant."""


def without_flags(phonemes: str) -> str:
    """Return `phonemes` without the names of languages that espeak-ng puts where words of another begin and end."""
    return " ".join(_FLAGS.sub(" ", phonemes).split())


def symbols_of(phonemes: str, vocabulary: Mapping[str, int] = VOCABULARY) -> tuple[str, str]:
    """Return the symbols of `vocabulary` that `phonemes` stand for, and what it has no symbol for."""
    plain = _TIES.sub(lambda tied: _TIED[tied[0]], without_flags(phonemes))
    known, unknown = [], []
    for sign in unicodedata.normalize("NFC", plain):
        for each in (sign,) if sign in vocabulary else unicodedata.normalize("NFD", sign):
            if each in vocabulary:
                known.append(each)
            elif each not in _SILENT:
                unknown.append(each)
    return "".join(known), "".join(unknown)
