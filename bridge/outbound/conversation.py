"""A conversation on a call that we placed: it begins once it is known who answered, a person or a machine."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from enum import Enum, auto

from bot.actions import Action, Hangup
from bot.api import Final, Partial, Say
from bridge.call.conversation import Conversation
from bridge.outbound.beep import Beep
from bridge.outbound.machine_detection import Answer, Detection, MachinePolicy, Mailbox
from bridge.speech.ear import ScoredWindow

log = logging.getLogger(__name__)


class _Stage(Enum):
    ASKING = auto()  # who is there?
    WAITING = auto()  # for the machine to be done
    LEAVING = auto()  # a message, or the call
    TALKING = auto()  # as on any call


class OutboundConversation(Conversation):
    """Of one call. What is said before somebody is known to be there is for the detection, and never answered."""

    _told: asyncio.Task[None]

    def expect(self, machine: MachinePolicy, on_answer: Callable[[Answer], None]) -> None:
        """To be called before `begin`. `on_answer` is called once, with the verdict."""
        self._machine, self._on_answer = machine, on_answer
        self._stage, self._beep = _Stage.ASKING, Beep()
        self._detection, self._mailbox = Detection(machine.rules), Mailbox(machine.rules)
        self._at_ms = 0  # media time of what was heard last
        self._since_ms = 0  # at which somebody was known to be there

    def greet(self) -> None:
        """Wait: nobody knows yet whom to greet."""

    # ------------------------------------------------------------ what the other side does

    def hear(self, listened: ScoredWindow, *, speech: bool) -> None:
        """See Conversation."""
        self._at_ms = listened.to_ms
        if self._stage is _Stage.TALKING:
            super().hear(listened, speech=speech)
            return
        beep = self._beep.hear(listened.samples)
        voice = speech and not self._beep.sounding
        if self._stage is _Stage.ASKING:
            self._heed(self._detection.hear(voice, beep=beep, from_ms=listened.from_ms, to_ms=listened.to_ms))
        if self._stage is _Stage.WAITING and self._mailbox.hear(
            voice, beep=beep, from_ms=listened.from_ms, to_ms=listened.to_ms
        ):
            self._speak_up()

    def show(self, partial: Partial) -> None:
        """See Conversation."""
        if self._stage is _Stage.TALKING:
            super().show(partial)
        elif self._stage is _Stage.ASKING:
            self._heed(self._detection.words(partial.text, partial.language))

    def prepare(self, text: str, language: str, probability: float = 1.0) -> None:
        """See Conversation."""
        if self._stage is _Stage.TALKING:
            super().prepare(text, language, probability)

    async def tell(self, final: Final) -> None:
        """See Conversation; a hello is no question, and no more is what a machine says."""
        if self._stage is _Stage.ASKING:
            self._heed(self._detection.words(final.text, final.language))
        if self._stage is _Stage.TALKING and final.ended_ms > self._since_ms:
            await super().tell(final)
            return
        self._dialogue.listen(final)
        await self._hooks.final(final)

    def take_the_floor(self) -> None:
        """See Conversation."""
        if self._stage is _Stage.TALKING:
            super().take_the_floor()

    # ------------------------------------------------------------ what becomes of it

    def _heed(self, answer: Answer | None) -> None:
        if answer is None:
            return
        log.info("answered by: %s", answer)
        self._on_answer(answer)
        self._told = self._tasks.create_task(self._hooks.answered(answer))
        if answer is not Answer.MACHINE:
            self._talk_to(answer)
        elif self._machine.policy == "hang-up":
            self._stage = _Stage.LEAVING
            self.course.end_call("a machine answered")
        else:
            self._stage = _Stage.WAITING

    def _speak_up(self) -> None:
        """The machine takes what is said from here on."""
        log.info("the machine is done")
        if self._machine.policy == "message":
            self._stage = _Stage.LEAVING
            self._say(self._leave)
        else:
            self._talk_to(Answer.MACHINE)

    def _talk_to(self, answer: Answer) -> None:
        self._stage, self._since_ms = _Stage.TALKING, self._at_ms
        self._tasks.create_task(self._greet_after_all())

    async def _greet_after_all(self) -> None:
        await asyncio.wait({self._told})  # who it is decides what the bot says
        super().greet()

    async def _leave(self) -> AsyncIterator[str | Action]:
        yield Say(self._machine.message, interruptible=False)
        yield Hangup("a message was left")
