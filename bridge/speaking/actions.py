"""What a reply does between its words: each action in its place, once, and not before the caller heard what came first.

    Bot.reply -str | Action-> ReplyActions -str-> SpeechOutput

A barge-in cancels the reply's task, and with it the actions that were not reached. No action begins while the output is
held: a reply that was only begun ahead transfers nobody.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, NoReturn, Protocol

from bot.actions import (
    Action,
    ActionFailed,
    Collect,
    Hangup,
    PlayFile,
    SendDtmf,
    SetContext,
    SetLanguage,
    SetVoice,
    Transfer,
)
from bot.api import Say
from bridge.speaking.dtmf_tones import tones
from bridge.speaking.reply_pieces import Piece, ReplyPieces
from bridge.speaking.speech_output import SpeechOutput
from bridge.speaking.wav import read_wav
from telephony import events

log = logging.getLogger(__name__)

_TRANSFER_S: Final = 20.0
"""A transfer that has not ended the call by then did not happen."""
_PAUSE_S: Final = 0.5  # of a "w" among keys
_FOR_EVER_S: Final = 60.0  # what ends a call ends it within the time that its tasks get; this is a bound on mistakes


class CallControl(Protocol):
    """What the bot's side of a call may do to the call itself."""

    def stop(self, reason: str) -> None:
        """End the call."""

    def set_language(self, language: str) -> None:
        """Expect the caller to speak `language`, an English name; "" lets the recogniser find out."""

    def set_context(self, context: str) -> None:
        """Tell the recogniser what the call is about; "" is what it began with."""


class ReplyActions:
    """Carries out the replies of one call."""

    def __init__(self, output: SpeechOutput, call: CallControl, *, collect: Callable[[Collect], None]) -> None:
        """`collect` begins to wait for the keys that a reply asks for."""
        self._leg, self._output, self._call, self._collect = output.leg, output, call, collect
        self._usual_language = output.language
        self.acted = False
        """True once the reply under way did what must not happen twice."""
        self._transferring: asyncio.Future[str] | None = None  # done with the reason where it is refused

    def not_transferred(self, reason: str) -> None:
        """The wire has not transferred the call, and says why."""
        if self._transferring and not self._transferring.done():
            self._transferring.set_result(reason)

    async def run(
        self,
        reply: AsyncGenerator[Piece, None],
        *,
        follow: Callable[[AsyncGenerator[str, None]], AsyncGenerator[str, None]],
    ) -> None:
        """Say and do `reply`, and close it; `follow` sees the text on its way.

        Raises:
            ActionFailed: something did not happen, and `reply` was not prepared for it.
            whatever `reply` or the voice raises.
        """
        self.acted = False
        async with aclosing(reply):
            pieces = ReplyPieces(reply)
            while True:
                await self._output.say(follow(pieces.texts()))
                if pieces.action is None:
                    return
                try:
                    await self._do(pieces.action)
                except ActionFailed as failed:
                    log.warning("%s", failed)
                    pieces.fail(failed)

    async def _do(self, action: Action) -> None:
        log.info("the bot: %s", action)
        try:
            await self._act(action)
        except (OSError, ValueError, RuntimeError) as error:  # what a file, a wire or a voice refuses
            raise error if isinstance(error, ActionFailed) else ActionFailed(str(error)) from error

    async def _act(self, action: Action) -> None:
        match action:
            case PlayFile(path, interruptible, keys_interrupt):
                audio = await asyncio.to_thread(read_wav, path, self._output.sample_rate)
                await self._output.play(audio, Say("", interruptible=interruptible, keys_interrupt=keys_interrupt))
            case SendDtmf(digits):
                await self._send_keys(digits)
            case Transfer(target):
                await self._transfer(target)
            case Hangup(reason):
                await self._output.wait_for_playout()
                self.acted = True
                self._call.stop(reason)
                await asyncio.sleep(_FOR_EVER_S)  # the end of the call cancels it: nothing is said after this
            case Collect():
                await self._output.until_open()
                self.acted = True  # the question is asked, however much of it is heard before the first key
                self._collect(action)
            case SetLanguage(language, spoken):
                await self._output.until_open()
                if language is not None:
                    self._call.set_language(language)
                usual = self._usual_language if spoken is not None else self._output.language
                self._output.language = spoken or (language if spoken is None else "") or usual
            case SetContext(context):
                await self._output.until_open()
                self._call.set_context(context)
            case SetVoice(voice):
                await self._output.until_open()
                self._output.set_voice(voice)
            case _:
                _unknown(action)

    async def _send_keys(self, digits: str) -> None:
        await self._output.until_open()
        if not self._leg.capabilities.dtmf_out:
            self.acted = True
            await self._output.play(tones(digits, self._output.sample_rate), Say("", interruptible=False))
            return
        await self._output.wait_for_playout()
        self.acted = True
        for index, keys in enumerate(digits.upper().split("W")):
            if index:
                await asyncio.sleep(_PAUSE_S)
            if keys:
                await self._leg.send(events.SendDtmf(keys))

    async def _transfer(self, target: str) -> None:
        if not self._leg.capabilities.transfer:
            raise ActionFailed(f"this wire cannot transfer a call (to {target}); docs/wires.md says which can")
        await self._output.wait_for_playout()
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


def _unknown(action: object) -> NoReturn:
    raise TypeError(f"a bot yields text and actions; got {type(action).__name__}")
