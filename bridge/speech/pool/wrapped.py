"""What stands around a recogniser: that of one session, of a call that is kept, of one that is measured."""

from bridge.speech.api import Hypothesis, Recogniser, Request


class WrappedRecogniser:
    """A `Recogniser` around `asr`. What a subclass does not define, `asr` does; it is not closed with this."""

    def __init__(self, asr: Recogniser) -> None:
        self.name, self.capabilities = asr.name, asr.capabilities
        self._asr = asr

    async def decode(self, request: Request, /) -> Hypothesis:
        """See Asr."""
        return await self._asr.decode(request)

    async def healthy(self) -> bool:
        """See Asr."""
        return await self._asr.healthy()

    async def recovered(self) -> None:
        """See Recogniser."""
        await self._asr.recovered()

    def check_language(self, language: str | None) -> None:
        """See Recogniser."""
        self._asr.check_language(language)

    def close(self) -> None:
        """Do nothing: others ask it, too."""
