"""Whether the caller interrupts the bot. Pure: media time, whole milliseconds, is an argument.

    QUIET -`onset_ms` of speech-> TENTATIVE -`confirm_ms` of it, or words-> CONFIRMED -the turn is over-> QUIET
                                            -no words for long, or only "mm-hm" and silence-> QUIET

The bot is silent from TENTATIVE on, and goes on after a false alarm. What is decided here is what becomes of its reply.
Speech that is no louder than an echo of the bot does not interrupt; its words still may. Speech that is far quieter
than this caller's own turns is said to somebody else, words and all. A caller who only asks whether anybody is there,
before a word of the reply was heard, does not interrupt: the reply is what they wait for.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from bridge.speech.dictation import is_question
from bridge.turns.backchannels import Backchannels, Meaning, normal
from bridge.turns.background import Background, Prominence
from bridge.turns.caller_level import CallerLevel
from bridge.turns.interruption_rules import InterruptionRules

_PAUSE_MS: Final = 128
"""Silence after which speech counts as a new onset. The same as in TurnRules, so that both see one onset."""
_SETTLED_MS: Final = 2500
"""The longest wait of the end of a turn: whoever has been silent for so long has stopped interrupting, also where no
recogniser tells that their turn is over."""
_NEAR_WINDOWS: Final = 2
"""Windows as loud as the caller's own speech that make what is said now theirs: one may be a cup on a table."""
_COMMAND_WORDS: Final = 3
"""Words that a command to the bot has at most, where it may be a television's: "wait a minute"."""
_MOST_ALARMS: Final = 3
"""Each false alarm of a reply makes the next onset longer, up to this many."""


@dataclass(frozen=True, slots=True)
class SpeechWindow:
    """One VAD window of the caller's audio, in media time."""

    speech: bool
    from_ms: int
    to_ms: int
    loud: bool = True
    """Louder than an echo of the bot."""
    level_db: float = 0.0
    """dBFS; read where the bot may be interrupted."""


@dataclass(frozen=True, slots=True)
class BotSpeech:
    """What the bot is saying when the caller's words come."""

    said: str = ""
    """The words of its reply that were heard; the filler is none of them."""
    rest: str = ""
    """The words that were made and not heard yet."""
    left_ms: int = 0
    """Duration of what is left to hear."""
    insists: bool = False
    """It may not be interrupted now."""
    filler: str = ""
    """What was said, or is being said, while the reply is awaited."""

    @property
    def unheard(self) -> bool:
        """A reply is on its way, and no word of it was heard."""
        return not self.said and self.left_ms > 0


class Act(Enum):
    """What the bot has to do."""

    HOLD = auto()  # fall silent, forget nothing
    RESUME = auto()  # go on from the word that was cut
    CANCEL = auto()  # the reply is over


class BargeInState(Enum):
    """How far the caller has interrupted the bot."""

    QUIET = auto()  # not at all
    TENTATIVE = auto()  # the bot is silent, and may go on
    CONFIRMED = auto()  # the reply is over


