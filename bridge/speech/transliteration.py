"""Text of India in Latin letters, as people type it: "mera order kahan hai", and no scholar's "mērā ôrḍara kahām̐ hai".

Letters come from the library indic-transliteration (ISO 15919); vowels that are written and not spoken are left out by
rule, and long vowels and marks become what a keyboard has.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Final

from bot import installing
from bridge.speech.api import ModelMissing

_RUNS: Final = re.compile(r"[\u0900-\u097f\u0a00-\u0aff\u0c00-\u0d7f]+")
_UNSPOKEN: Final = {"DEVANAGARI", "GUJARATI", "GURMUKHI"}
"""Scripts of languages that leave out the vowel of a bare consonant at the end of a word and between syllables."""
_MARKS: Final = str.maketrans({"।": ".", "॥": ".", "\u200c": "", "\u200d": ""})
_USUAL: Final = {
    "में": "mein",
    "हाँ": "haan",
    "हां": "haan",
    "हूँ": "hoon",
    "हूं": "hoon",
    "यह": "yeh",
    "वह": "woh",
    "वो": "woh",
    "न": "na",
    "व": "va",
}
"""Short words that everybody types in one way."""
_VOWELS: Final = "ai au ā ī ū r̥ ē ō ê ô a i u e o".split()
_NASALS: Final = ("m̐", "ṁ")
_CONSONANTS: Final = (
    "k͟h kh gh ch jh ṭh ḍh ṛh th dh ph bh k g ṅ c j ñ ṭ ḍ ṇ t d n p b m y r l v ś ṣ s h ḷ q ġ z f ṛ ḥ".split()
)
_SOUND: Final = re.compile("|".join(sorted((*_VOWELS, *_NASALS, *_CONSONANTS), key=len, reverse=True)))
_TYPED: Final = dict(
    pair.split(":")
    for pair in "ā:aa ī:ee ū:oo r̥:ri ē:e ō:o ê:e ô:o k͟h:kh c:ch ch:chh ṭ:t ṭh:th ḍ:d ḍh:dh ṇ:n ṅ:n ñ:n "
    "ś:sh ṣ:sh ḷ:l ġ:g ṛ:r ṛh:rh ḥ:h m̐:n ṁ:n".split()
)
_LAST: Final = {"ā": "a", "ī": "i", "ū": "u"}
"""Long vowels at the end of a word, also before a nasal: mera, nahin."""


def is_installed() -> bool:
    """Return whether the extra `transliteration` is there."""
    return find_spec("indic_transliteration") is not None


def speller(script: str) -> Callable[[str], str]:
    """Return what spells a transcript in `script`, "latin" or "native", which changes nothing.

    Raises:
        ModelMissing: latin needs the extra that is not installed.
    """
    if script != "latin":
        return str
    if not is_installed():
        raise ModelMissing(f"script latin needs the extra transliteration: {installing.extra('transliteration')}")
    return latin


def latin(text: str) -> str:
    """Return `text` with the words of the scripts known here in Latin letters; all others stay as they are."""
    return _RUNS.sub(lambda run: _word(run[0]), unicodedata.normalize("NFC", text).translate(_MARKS))


@lru_cache(maxsize=4096)
def _word(written: str) -> str:
    if usual := _USUAL.get(written):
        return usual
    from indic_transliteration import sanscript

    script = unicodedata.name(written[0], "").partition(" ")[0]
    if script.lower() not in sanscript.SCHEMES:  # a code point that is no character
        return written
    iso = str(sanscript.transliterate(written, script.lower(), "iso"))
    sounds = _SOUND.findall(iso)
    if "".join(sounds) != iso:  # a sign that is no letter of a word
        return iso
    return _typed(_spoken(sounds) if script in _UNSPOKEN else sounds)


def _spoken(sounds: Sequence[str]) -> list[str]:
    """Return `sounds` without each short a that is not spoken: the last one, and one between two open syllables.

    The rule is that of M. Ohala, Aspects of Hindi Phonology (1983): from right to left, a falls out after a vowel and
    one consonant, before one consonant and a vowel that is spoken.
    """
    kept = list(sounds)
    if len(kept) > 2 and kept[-1] == "a" and not _needs_vowel(kept[:-1]):
        kept.pop()
    for at in range(len(kept) - 3, 1, -1):
        around = kept[at - 2 : at] + kept[at + 1 : at + 3]
        if kept[at] == "a" and [sound in _VOWELS for sound in around] == [True, False, False, True]:
            del kept[at]
    return kept


def _needs_vowel(sounds: Sequence[str]) -> bool:
    """Return whether `sounds` cannot end a word: one consonant alone, or a group that ends on y, r or v."""
    if not any(sound in _VOWELS for sound in sounds):
        return True
    return sounds[-1] in {"y", "r", "v"} and sounds[-2] not in _VOWELS


def _typed(sounds: Sequence[str]) -> str:
    letters = "".join(
        _typed_sound(sound, before=sounds[:at], after=sounds[at + 1 :]) for at, sound in enumerate(sounds)
    )
    return letters.replace("jny", "gy").replace("jn", "gy").replace("chchh", "cch").replace("chch", "cch")


def _typed_sound(sound: str, *, before: Sequence[str], after: Sequence[str]) -> str:
    if sound in _LAST and (before or sound != "ā") and all(rest in _NASALS for rest in after):
        return _LAST[sound]
    if sound in _NASALS and after and after[0] in {"p", "ph", "b", "bh", "m"}:
        return "m"
    return _TYPED.get(sound, sound)
