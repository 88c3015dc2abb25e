"""The bot's side of a call: what was said, what was heard of the answers, and whose turn it is to be answered."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial as bound
from typing import TypeVarTuple

from bot.actions import Action
from bot.api import Bot, CallInfo, Final, Heard, Partial, Samples, Turn
from bridge.call.bot_hooks import BotHooks
from bridge.call.dtmf_collector import DtmfCollector
from bridge.call.history import History
from bridge.call.prompts import CallPrompts, Prompts
from bridge.metrics import CallMetrics
from bridge.speaking.audio_level import SILENT_DB, level_db
from bridge.speaking.replies import Replies
from bridge.speaking.speech_output import SpeechOutput, once
from bridge.speech.ear import ScoredWindow
from bridge.turns.backchannels import Backchannels, Meaning, shipped
from bridge.turns.endpointing import Expected
from bridge.turns.interruption import Act, BargeInState, BotSpeech, Interruption, InterruptionRules, SpeechWindow
from bridge.turns.no_input import NoInputTimer
from bridge.turns.speculation import Speculation, SpeculationRules

log = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")


_UNKNOWN_MS = 60_000
"""What a reply that is still being made is taken to have left."""


_NOISE_MS = 2500
"""The longest wait of the end of a turn: who has been silent for so long has had their turn, if it was one."""


class Conversation:
    """One bot on one call: what it is told, what it is asked, and when."""

    def __init__(
        self,
        bot: Bot,
        mouth: SpeechOutput,
        info: CallInfo,
        *,
        metrics: CallMetrics,
        limit_s: float,
        greeting: str = "",
        fallback: tuple[Samples, str] | None = None,
        rules: InterruptionRules | None = None,
        phrases: Backchannels | None = None,
        speculation: SpeculationRules | None = None,
        manners: CallPrompts | None = None,
    ) -> None:
        """`limit_s`: the bot must say the next thing within so long. `greeting`: spoken instead of the bot's own.

        `fallback`: recording, at the voice's rate, and text of what is heard instead of a fault.
        """
        self._bot, self._mouth, self._info, self._metrics = bot, mouth, info, metrics
        self._manners = manners or CallPrompts()
        self._hooks = BotHooks(bot, limit_s=limit_s)
        self._courtesy = Prompts(bot, self._manners, greeting=greeting, limit_s=limit_s)
        self._replying = Replies(
            mouth,
            limit_s=limit_s,
            filler=self._manners.filler,
            filler_after_s=self._manners.filler_after_s,
            fallback=fallback,
            on_fault=metrics.replies_failed.inc,
        )
        self._rules = rules or InterruptionRules()
        self._interruption = Interruption(self._rules, phrases or shipped())
        speculation = speculation or SpeculationRules()
        self._speculation, self._least_probability = Speculation(speculation), speculation.probability
        self._dialogue = History()
        self._owed = False  # the caller waits for a sentence that may not be interrupted
        self._cut_off = ""  # what the newest barge-in kept the caller from hearing
        self._cut_at = BotSpeech()  # what the bot was saying then
        self._held = False  # the bot fell silent in the middle of what it says
        self._spoken_ms = 0  # by the caller, in this turn
        self._keypad = DtmfCollector(self._dialled, left_ms=lambda: mouth.left_ms)
        self._vigil = NoInputTimer(self._manners.vigil)
        self._parting = False  # we end the call: nothing is answered any more
        self.course = self._replying.course
        self.course.collect = lambda wanted: self._keypad.collect(wanted, self._tasks)
        self._cued = False  # the bot has something to say unasked
        self._spoke_ms = 0  # media time of the caller's newest speech
        bot.cue = self._cue  # type: ignore[method-assign]  # of this one, which has a call now
        mouth.on_audio = metrics.audio_sent

    @property
    def talking(self) -> bool:
        """True while the bot speaks or is about to; not while a reply is only begun ahead."""
        return not self._speculation.running and (self._replying.running or self._mouth.speaking)

    @property
    def bot_heard(self) -> bool:
        """True if the caller has heard something of the reply under way, or of the last one."""
        return self._mouth.heard.played_ms > 0

    @property
    def said(self) -> str:
        """What the caller has said in the turn so far: all that was not answered, as far as can be heard."""
        return self._dialogue.carried(bot_heard=self.bot_heard)

    @property
    def expected(self) -> Expected:
        """What the newest reply makes the bot expect."""
        return self._replying.expected

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Greet the caller. `tasks`: the call's, in which all that follows runs."""
        self._tasks = tasks
        self._hooks.begin(tasks)
        self._replying.begin(tasks)
        self.greet()

    def greet(self) -> None:
        """Say the first words of the call."""
        self._say(self._courtesy.greet, self._info)

    # ------------------------------------------------------------ what the caller does

    def hear(self, listened: ScoredWindow, *, speech: bool) -> None:
        """Note a window of the caller's audio; `speech`: as who holds the floor is judged by."""
        talking = self.talking
        insists = talking and self._mouth.insists
        audible, loud = self._against_echo(listened.samples) if speech else (False, True)
        window = SpeechWindow(speech, listened.from_ms, listened.to_ms, loud)
        self._spoken_ms += (window.to_ms - window.from_ms) * speech
        self._do(self._interruption.hear(window, audible=audible, interruptible=talking and not insists))
        busy = speech or talking or self._thinking or self._interruption.state is not BargeInState.QUIET
        if speech:
            self._spoke_ms = window.to_ms
        if self._cued and not (busy or self._amid_turn(window.to_ms)):
            self._cued = False
            self._settle()
            self._say(self._bot.on_cue)
        elif self._vigil.look(self._mouth.now_ms, busy=busy):
            self._ask()
        if self._owed and not insists and self._interruption.state is BargeInState.QUIET:
            self._cut()
            self._answer()

    def show(self, partial: Partial) -> None:
        """Tell the bot what the caller seems to be saying, unless it is still busy with the partial before."""
        talk = self._talk()
        meaning = self._interruption.means(partial.text, partial.language, talk)
        log.debug("%r over the bot: %s", partial.text, meaning)
        if meaning is Meaning.ECHO:
            return
        self._vigil.answered()
        self._do(self._interruption.words(partial.text, partial.language, talk))
        self._hooks.partial(partial)

    def prepare(self, text: str, language: str, probability: float = 1.0) -> None:
        """The caller's turn may end with `text`, of the utterance under way: begin the reply, unheard, if likely."""
        unlikely = probability < self._least_probability
        if unlikely or not self._bot.speculates or self.talking or self._owed:
            return
        said, now_ms = f"{self._dialogue.text} {text}".strip(), self._mouth.now_ms
        before = self._speculation.running
        if self._speculation.propose(said, spoken_ms=self._spoken_ms, now_ms=now_ms):
            if before:
                self._throw_away()
            else:
                self._settle()
            self._mouth.hold()
            self._say(self._bot.reply, Turn(self._info, said, language, self._dialogue.lines))

    async def tell(self, final: Final) -> None:
        """Tell the bot what the caller said."""
        talk = self._talk()
        meaning = self._interruption.means(final.text, final.language, talk)
        if meaning is Meaning.ECHO:
            self._metrics.echoes.inc()
            self._metrics.nothing_said()
            return
        self._vigil.answered()
        if meaning is Meaning.BACKCHANNEL:
            self._metrics.nothing_said()
            self._dialogue.listen(final)
        else:
            self._dialogue.say(final)
        self._do(self._interruption.words(final.text, final.language, talk))
        await self._hooks.final(final)

    def take_the_floor(self) -> None:
        """The caller is done: answer all of it, or go on where a noise cut the bot off."""
        self._do(self._interruption.over())
        if self._dialogue.text and self.talking and self._mouth.insists:
            self._owed = True
        elif self._dialogue.text:
            self._answer()
        else:
            self._drop()
            if self._cut_off:
                self._say(once, self._cut_off)
        self._cut_off, self._spoken_ms = "", 0

    def press(self, digit: str) -> None:
        """The caller pressed a key: for what was asked to be collected, else for the bot."""
        self._vigil.answered()
        if self._keypad.gathering:
            self._keypad.press(digit)
            if self.talking and not self._mouth.insists:
                self._cut()
        else:
            self._hooks.pressed(digit)

    def part(self, reason: str) -> None:
        """End the call: goodbye, whatever the caller says meanwhile, and hang up once it was heard."""
        self._cut()
        self._cut_off = ""
        self._parting = True
        self._say(bound(self._courtesy.part, interruptible=False), reason)

    def played(self, mark: str) -> None:
        self._mouth.played(mark)

    # ------------------------------------------------------------ what becomes of the reply

    def close(self) -> None:
        """The call is over: say no more, and wait for no more keys."""
        self._replying.hush()
        self._keypad.stop()

    def fall_back(self) -> None:
        """Let the caller hear that something went wrong, instead of silence; what is said next waits for its end."""
        self._drop()
        self._replying.fall_back()

    async def end(self, reason: str) -> None:
        await self._hooks.end(reason)

    def _do(self, act: Act | None) -> None:
        if act:
            log.debug("barge-in: %s", act.name.lower())
        match act:
            case Act.HOLD:
                self._held = self._mouth.hold()
                if self._held:
                    self._tasks.create_task(self._mouth.clear())
            case Act.RESUME:
                self._metrics.false_alarms.inc()
                self._resume()
            case Act.CANCEL if (
                not self._speculation.running
            ):  # else nothing is heard, and what was begun may answer this
                self._cut()

    def _resume(self) -> None:
        self._held = False
        self._replying.resume()

    def _cut(self) -> None:
        """The caller interrupts: what the bot was saying, or about to say, is over."""
        if self._parting:
            return
        self._cut_at, silent = self._talk(), not self._replying.running
        self._replying.hush()  # keys are still waited for: one of them may be what cuts it off
        heard, unheard = self._mouth.interrupt()
        if unheard:
            self._tasks.create_task(self._mouth.clear())
        if unheard or self._held:
            self._metrics.barge_ins.inc()
            point = Heard(heard.text, rest=heard.rest, played_ms=heard.played_ms)
            self._hooks.interrupted(point)
        self._dialogue.settle(heard.text, silent=(silent and not heard.rest) or self.course.acted)
        self._cut_off, self._held, self._owed = heard.rest, False, False

    def _answer(self, *, keys: str | None = None) -> None:
        """Reply to all that waits: with what was begun ahead, if it was begun for the same words."""
        if self._parting:
            return
        now_ms, ready_ms, begun = self._mouth.now_ms, self._mouth.made_ms, self._speculation.running
        saved_ms = self._speculation.settle(self._dialogue.text, now_ms=now_ms, ready_ms=ready_ms)
        if begun and saved_ms is not None:
            self._metrics.speculation_hits.inc()
            self._metrics.speculation_saved_ms.inc(saved_ms)
            self._dialogue.answer()
            self._resume()
            return
        if begun:
            self._throw_away()
        elif not self.talking:
            self._settle()
        dialogue = self._dialogue
        turn = Turn(self._info, dialogue.text, dialogue.language, dialogue.lines, keys)
        dialogue.answer()
        self._say(self._bot.reply, turn)

    def _settle(self) -> None:
        """The last reply was heard out, or there was none."""
        heard, _ = self._mouth.interrupt()
        self._dialogue.settle(heard.text, silent=not heard.rest or self.course.acted)

    def _drop(self) -> None:
        if self._speculation.drop():
            self._throw_away()

    def _throw_away(self) -> None:
        """What was begun ahead answers something that was not said."""
        self._replying.hush()
        wasted, _ = self._mouth.interrupt()
        self._metrics.speculation_misses.inc()
        self._metrics.speculation_wasted.inc(len(wasted.rest))

    # ------------------------------------------------------------ a caller who says nothing, and keys

    @property
    def _thinking(self) -> bool:
        """True while something is on its way: a reply, begun ahead or not, keys, an answer that is owed."""
        awaited = self._owed or self._keypad.gathering
        return self._parting or self._replying.running or self._speculation.running or awaited

    def _cue(self) -> None:
        self._cued = True

    def _amid_turn(self, at_ms: int) -> bool:
        """True while the caller may go on, or is to be answered; a noise that opened no turn is over soon."""
        return bool(self._dialogue.text) or (self._spoken_ms > 0 and at_ms - self._spoke_ms < _NOISE_MS)

    def _ask(self) -> None:
        log.info("the caller has said nothing, %d", self._vigil.count)
        self._settle()
        if self._vigil.given_up:
            self._say(bound(self._courtesy.part, interruptible=True), "the caller said nothing")
        else:
            self._say(self._courtesy.ask, self._vigil.count)

    def _dialled(self, keys: str) -> None:
        if keys:
            now_ms = self._mouth.now_ms
            self._dialogue.say(Final(keys, self._dialogue.language, now_ms, now_ms))
        self._answer(keys=keys)

    # ------------------------------------------------------------ what the bot does

    def _talk(self) -> BotSpeech:
        if self._interruption.state is BargeInState.CONFIRMED:
            return self._cut_at
        heard, more_ms = self._mouth.heard, _UNKNOWN_MS if self._replying.running else 0
        return BotSpeech(heard.text, heard.rest, self._mouth.left_ms + more_ms, self._mouth.insists)

    def _against_echo(self, samples: Samples) -> tuple[bool, bool]:
        """Return whether the bot may be heard in what the caller sends, and whether `samples` are louder than that."""
        echo = self._rules.echo
        bot_db = self._mouth.loudest_db(echo.tail_ms)
        if bot_db <= SILENT_DB:
            return False, True
        covered = echo.covers(level_db(samples), bot_db=bot_db, audible_ms=self._mouth.audible_ms)
        return True, not covered

    def _say(self, make: Callable[[*Ts], AsyncIterator[str | Action]], *args: *Ts) -> None:
        self._keypad.stop()  # the caller spoke instead
        self._interruption.begun()
        self._replying.say(make, *args)