class Interruption:
    """Decides in one call whether the caller interrupts the bot."""

    def __init__(self, rules: InterruptionRules, backchannels: Backchannels) -> None:
        self.state = BargeInState.QUIET
        self._rules, self._backchannels = rules, backchannels
        self._run_ms = 0  # speech of this onset or, while TENTATIVE, since it
        self._weighed = 0  # that before it is TENTATIVE, in sixths of a millisecond: by how it stands out
        self._background = Background(rules.stand_out_db)
        self._own = CallerLevel(rules.aside_db)
        self._near = 0  # windows of this onset that were as loud as the caller's own speech
        self._speech_end_ms = 0
        self._held_ms = 0  # when the bot fell silent
        self._over_bot = False  # some speech of the caller's turn was spoken over the bot
        self._loud = False  # some of it was louder than an echo
        self._theirs = False  # some of it was as loud as the caller's own turns, or over no bot that may be interrupted
        self._newest = Meaning.NOTHING  # what the newest words mean
        self._unheeded = False  # the newest words are a command, taken for one to somebody else
        self._commands = 0  # such commands over this reply
        self._alarms = 0  # false ones in this reply

    def hear(self, window: SpeechWindow, *, audible: bool, interruptible: bool, unheard: bool = False) -> Act | None:
        """Take the next window of the caller's audio; return what the bot has to do.

        `audible`: the bot or its echo may be heard in the window; `interruptible`: the bot has something to say and may
        be interrupted; `unheard`: no word of it was heard yet.
        """
        self._over_bot = self._over_bot or (window.speech and (audible or interruptible))
        self._loud = self._loud or (window.speech and window.loud)
        self._theirs = self._theirs or (window.speech and not interruptible)
        if window.speech and not (audible or interruptible):
            self._own.learn(window.level_db)
        if self.state is BargeInState.TENTATIVE:
            return self._doubt(window, unheard=unheard)
        if self.state is BargeInState.CONFIRMED:
            self._settle(window)
        if self.state is BargeInState.QUIET and interruptible:
            return self._watch(window, unheard=unheard)
        self._run_ms = self._weighed = self._near = 0
        return None

    def means(self, text: str, language: str, bot: BotSpeech, *, partial: bool = False) -> Meaning:
        """Return what `text` means over the bot; WORDS or NOTHING where it was not said over the bot.

        `partial`: more words may follow.
        """
        meaning = self._backchannels.meaning(text, language)
        if not self._over_bot:
            return meaning if meaning is Meaning.NOTHING else Meaning.WORDS
        if not self._loud and meaning is not Meaning.NOTHING and self._is_echo(text, meaning, bot):
            return Meaning.ECHO
        if bot.unheard and self._backchannels.is_line_check(text, language, partial=partial):
            return Meaning.LINE_CHECK
        answers = not bot.said or bot.left_ms <= self._rules.answer_ms or is_question(bot.said)
        # Who was not heeded may have meant the bot. A television that speaks on has such words in its sentences, too.
        again = self._commands and not partial and self._is_command(text, language)
        if not (self._theirs or answers or again or meaning is Meaning.NOTHING):
            return Meaning.ASIDE
        return Meaning.WORDS if meaning is Meaning.BACKCHANNEL and answers else meaning

    def words(self, text: str, language: str, bot: BotSpeech, *, partial: bool = False) -> Act | None:
        """Take a transcript of the caller, partial or final; return what the bot has to do."""
        if not self._over_bot or bot.insists or self.state is BargeInState.CONFIRMED:
            return None
        self._newest = meaning = self.means(text, language, bot, partial=partial)
        self._unheeded = meaning is Meaning.ASIDE and not partial and self._is_command(text, language)
        # A held bot loses nothing by waiting: "I" may become "I see", half a word any word. One unheard thinks on.
        open_ended = partial and self.state is BargeInState.TENTATIVE and not bot.unheard
        least = max(self._rules.least_words, 2 if open_ended else 1)
        enough = meaning is Meaning.WORDS and len(normal(text)) >= least
        if meaning is not Meaning.COMMAND and not enough:
            return None
        if meaning is Meaning.COMMAND and self._commands and not self._theirs:
            self._own = CallerLevel(0)  # this telephone makes its caller quieter while the bot speaks
        self.state, self._theirs = BargeInState.CONFIRMED, True
        return Act.CANCEL

    def over(self) -> Act | None:
        """Note that the caller's turn is over and all its words were taken; return what the bot has to do."""
        act = self._false_alarm() if self.state is BargeInState.TENTATIVE else None
        self._commands += self._unheeded
        self.state, self._newest, self._unheeded = BargeInState.QUIET, Meaning.NOTHING, False
        self._over_bot = self._loud = self._theirs = False
        self._run_ms = self._weighed = self._near = 0
        return act

    def begun(self) -> None:
        """Note that the bot begins another reply."""
        self._alarms = self._commands = 0

    def _watch(self, window: SpeechWindow, *, unheard: bool) -> Act | None:
        self._count(window)
        self._theirs = self._theirs or (unheard and window.speech) or self._near >= _NEAR_WINDOWS
        onset_ms = min(self._rules.onset_ms * (1 + self._alarms), self._rules.confirm_ms)
        if self._weighed < onset_ms * Prominence.UNKNOWN.value or not self._theirs:
            return None
        self.state, self._held_ms = BargeInState.TENTATIVE, window.to_ms
        self._newest, self._weighed = Meaning.NOTHING, 0
        return Act.HOLD

    def _doubt(self, window: SpeechWindow, *, unheard: bool) -> Act | None:
        if window.speech and window.loud:
            self._run_ms += window.to_ms - window.from_ms
            self._speech_end_ms = window.to_ms
        waited = window.to_ms - self._held_ms >= self._rules.false_alarm_ms
        # Of a reply that nobody has heard the words decide, as long as there may be some: "Hello?" must not end it.
        listens = self._newest in {Meaning.BACKCHANNEL, Meaning.LINE_CHECK}
        if self._run_ms >= self._rules.confirm_ms and not listens and (waited or not unheard):
            self.state = BargeInState.CONFIRMED
            return Act.CANCEL
        silent = window.to_ms - self._speech_end_ms >= _PAUSE_MS
        if waited or (silent and self._newest is Meaning.BACKCHANNEL):
            self.state, self._run_ms = BargeInState.QUIET, 0
            return self._false_alarm()
        return None

    def _settle(self, window: SpeechWindow) -> None:
        if window.speech:
            self._speech_end_ms = window.to_ms
        elif window.to_ms - self._speech_end_ms >= _SETTLED_MS:
            self.state, self._run_ms = BargeInState.QUIET, 0

    def _count(self, window: SpeechWindow) -> None:
        prominence = self._background.hear(window.level_db)
        self._near += window.speech and self._own.near(window.level_db)
        if window.speech and window.loud:
            self._run_ms += window.to_ms - window.from_ms
            self._weighed += prominence.value * (window.to_ms - window.from_ms)
            self._speech_end_ms = window.to_ms
        elif window.to_ms - self._speech_end_ms >= _PAUSE_MS:
            self._run_ms = self._weighed = 0
            self._near *= window.speech  # it may be speech as quiet as an echo

    def _false_alarm(self) -> Act:
        self._alarms = min(self._alarms + 1, _MOST_ALARMS)
        return Act.RESUME

    def _is_command(self, text: str, language: str) -> bool:
        """Return whether `text` is a command and little else."""
        meaning = self._backchannels.meaning(text, language)
        return meaning is Meaning.COMMAND and len(normal(text)) <= _COMMAND_WORDS

    def _is_echo(self, text: str, meaning: Meaning, bot: BotSpeech) -> bool:
        """Return whether `text` has too few words to tell, or most of them are the bot's."""
        heard, said = normal(text), set(normal(f"{bot.filler} {bot.said} {bot.rest}"))
        few = len(heard) < self._rules.quiet_words and meaning is not Meaning.COMMAND
        return few or sum(word in said for word in heard) >= self._rules.echo_share * len(heard)
