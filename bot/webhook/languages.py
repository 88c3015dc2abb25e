"""Languages by tag and by English name. Pure. Hooks and relays speak of "en-US", the bridge of "English"."""

from collections.abc import Mapping
from typing import Final

_NAMES: Final[Mapping[str, str]] = {
    "ar": "Arabic",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "ca": "Catalan",
    "cs": "Czech",
    "cy": "Welsh",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "et": "Estonian",
    "eu": "Basque",
    "fa": "Persian",
    "fi": "Finnish",
    "fil": "Filipino",
    "fr": "French",
    "gl": "Galician",
    "gu": "Gujarati",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "hu": "Hungarian",
    "hy": "Armenian",
    "id": "Indonesian",
    "is": "Icelandic",
    "it": "Italian",
    "ja": "Japanese",
    "ka": "Georgian",
    "kk": "Kazakh",
    "kn": "Kannada",
    "ko": "Korean",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "mk": "Macedonian",
    "ml": "Malayalam",
    "mr": "Marathi",
    "ms": "Malay",
    "nb": "Norwegian",
    "ne": "Nepali",
    "nl": "Dutch",
    "no": "Norwegian",
    "pa": "Punjabi",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sq": "Albanian",
    "sr": "Serbian",
    "sv": "Swedish",
    "sw": "Swahili",
    "ta": "Tamil",
    "te": "Telugu",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "yue": "Cantonese",
    "zh": "Chinese",
    "cmn": "Chinese",
}
_TAGS: Final[Mapping[str, str]] = {
    **{name.lower(): tag for tag, name in reversed(tuple(_NAMES.items()))},
    "english": "en-US",
    "spanish": "es-ES",
    "german": "de-DE",
    "french": "fr-FR",
    "hindi": "hi-IN",
    "italian": "it-IT",
    "dutch": "nl-NL",
    "portuguese": "pt-BR",
    "japanese": "ja-JP",
    "chinese": "zh-CN",
}


def named(language: str) -> str:
    """Return the English name: "German" for "de-DE", "de" and "German"; what is not known stays as it is."""
    base = language.strip().replace("_", "-").partition("-")[0].lower()
    return _NAMES.get(base, language.strip())


def tag_of(language: str, known: str = "") -> str:
    """Return the tag: "en-US" for "English". `known`: one that is taken where it is of the same language ("en-GB")."""
    if known and named(known) == named(language):
        return known
    return _TAGS.get(named(language).lower(), language)
