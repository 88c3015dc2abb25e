"""The keys * and # of a telephone. They are looked for before markup is, which takes them for emphasis and headings."""

import re
from typing import Final

from bot.spoken import numbers
from bot.spoken.wording import Wording

_CODE: Final = re.compile(
    r"(?<![\w*#])(?P<stars>\*?[*#])(?P<code>\d{1,8}(?:[*#]\d{1,20}){0,4}#|\d{2,8}(?:[*#]{1,2}\d{1,20}){1,4}|\d{2,4}|\d(?![^*\n]*\S\*))(?![\w*#])"
)
"""*67, *#06#, *100*1234#: what begins with a key and goes on with figures. "#42" is a number."""
_KEY: Final = re.compile(
    r"(?<!\S)(?P<quote>[\"'`\u201c\u201e\u00ab(]|\*\*)?(?P<key>[*#])(?P<end>\*\*|[\"'`\u201d\u201c\u00bb)])?(?=[\s.,;:!?)\-]|\Z)"
)
_BEHIND: Final = re.compile(r"(?<![\w.,])(\d{1,20})#(?![\w#])")
_NUMBERED: Final = frozenset("0123456789:")
_CLOSER: Final = {
    '"': '"',
    "'": "'",
    "`": "`",
    "\u201c": "\u201d",
    "\u201e": "\u201c",
    "\u00ab": "\u00bb",
    "(": ")",
    "**": "**",
}


def spoken(text: str, words: Wording) -> str:
    """Return `text` with its keys in words. A * or # at the beginning of a line is a bullet or a heading."""
    if "*" not in text and "#" not in text:
        return text
    text = _CODE.sub(lambda match: _code(match, words), text)
    text = _BEHIND.sub(lambda match: f"{numbers.in_groups(match[1], words)} {words.hash}", text)
    return _KEY.sub(lambda match: _key(match, words), text)


def _code(match: re.Match[str], words: Wording) -> str:
    written = match[0]
    if written.startswith("#") and not written.endswith("#") and "*" not in written:
        return written  # "#42" is a number
    names = {"*": words.star, "#": words.hash}
    return " ".join(names.get(sign) or numbers.digits(sign, words) for sign in written)


def _key(match: re.Match[str], words: Wording) -> str:
    text, quote, end = match.string, match["quote"], match["end"]
    if not quote and not end and _is_bullet(text, match, words):
        return match[0]
    if (end and (not quote or _CLOSER[quote] != end)) or (quote == "**" and not end):
        return match[0]
    if match["key"] == "*" and _multiplies(text, match):
        return match[0]
    if match["key"] == "#" and text[match.end() : match.end() + 2].strip(" ")[:1] in _NUMBERED:
        return match[0]  # "Order # 42"
    return ("" if end else quote or "") + {"*": words.star, "#": words.hash}[match["key"]]


def _is_bullet(text: str, match: re.Match[str], words: Wording) -> bool:
    if text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip():
        return False
    behind = text[match.end() :]
    return behind[:1].isspace() and not re.match(rf"\s(?:{words.alternatives})\s", behind)


def _multiplies(text: str, match: re.Match[str]) -> bool:
    before, after = text[: match.start()].rstrip()[-1:], text[match.end() :].lstrip()[:1]
    return before.isdigit() and after.isdigit()
