"""What a voice is tried with: two seconds of speech in its own language."""

from collections.abc import Mapping
from typing import Final

from bridge.speaking.voices.choice import key_of

_THANKS: Final[Mapping[str, str]] = {
    "ar": "شكرا لاتصالك. كيف يمكنني مساعدتك؟",
    "bn": "ফোন করার জন্য ধন্যবাদ।",
    "de": "Vielen Dank für Ihren Anruf. Wie kann ich helfen?",
    "en": "Thank you for calling. How can I help you?",
    "es": "Gracias por su llamada. ¿En qué puedo ayudarle?",
    "fr": "Merci de votre appel. Comment puis-je vous aider ?",
    "hi": "कॉल करने के लिए धन्यवाद। मैं आपकी क्या मदद कर सकता हूँ?",
    "it": "Grazie per la chiamata. Come posso aiutarla?",
    "ja": "お電話ありがとうございます。",
    "ko": "전화해 주셔서 감사합니다.",
    "nl": "Bedankt voor uw telefoontje. Hoe kan ik helpen?",
    "pl": "Dziękuję za telefon. W czym mogę pomóc?",
    "pt": "Obrigado pela sua ligação. Como posso ajudar?",
    "ru": "Спасибо за звонок. Чем могу помочь?",
    "sv": "Tack för att du ringer. Hur kan jag hjälpa dig?",
    "ta": "அழைத்தமைக்கு நன்றி.",
    "te": "కాల్ చేసినందుకు ధన్యవాదాలు.",
    "tr": "Aradığınız için teşekkür ederim. Nasıl yardımcı olabilirim?",  # noqa: RUF001 - an i without a dot
    "uk": "Дякую за дзвінок. Чим можу допомогти?",
    "zh": "感谢您的来电。请问有什么可以帮您？",  # noqa: RUF001 - Chinese has marks of its own
}


def trial_sentence(language: str) -> str:
    """Return a sentence in `language`, an English name or a tag; "" where there is none here."""
    return _THANKS.get(key_of(language), "")
