"""What becomes of the bot's speech while the caller speaks over it: held, resumed after a false alarm, or cut off."""

import asyncio
import logging
from collections.abc import Callable

from bot.api import Heard
from bridge.call.bot_hooks import BotHooks
from bridge.logs import CallerWords
from bridge.metrics import CallMetrics
from bridge.speaking.audio_level import SILENT_DB, level_db
from bridge.speaking.playout import HeardSoFar
from bridge.speaking.replies import Replies
from bridge.speaking.speech_output import SpeechOutput
from bridge.speech.ear import ScoredWindow
from bridge.turns.backchannels import Backchannels, Meaning
from bridge.turns.interruption import Act, BargeInState, BotSpeech, Interruption, SpeechWindow
from bridge.turns.interruption_rules import InterruptionRules

log = logging.getLogger(__name__)

_UNKNOWN_MS = 60_000
"""What a reply that is still being made is taken to have left."""


class BargeInControl:
    """Holds and resumes the bot's speech as `Interruption` decides, and remembers what was cut off.

    `hear` and `words` return True where the reply is to be cancelled: it is for others to `cut`.
    """

    def __init__(
        self,
        output: SpeechOutput,
        replies: Replies,
        hooks: BotHooks,
        rules: InterruptionRules,
        backchannels: Backchannels,
        *,
        insists: Callable[[], bool],
        tasks: asyncio.TaskGroup,
        metrics: CallMetrics,
    ) -> None:
        """`insists` says whether the bot may not be interrupted now."""
        self._output, self._replies, self._hooks = output, replies, hooks
        self._insists, self._tasks, self._metrics, self._echo = insists, tasks, metrics, rules.echo
        self._interruption = Interruption(rules, backchannels)
        self._held = False  # the bot fell silent in the middle of what it says
        self._cut_at = BotSpeech()  # what the bot was saying at the newest cut
        self._cut_off = ""  # what that kept the caller from hearing

    @property
    def quiet(self) -> bool:
        """True while nobody speaks over the bot, as far as is known."""
        return self._interruption.state is BargeInState.QUIET

    def hear(self, window: ScoredWindow, *, speech: bool, interruptible: bool) -> bool:
        """Note a window of the caller's audio. `interruptible`: the bot has something to say and may be interrupted."""
        level = level_db(window.samples) if speech or interruptible else SILENT_DB
        audible, loud = self._against_echo(level) if speech else (False, True)
        scored = SpeechWindow(speech, window.from_ms, window.to_ms, loud, level)
        unheard = interruptible and not self._output.any_heard
        act = self._interruption.hear(scored, audible=audible, interruptible=interruptible, unheard=unheard)
        return self._act(act)

    def means(self, text: str, language: str, *, partial: bool = False) -> Meaning:
        """Return what `text` of the caller means, if it was said over the bot. `partial`: more words may follow."""
        meaning = self._interruption.means(text, language, self._bot_speech(), partial=partial)
        log.debug("%r over the bot: %s", CallerWords(text), meaning)
        return meaning

    def words(self, text: str, language: str, *, partial: bool = False) -> bool:
        """Note what the caller says, by a partial or a final."""
        return self._act(self._interruption.words(text, language, self._bot_speech(), partial=partial))

    def over(self) -> None:
        """The caller's turn is over, and all its words were noted."""
        self._act(self._interruption.over())

    def begun(self) -> None:
        """The bot begins another reply."""
        self._interruption.begun()

    def resume(self) -> None:
        """Go on with what is held."""
        self._held = False
        self._output.resume()

    def cut(self, *, told: bool = True, resumable: bool = True) -> HeardSoFar:
        """Silence the bot: cancel what it says or is about to say, and return what was heard.

        `told`: the bot gets to know. `resumable`: it may go on with the rest if the caller meant nothing by it.
        """
        self._cut_at = self._speech_now()
        self._replies.interrupt()
        heard, unheard = self._output.interrupt()
        if unheard:
            self._tasks.create_task(self._output.clear())
        if told and (unheard or self._held):
            self._metrics.barge_ins.inc()
            self._metrics.observer.barged_in()
            self._hooks.interrupted(Heard(heard.text, rest=heard.rest, played_ms=heard.played_ms))
        self._cut_off, self._held = heard.rest if resumable else "", False
        return heard

    def take_unheard(self) -> str:
        """Return what the newest cut kept the caller from hearing, once; "" where there is nothing."""
        unheard, self._cut_off = self._cut_off, ""
        return unheard

    def _act(self, act: Act | None) -> bool:
        if act:
            log.debug("barge-in: %s", act.name.lower())
        if act is Act.HOLD:
            self._hold()
        elif act is Act.RESUME:
            self._metrics.false_alarms.inc()
            self.resume()
        return act is Act.CANCEL

    def _hold(self) -> None:
        self._held = self._output.hold()
        if self._held:
            self._tasks.create_task(self._output.clear())

    def _bot_speech(self) -> BotSpeech:
        if self._interruption.state is BargeInState.CONFIRMED:
            return self._cut_at
        return self._speech_now()

    def _speech_now(self) -> BotSpeech:
        heard, more_ms = self._output.heard, _UNKNOWN_MS if self._replies.running else 0
        left_ms = self._output.left_ms + more_ms
        return BotSpeech(heard.text, heard.rest, left_ms, self._insists(), filler=heard.filler)

    def _against_echo(self, level: float) -> tuple[bool, bool]:
        """Return whether the bot may be heard in what the caller sends, and whether `level`, dBFS, is above that."""
        bot_db = self._output.loudest_db(self._echo.tail_ms)
        if bot_db <= SILENT_DB:
            return False, True
        covered = self._echo.covers(level, bot_db=bot_db, audible_ms=self._output.audible_ms)
        return True, not covered
