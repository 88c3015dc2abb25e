"""In front of the conversation of a call that we placed: it opens once it is known who answered."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from enum import Enum, auto

from bot.actions import Action, Hangup
from bot.api import Final, Partial, Say
from bridge.call.conversation import Conversation
from bridge.outbound.beep import Beep
from bridge.outbound.machine_detection import Answer, Detection, MachinePolicy, Mailbox
from bridge.speaking.actions import CallControl
from bridge.speaking.reply_pieces import Piece
from bridge.speech.ear import ScoredWindow
from bridge.turns.endpointing import Expected

log = logging.getLogger(__name__)


class _Stage(Enum):
    ASKING = auto()  # who is there?
    WAITING = auto()  # for the machine to be done
    LEAVING = auto()  # a message, or the call
    TALKING = auto()  # as on any call


class AnswerGate:
    """A `BotSide`: the conversation hears what is said once somebody is known to be there.

    What is said before that is for the detection, is told to the bot, and is never answered.
    """

    def __init__(
        self,
        conversation: Conversation,
        *,
        tasks: asyncio.TaskGroup,
        call: CallControl,
        machine: MachinePolicy,
        on_answer: Callable[[Answer], None],
    ) -> None:
        """`tasks`: those of the call. `on_answer` is called once, with the verdict."""
        self._conversation, self._tasks, self._call = conversation, tasks, call
        self._machine, self._on_answer = machine, on_answer
        self._stage, self._beep = _Stage.ASKING, Beep()
        self._detection, self._mailbox = Detection(machine.rules), Mailbox(machine.rules)
        self._at_ms = 0  # media time of what was heard last
        self._since_ms = 0  # at which somebody was known to be there
        self._bot_told = asyncio.Event()  # who answered

    # ------------------------------------------------------------ what waits for the verdict

    def greet(self) -> None:
        """Wait: nobody knows yet whom to greet."""

    def hear(self, window: ScoredWindow, *, speech: bool) -> None:
        """Listen for who answered, then for the end of what a machine says."""
        self._at_ms = window.to_ms
        if self._stage is _Stage.TALKING:
            self._conversation.hear(window, speech=speech)
            return
        beep = self._beep.hear(window.samples)
        voice = speech and not self._beep.sounding
        if self._stage is _Stage.ASKING:
            self._heed(self._detection.hear(voice, beep=beep, from_ms=window.from_ms, to_ms=window.to_ms))
        if self._stage is _Stage.WAITING and self._mailbox.hear(
            voice, beep=beep, from_ms=window.from_ms, to_ms=window.to_ms
        ):
            self._speak_up()

    def partial(self, partial: Partial) -> None:
        """Words tell who answered, before it is known."""
        if self._stage is _Stage.TALKING:
            self._conversation.partial(partial)
        elif self._stage is _Stage.ASKING:
            self._heed(self._detection.words(partial.text, partial.language))

    def speculate(self, text: str, language: str, probability: float = 1.0) -> None:
        """Nothing is begun ahead before it is known who answered."""
        if self._stage is _Stage.TALKING:
            self._conversation.speculate(text, language, probability)

    def final(self, final: Final) -> None:
        """A hello is no question, and what a machine says is none either."""
        if self._stage is _Stage.ASKING:
            self._heed(self._detection.words(final.text, final.language))
        if self._stage is _Stage.TALKING and final.ended_ms > self._since_ms:
            self._conversation.final(final)
        else:
            self._conversation.overhear(final)

    def take_back(self) -> None:
        """The bot is told, if it has heard of any."""
        self._conversation.take_back()

    def end_user_turn(self) -> None:
        """Nothing is answered before it is known who answered."""
        if self._stage is _Stage.TALKING:
            self._conversation.end_user_turn()

    # ------------------------------------------------------------ what passes at any time

    def follow(self, language: str) -> None:
        """A machine is spoken to in its language, too."""
        self._conversation.follow(language)

    @property
    def wants_partials(self) -> bool:
        return self._stage is _Stage.ASKING or self._conversation.wants_partials

    @property
    def bot_heard(self) -> bool:
        return self._conversation.bot_heard

    @property
    def said(self) -> str:
        return self._conversation.said

    @property
    def apology_lost(self) -> bool:
        return self._conversation.apology_lost

    @property
    def expected(self) -> Expected:
        return self._conversation.expected

    def press(self, digit: str) -> None:
        self._conversation.press(digit)

    def played(self, mark: str) -> None:
        self._conversation.played(mark)

    def not_transferred(self, reason: str) -> None:
        self._conversation.not_transferred(reason)

    def drain(self) -> None:
        self._conversation.drain()

    def put_in(self, piece: Piece) -> None:
        self._conversation.put_in(piece)

    def say_goodbye(self, reason: str) -> None:
        self._conversation.say_goodbye(reason)

    def fall_back(self) -> None:
        self._conversation.fall_back()

    def close(self) -> None:
        self._conversation.close()

    async def end(self, reason: str) -> None:
        await self._conversation.end(reason)

    # ------------------------------------------------------------ the verdict

    def _heed(self, answer: Answer | None) -> None:
        if answer is None:
            return
        log.info("answered by: %s", answer)
        self._on_answer(answer)
        self._tasks.create_task(self._tell_bot(answer))
        if answer is not Answer.MACHINE:
            self._open()
        elif self._machine.policy == "hang-up":
            self._stage = _Stage.LEAVING
            self._call.stop("a machine answered")
        else:
            self._stage = _Stage.WAITING

    def _speak_up(self) -> None:
        """The machine takes what is said from here on."""
        log.info("the machine is done")
        if self._machine.policy == "message":
            self._stage = _Stage.LEAVING
            self._conversation.say(self._message)
        else:
            self._open()

    def _open(self) -> None:
        self._stage, self._since_ms = _Stage.TALKING, self._at_ms
        self._tasks.create_task(self._greet())

    async def _tell_bot(self, answer: Answer) -> None:
        await self._conversation.answered(answer)
        self._bot_told.set()

    async def _greet(self) -> None:
        await self._bot_told.wait()  # who it is decides what the bot says
        self._conversation.greet()

    async def _message(self) -> AsyncIterator[str | Action]:
        yield Say(self._machine.message, interruptible=False)
        yield Hangup("a message was left")
