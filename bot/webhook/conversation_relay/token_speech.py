"""From the tokens of an application to what the bridge is to say, and how. Pure."""

from collections.abc import Iterator

from bot.actions import Action, SetLanguage, SetVoice
from bot.api import Say
from bot.webhook.conversation_relay.dialect import Token
from bot.webhook.conversation_relay.settings import RelaySettings, language_of


class TokenSpeech:
    """Of one call: it knows in which language and with which voice the bridge was last told to speak."""

    def __init__(self) -> None:
        self._language, self._voice = "", ""

    def say(self, token: Token, settings: RelaySettings) -> Iterator[str | Action]:
        """Yield `token`, a piece of a sentence, behind what has to change for it."""
        if token.language != self._language:
            self._language = token.language
            yield SetLanguage(None, spoken=language_of(token.language))
        voice = settings.voices.get(token.language, settings.voice)
        if voice and voice != self._voice:
            self._voice = voice
            yield SetVoice(voice)
        yield Say(token.text, interruptible=token.by.speech, keys_interrupt=token.by.keys, goes_on=True)
