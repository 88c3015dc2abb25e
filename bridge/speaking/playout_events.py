"""Who speaks, and which words of the bot were heard, as it happens: for bots that want to know. Pure."""

from collections.abc import Callable

from bot.api import Speaker


class PlayoutEvents:
    """What one call's bot was told last."""

    def __init__(self, *, on_played: Callable[[str], None], on_speaking: Callable[[Speaker, bool], None]) -> None:
        self._on_played, self._on_speaking = on_played, on_speaking
        self._heard = ""
        self._speaking = {Speaker.CALLER: False, Speaker.BOT: False}

    def look(self, *, caller: bool, bot: bool, heard: str) -> None:
        """Tell what is new. `caller` and `bot`: that one speaks; `heard`: all that was heard of the reply so far."""
        now = {Speaker.CALLER: caller, Speaker.BOT: bot}
        self._tell([speaker for speaker in now if now[speaker] and not self._speaking[speaker]], speaking=True)
        more = heard.removeprefix(self._heard).strip()  # of another reply it is all
        self._heard = heard
        if more:
            self._on_played(more)
        self._tell([speaker for speaker in now if self._speaking[speaker] and not now[speaker]], speaking=False)

    def _tell(self, speakers: list[Speaker], *, speaking: bool) -> None:
        for speaker in speakers:
            self._speaking[speaker] = speaking
            self._on_speaking(speaker, speaking)
