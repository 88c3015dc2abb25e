"""From the tokens of an application to sentences, each as it is to be said. Pure.

Tokens are pieces of sentences, and each may say what interrupts it and in which language it is: a sentence ends where
one of these changes.
"""

from collections.abc import Iterator

from bot.actions import Action, SetLanguage, SetVoice
from bot.api import Say
from bot.sentences import SentenceCutter
from bot.webhook.conversation_relay.dialect import Token
from bot.webhook.conversation_relay.settings import RelaySettings, language_of


class TokenSpeech:
    """Of one call: it knows in which language and with which voice the bridge was last told to speak."""

    def __init__(self) -> None:
        self._cutter = SentenceCutter()
        self._token = Token("")
        self._language, self._voice = "", ""

    def feed(self, token: Token, settings: RelaySettings) -> Iterator[str | Action]:
        """Yield what has become whole."""
        if (token.by, token.language) != (self._token.by, self._token.language):
            yield from self.flush(settings)
        self._token = token
        for sentence in self._cutter.feed(token.text):
            yield from self._say(sentence, settings)

    def flush(self, settings: RelaySettings) -> Iterator[str | Action]:
        """Yield what is left: the answer ends, or something else comes."""
        for rest in self._cutter.flush():
            yield from self._say(rest, settings)
        self._cutter = SentenceCutter()

    def drop(self) -> None:
        """Forget what is left: it was interrupted."""
        self._cutter = SentenceCutter()

    def _say(self, sentence: str, settings: RelaySettings) -> Iterator[str | Action]:
        token = self._token
        if token.language != self._language:
            self._language = token.language
            yield SetLanguage(None, spoken=language_of(token.language))
        voice = settings.voices.get(token.language, settings.voice)
        if voice and voice != self._voice:
            self._voice = voice
            yield SetVoice(voice)
        yield Say(sentence, interruptible=token.by.speech, keys_interrupt=token.by.keys)
