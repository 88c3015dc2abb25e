"""What a dictated number became: the digits in a text. Pure."""

import re
from typing import Final

_WORDS: Final = "zero one two three four five six seven eight nine".split()
_DIGIT: Final = {word: str(n) for n, word in enumerate(_WORDS)} | {"oh": "0", "o": "0"}
_TIMES: Final = {"double": 2, "triple": 3}


def digits_in(text: str) -> str:
    """Return the digits of `text`, written or in words: "415, five five oh" is 415550; "double five" is 55.

    Numbers above nine in words ("fifteen") are not read: whoever dictates digits is repeated in digits.
    """
    found, times = "", 1
    for word in re.findall(r"\d|[a-z]+", text.lower()):
        digit = word if word.isdigit() else _DIGIT.get(word, "")
        found += digit * times
        times = _TIMES.get(word, 1)
    return found
