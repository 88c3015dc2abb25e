"""Languages by tag and by English name. Pure. Applications speak of "en-US", engines of "en", bots of "English"."""

from collections.abc import Mapping
from typing import Final

ENGLISH_NAMES: Final[Mapping[str, str]] = {
    "af": "Afrikaans",
    "am": "Amharic",
    "ar": "Arabic",
    "as": "Assamese",
    "az": "Azerbaijani",
    "ba": "Bashkir",
    "be": "Belarusian",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "bo": "Tibetan",
    "br": "Breton",
    "bs": "Bosnian",
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
    "fo": "Faroese",
    "fr": "French",
    "gl": "Galician",
    "gu": "Gujarati",
    "ha": "Hausa",
    "haw": "Hawaiian",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "ht": "Haitian Creole",
    "hu": "Hungarian",
    "hy": "Armenian",
    "id": "Indonesian",
    "is": "Icelandic",
    "it": "Italian",
    "ja": "Japanese",
    "jw": "Javanese",
    "ka": "Georgian",
    "kk": "Kazakh",
    "km": "Khmer",
    "kn": "Kannada",
    "ko": "Korean",
    "la": "Latin",
    "lb": "Luxembourgish",
    "ln": "Lingala",
    "lo": "Lao",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "mg": "Malagasy",
    "mi": "Maori",
    "mk": "Macedonian",
    "ml": "Malayalam",
    "mn": "Mongolian",
    "mr": "Marathi",
    "ms": "Malay",
    "mt": "Maltese",
    "my": "Myanmar",
    "ne": "Nepali",
    "nl": "Dutch",
    "nn": "Nynorsk",
    "no": "Norwegian",
    "oc": "Occitan",
    "pa": "Punjabi",
    "pl": "Polish",
    "ps": "Pashto",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sa": "Sanskrit",
    "sd": "Sindhi",
    "si": "Sinhala",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sn": "Shona",
    "so": "Somali",
    "sq": "Albanian",
    "sr": "Serbian",
    "su": "Sundanese",
    "sv": "Swedish",
    "sw": "Swahili",
    "ta": "Tamil",
    "te": "Telugu",
    "tg": "Tajik",
    "th": "Thai",
    "tk": "Turkmen",
    "tl": "Tagalog",
    "tr": "Turkish",
    "tt": "Tatar",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "uz": "Uzbek",
    "vi": "Vietnamese",
    "yi": "Yiddish",
    "yo": "Yoruba",
    "yue": "Cantonese",
    "zh": "Chinese",
}
"""Language code as in Whisper's tokens -> English name."""
"""By the codes that recognisers use, ISO 639 nearly all."""

_MORE: Final[Mapping[str, str]] = {"cmn": "Chinese", "fil": "Tagalog", "nb": "Norwegian"}
_TAGS: Final[Mapping[str, str]] = {
    **{name.lower(): code for code, name in ENGLISH_NAMES.items()},
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


_OTHER_NAMES: Final[Mapping[str, str]] = {
    "burmese": "my",
    "castilian": "es",
    "filipino": "tl",
    "flemish": "nl",
    "haitian": "ht",
    "mandarin": "zh",
    "moldovan": "ro",
    "panjabi": "pa",
    "sinhalese": "si",
    "valencian": "ca",
}

_CODES: Final[Mapping[str, str]] = {
    **{name.casefold(): code for code, name in ENGLISH_NAMES.items()},
    **_OTHER_NAMES,
    **{code: code for code in ENGLISH_NAMES},
}


def code_of(language: str) -> str | None:
    """Return the code of a language given by English name (or by code) in any case; None if there is none."""
    return _CODES.get(language.strip().casefold())


def named(language: str) -> str:
    """Return the English name: "German" for "de-DE", "de" and "German"; what is not known stays as it is."""
    base = language.strip().replace("_", "-").partition("-")[0].lower()
    return ENGLISH_NAMES.get(base) or _MORE.get(base, language.strip())


def tag_of(language: str, known: str = "") -> str:
    """Return the tag: "en-US" for "English". `known`: one that is taken where it is of the same language ("en-GB")."""
    if known and named(known) == named(language):
        return known
    return _TAGS.get(named(language).lower(), language)
