"""What a reply does between its words: each action in its place, once, and not before the caller heard what came first.

    Bot.reply -str | Action-> Course -str-> SpeechOutput

A barge-in cancels the reply's task, and with it what was not reached. Nothing is done while the mouth is held: a reply
that was only begun ahead transfers nobody.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final, NoReturn

from bot.actions import Action, ActionFailed, Collect, Hangup, PlayFile, SendDtmf, SetLanguage, SetVoice, Transfer
from bot.api import Say
from bridge.leg import Leg
from bridge.speaking.dtmf_tones import tones
from bridge.speaking.speech_output import SpeechOutput
from bridge.speaking.wav import read_wav
from telephony import events

log = logging.getLogger(__name__)

_TRANSFER_S: Final = 20.0
"""A transfer that has not ended the call by then did not happen."""
_PAUSE_S: Final = 0.5  # of a "w" among keys
_FOR_EVER_S: Final = 60.0  # what ends a call ends it within the time that its tasks get; this is a bound on mistakes


class ReplyActions:
    """Carries out the replies of one call."""

    def __init__(self, leg: Leg, mouth: SpeechOutput) -> None:
        self._leg, self._mouth = leg, mouth
        self.acted = False
        """True once the reply under way did what must not happen twice."""
        self.end_call: Callable[[str], None] = lambda _: None
        self.collect: Callable[[Collect], None] = lambda _: None
        self._transferring: asyncio.Future[str] | None = None  # done with the reason where it is refused
        self.set_language: Callable[[str], None] = lambda _: None

    def not_transferred(self, reason: str) -> None:
        """The wire has not transferred the call, and says why."""
        if self._transferring and not self._transferring.done():
            self._transferring.set_result(reason)

    async def perform(
        self,
        reply: AsyncGenerator[str | Action, None],
        *,
        heed: Callable[[AsyncGenerator[str, None]], AsyncGenerator[str, None]],
    ) -> None:
        """Say and do `reply`, and close it; `heed` sees the text on its way.

        Raises:
            ActionFailed: something did not happen, and `reply` was not prepared for it.
            whatever `reply` or the voice raises.
        """
        self.acted = False
        async with aclosing(reply):
            stretch = _Stretch(reply)
            while True:
                await self._mouth.say(heed(stretch.texts()))
                if stretch.action is None:
                    return
                try:
                    await self._do(stretch.action)
                    stretch = _Stretch(reply)
                except ActionFailed as failed:
                    log.warning("%s", failed)
                    try:
                        stretch = _Stretch(reply, await reply.athrow(failed))
                    except StopAsyncIteration:
                        return

    async def _do(self, action: Action) -> None:
        log.info("the bot: %s", action)
        try:
            await self._act(action)
        except (OSError, ValueError, RuntimeError) as error:  # what a file, a wire or a voice refuses
            raise error if isinstance(error, ActionFailed) else ActionFailed(str(error)) from error

    async def _act(self, action: Action) -> None:
        match action:
            case PlayFile(path, interruptible):
                audio = await asyncio.to_thread(read_wav, path, self._mouth.sample_rate)
                await self._mouth.play(audio, Say("", interruptible=interruptible))
            case SendDtmf(digits):
                await self._send_keys(digits)
            case Transfer(target):
                await self._transfer(target)
            case Hangup(reason):
                await self._mouth.wait_for_playout()
                self.acted = True
                self.end_call(reason)
                await asyncio.sleep(_FOR_EVER_S)  # the end of the call cancels it: nothing is said after this
            case Collect():
                await self._mouth.until_open()
                self.acted = True  # the question is asked, however much of it is heard before the first key
                self.collect(action)
            case SetLanguage(language):
                await self._mouth.until_open()
                self.set_language(language)
                self._mouth.language = language or self._mouth.language
            case SetVoice(voice):
                await self._mouth.until_open()
                self._mouth.set_voice(voice)
            case _:
                _unknown(action)

    async def _send_keys(self, digits: str) -> None:
        await self._mouth.until_open()
        if not self._leg.capabilities.dtmf_out:
            self.acted = True
            await self._mouth.play(tones(digits, self._mouth.sample_rate), Say("", interruptible=False))
            return
        await self._mouth.wait_for_playout()
        self.acted = True
        for index, keys in enumerate(digits.upper().split("W")):
            if index:
                await asyncio.sleep(_PAUSE_S)
            if keys:
                await self._leg.send(events.SendDtmf(keys))

    async def _transfer(self, target: str) -> None:
        if not self._leg.capabilities.transfer:
            raise ActionFailed(f"this wire cannot transfer a call (to {target}); docs/wires.md says which can")
        await self._mouth.wait_for_playout()
        self.acted = True
        self._transferring = refused = asyncio.get_running_loop().create_future()
        await self._leg.send(events.Transfer(target))
        try:
            async with asyncio.timeout(_TRANSFER_S):  # the wire ends the call when it is done, and that cancels this
                why = await refused
        except TimeoutError:
            why = f"the transfer to {target} did not happen within {_TRANSFER_S:g} s"
        self.acted = False
        raise ActionFailed(why)


class _Stretch:
    """The text of a reply up to its next action."""

    def __init__(self, reply: AsyncIterator[str | Action], first: str | Action | None = None) -> None:
        """`first`: a piece of it that is there already."""
        self._reply, self._first = reply, first
        self.action: Action | None = None

    async def texts(self) -> AsyncGenerator[str, None]:
        piece = self._first if self._first is not None else await anext(self._reply, None)
        while isinstance(piece, str):
            yield piece
            piece = await anext(self._reply, None)
        self.action = piece


def _unknown(action: object) -> NoReturn:
    raise TypeError(f"a bot yields text and actions; got {type(action).__name__}")
