"""The bot's side of a call: what was said, what was heard of the answers, and whose turn it is to be answered."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial as bound

from bot.api import Bot, CallInfo, Final, Partial
from bridge.call.barge_in import BargeInControl
from bridge.call.bot_hooks import ActiveBot, BotHooks
from bridge.call.dtmf_collector import DtmfCollector
from bridge.call.history import CallerSpeech, History
from bridge.call.prompts import CallPrompts, Prompts, UnaskedTurns, put_in
from bridge.call.speculative_reply import SpeculativeReply
from bridge.metrics import CallMetrics
from bridge.speaking.actions import CallControl
from bridge.speaking.replies import Replies
from bridge.speaking.reply_pieces import Piece
from bridge.speaking.speech_output import SpeechOutput, once
from bridge.speech.ear import ScoredWindow
from bridge.turns.backchannels import Backchannels, Meaning
from bridge.turns.endpointing import Expected
from bridge.turns.interruption_rules import InterruptionRules
from bridge.turns.speculation import SpeculationRules


class Conversation:
    """One bot on one call: what it is told, what it is asked, and when. A `BotSide`, which says what its methods do."""

    def __init__(
        self,
        bot: Bot,
        output: SpeechOutput,
        info: CallInfo,
        *,
        tasks: asyncio.TaskGroup,
        call: CallControl,
        metrics: CallMetrics,
        limit_s: float,
        prompts: CallPrompts,
        interruption: InterruptionRules,
        backchannels: Backchannels,
        speculation: SpeculationRules,
    ) -> None:
        """`tasks`: of the call; all that takes time runs in them. `limit_s`: for each next thing that the bot says."""
        self._output, self._info, self._metrics = output, info, metrics
        self._bot = ActiveBot(bot, info, metrics.observer)
        self._hooks = hooks = BotHooks(self._bot, tasks=tasks, limit_s=limit_s, on_dropped=metrics.hooks_dropped.inc)
        self._prompts = Prompts(self._bot, prompts, limit_s=limit_s, language=lambda: output.language)
        self._unasked = UnaskedTurns(self._bot, self._prompts, prompts.no_input)
        self._dtmf = DtmfCollector(self._dialled, tasks=tasks, output=output)
        self._replies = Replies(
            output,
            tasks=tasks,
            call=call,
            collect=self._dtmf.collect,
            hand_off=self._hand_off,
            limit_s=limit_s,
            filler=lambda: self._prompts.now.filler,
            filler_after_s=prompts.filler_after_s,
            fallback=lambda: self._prompts.now.fallback,
            on_fault=metrics.replies_failed.inc,
        )
        self._speculative = SpeculativeReply(output, self._replies, rules=speculation, metrics=metrics)
        self._barge_in = BargeInControl(
            output,
            self._replies,
            hooks,
            interruption,
            backchannels,
            insists=lambda: self._insists,
            tasks=tasks,
            metrics=metrics,
        )
        self._history, self._caller = History(), CallerSpeech()
        self.take_back, self.end, self.played = hooks.take_back, hooks.end, output.played
        self.answered, self.drain, self.not_transferred = hooks.answered, hooks.drain, self._replies.not_transferred
        self._owed = self._parting = False  # the caller waits for the end of a sentence; we end the call: no answers
        self.apology_lost = False  # something went wrong, and the caller spoke over what told them so

    @property
    def talking(self) -> bool:
        """True while the bot speaks or is about to; not while a reply is only begun ahead."""
        return not self._speculative.running and (self._replies.running or self._output.speaking)

    @property
    def bot_heard(self) -> bool:
        return self._output.heard.played_ms > 0

    @property
    def said(self) -> str:
        return self._history.carried(bot_heard=self.bot_heard)

    @property
    def expected(self) -> Expected:
        return self._replies.expected

    @property
    def wants_partials(self) -> bool:
        return self.talking or self._bot.hears_partials

    def greet(self) -> None:
        self.say(bound(self._prompts.greet, self._info, announcement=self._output.recording.announcement))

    # ------------------------------------------------------------ what the caller does

    def hear(self, window: ScoredWindow, *, speech: bool) -> None:
        self._bot.tell_notes()
        if self._bot.now.take_preemption() and self.talking:
            self._cut(answered=True, told=False)
        if self._bot.now.follows_playout:
            self._hooks.playout.look(caller=speech, bot=self._output.speaking, heard=self._output.heard.text)
        insists = (talking := self.talking) and self._insists
        self._caller.hear(window, speech=speech)
        if self._barge_in.hear(window, speech=speech, interruptible=talking and not insists):
            self._cut()
        busy = speech or talking or self._thinking or not self._barge_in.quiet
        amid_turn = bool(self._history.text) or self._caller.spoke_lately(window.to_ms)
        if make := self._unasked.due(self._output.now_ms, busy=busy, amid_turn=amid_turn):
            self._settle()
            self.say(make)
        if self._owed and not insists and self._barge_in.quiet and not (self._history.overdue and self.talking):
            self._cut()
            self._answer()
        if not busy:
            self._catch_up()

    def _catch_up(self) -> None:
        """Nobody speaks: say what the caller has waited for in vain."""
        if self.apology_lost:
            self.fall_back()
        elif self._history.checked and not self._output.heard.text:
            self._settle()
            self._answer()

    def partial(self, partial: Partial) -> None:
        """The bot is not told while it is still busy with the partial before, nor of its own echo."""
        if self._barge_in.means(partial.text, partial.language, partial=True) is Meaning.ECHO:
            return
        self._unasked.answered()
        if self._barge_in.words(partial.text, partial.language, partial=True):
            self._cut()
        self._hooks.partial(partial)

    def speculate(self, text: str, language: str, probability: float = 1.0) -> None:
        """The reply is begun, unheard, if the bot allows it and the end is likely."""
        if not self._bot.now.speculates or self.talking or self._owed:
            return
        said, before = f"{self._history.text} {text}".strip(), self._speculative.running
        if self._speculative.propose(said, probability=probability, spoken_ms=self._caller.spoken_ms):
            if not before:
                self._settle()
            self._output.hold()
            self.say(bound(self._bot.now.reply, self._bot.turn(said, language, self._history.lines)))

    def final(self, final: Final) -> None:
        meaning = self._barge_in.means(final.text, final.language)
        if meaning is Meaning.ECHO:
            self._metrics.echo_heard()
            self.take_back()
            return
        self._unasked.answered()
        if meaning in {Meaning.BACKCHANNEL, Meaning.ASIDE}:
            self._metrics.nothing_said()
            self._history.listen(final)
        elif meaning is Meaning.LINE_CHECK:
            self._history.check(final)
            self._replies.reassure()
        else:
            self._history.say(final)
        if self._barge_in.words(final.text, final.language):
            self._cut()
        self._hooks.final(final)

    def overhear(self, final: Final) -> None:
        """Tell the bot what was said to nobody: it is kept in the history and not answered."""
        self._history.listen(final)
        self._hooks.final(final)

    def follow(self, language: str) -> None:
        self._output.follow(language)
        self._hooks.language(language)

    def end_user_turn(self) -> None:
        """Answer all that was said, or go on where a noise cut the bot off."""
        self._barge_in.over()
        unheard = self._barge_in.take_unheard()
        if self._history.text and self.talking and self._insists:
            self._owed = True
        elif self._history.text:
            self._answer()
        else:
            self._speculative.drop()
            if unheard:
                self.say(bound(once, unheard))
        self._caller.over()

    def press(self, digit: str) -> None:
        """The key is for what was asked to be collected, else for the bot."""
        self._unasked.answered()
        if self._output.recording.press(digit):
            return
        if self._dtmf.gathering:
            self._dtmf.press(digit)
            if self.talking and not self._insists:
                self._cut()
        else:
            if self.talking and self._output.yields_to_keys:
                self._cut(answered=True)
            self._dtmf.note(digit)
            self._hooks.pressed(digit)

    # ------------------------------------------------------------ what becomes of the bot's words

    def say(self, make: Callable[[], AsyncIterator[Piece]], *, again: bool = False) -> None:
        """Say and do what `make` yields, once what was said before has come to its end. `again`: see Replies."""
        self._dtmf.stop()  # the caller spoke instead
        self._barge_in.begun()
        self.apology_lost = False
        self._replies.say(make, again=again)

    def put_in(self, piece: Piece) -> None:
        self._instead(bound(put_in, piece))

    def say_goodbye(self, reason: str) -> None:
        self._instead(bound(self._prompts.say_goodbye, reason, interruptible=False))
        self._parting = True

    def _instead(self, make: Callable[[], AsyncIterator[Piece]]) -> None:
        """Say what `make` yields in the place of all that is said or made now; once we part, nothing is."""
        if not self._parting:
            self._speculative.drop()
            self._cut()
            self._barge_in.take_unheard()
            self.say(make)

    def fall_back(self) -> None:
        """The caller said something, whatever it was: they are not asked for it soon."""
        self.apology_lost = False
        self._unasked.answered()
        self._speculative.drop()
        self._replies.fall_back()

    def close(self) -> None:
        self._parting = True
        self._replies.interrupt()
        self._output.interrupt()
        self._dtmf.stop()

    @property
    def _insists(self) -> bool:
        """True while the bot may not be interrupted: by its own wish, or since the caller has waited for so long."""
        insists = self._output.insists or (self._output.recording.announcing and self._replies.running)
        return insists or (self._history.overdue and not self._output.heard.whole and self.talking)

    @property
    def _thinking(self) -> bool:
        """True while something is on its way: a reply, begun ahead or not, keys, an answer that is owed."""
        return self._replies.running or self._speculative.running or self._parting or self._owed or self._dtmf.gathering

    def _cut(self, *, answered: bool = False, told: bool = True) -> None:
        """What the bot says, or is about to, is over. `answered`: for good. `told`: the bot gets to know."""
        if self._parting or self._speculative.running:  # what was begun ahead is not heard, and may answer this
            return
        self._output.recording.unannounced()  # only what nothing can stop comes here while it is announced
        silent = not self._replies.running
        apologised = self._replies.apologises("")
        heard = self._barge_in.cut(told=told, resumable=not answered)  # keys are still waited for
        self.apology_lost |= apologised or self._replies.apologises(heard.rest)
        self._history.settle(heard.text, silent=answered or (silent and not heard.rest) or self._replies.acted)
        self._owed = False

    def _answer(self, *, keys: str | None = None) -> None:
        """Reply to all that waits: with what was begun ahead, if it was begun for the same words."""
        if self._parting:
            return
        history, begun = self._history, self._speculative.running
        if self._speculative.take(history.text):
            history.answer()
            self._barge_in.resume()
            return
        if not begun and not self.talking:
            self._settle()
        turn = self._bot.turn(history.text, history.language, history.lines, keys)
        history.answer()
        self.say(bound(self._bot.now.reply, turn), again=history.restarts > 0)

    def _settle(self) -> None:
        """The last reply was heard out, or there was none."""
        heard, _ = self._output.interrupt()
        self._history.settle(heard.text, silent=not heard.rest or self._replies.acted)

    def _hand_off(self, bot: Bot, carry: Mapping[str, object]) -> None:
        self._hooks.leave("another bot has the call")
        self._bot.hand_over(bot, carry)
        self.say(bound(bot.on_takeover, self._bot.turn(*self._history.answered())))

    def _dialled(self, keys: str, text: str) -> None:
        if keys:
            self._history.say(Final(text, self._history.language, self._output.now_ms, self._output.now_ms))
        self._answer(keys=keys)
