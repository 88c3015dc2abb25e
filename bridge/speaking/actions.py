"""What a reply does between its words: each action in its place, once, and not before the caller heard what came first.

    Bot.reply -str | Action-> ReplyActions -str-> SpeechOutput

A barge-in cancels the reply's task, and with it the actions that were not reached. No action begins while the output is
held: a reply that was only begun ahead transfers nobody.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from bot.actions import (
    Action,
    ActionFailed,
    Collect,
    Handoff,
    Hangup,
    PauseRecording,
    PlayFile,
    ResumeRecording,
    SendDtmf,
    SendInfo,
    SetContext,
    SetLanguage,
    SetVoice,
    Transfer,
)
from bot.api import Bot, Say
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


@dataclass(frozen=True, slots=True)
class RecordingAnnounced(ResumeRecording):
    """Stands behind the announcement of a recording. No action of bots."""


HandOff = Callable[[Bot, Mapping[str, object]], None]


class ReplyActions:
    """Carries out the replies of one call."""

    def __init__(
        self, output: SpeechOutput, call: CallControl, *, collect: Callable[[Collect], None], hand_off: HandOff
    ) -> None:
        """`collect` begins to wait for the keys that a reply asks for; `hand_off` gives the call to another bot."""
        self._leg, self._output, self._call = output.leg, output, call
        self._collect, self._hand_off = collect, hand_off
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
        observer = self._output.observer
        ends = isinstance(action, Hangup | Transfer)  # nothing comes after what ends the call
        if ends:
            observer.acted(action)
        try:
            await self._act(action)
        except (OSError, ValueError, RuntimeError) as error:  # what a file, a wire or a voice refuses
            observer.acted(action, failure=str(error) or type(error).__name__)
            raise error if isinstance(error, ActionFailed) else ActionFailed(str(error)) from error
        if not ends:
            observer.acted(action)

    async def _act(self, action: Action) -> None:
        match action:
            case PlayFile(path, interruptible, keys_interrupt):
                audio = await asyncio.to_thread(read_wav, path, self._output.sample_rate)
                await self._output.play(audio, Say("", interruptible=interruptible, keys_interrupt=keys_interrupt))
            case SendDtmf(digits):
                await self._send_keys(digits)
            case SendInfo():
                await self._send_info(action)
            case Transfer():
                await (self._consult(action) if action.consult else self._transfer(action.target))
            case Hangup(reason):
                await self._output.wait_for_playout()
                self.acted = True
                await self._end(reason)
            case Collect():
                await self._output.until_open()
                self.acted = True  # the question is asked, however much of it is heard before the first key
                self._collect(action)
            case RecordingAnnounced():
                await self._output.wait_for_playout()
                self._output.recording.announced()
            case Handoff(bot, carry):
                await self._output.until_open()
                other = await _made(bot)
                self.acted = True
                self._hand_off(other, carry)
            case SetLanguage() | SetContext() | SetVoice() | PauseRecording() | ResumeRecording():
                await self._output.until_open()
                self._set(action)
            case _:
                _unknown(action)

    def _set(self, action: SetLanguage | SetContext | SetVoice | PauseRecording | ResumeRecording) -> None:
        match action:
            case SetLanguage():
                self._set_language(action)
            case SetContext(context):
                self._call.set_context(context)
            case SetVoice(voice):
                self._output.set_voice(voice)
            case PauseRecording():
                self._output.recording.pause()
            case ResumeRecording():
                self._output.recording.resume()

    def _set_language(self, action: SetLanguage) -> None:
        if action.language is not None:
            self._call.set_language(action.language)
        if action.spoken is not None:
            self._output.language = action.spoken
        elif action.language:
            self._output.language = action.language

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

    async def _send_info(self, info: SendInfo) -> None:
        if not self._leg.capabilities.info:
            raise ActionFailed("this wire carries no messages to the other side; docs/wires.md says which can")
        await self._output.wait_for_playout()
        self.acted = True
        try:
            await self._leg.send(events.SendInfo(info.text, info.media_type, dict(info.headers)))
        except OSError:
            self.acted = False
            raise

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

    async def _consult(self, transfer: Transfer) -> None:
        """Ask somebody first; the leg carries it all out, and it is over when they have hung up."""
        target = transfer.target
        if not self._leg.capabilities.warm_transfer:
            raise ActionFailed(
                f"{target} cannot be asked first: this server has no wire that places calls; docs/outbound.md says how"
            )
        await self._output.wait_for_playout()
        self.acted = True
        try:
            ask = (transfer.consult, transfer.accept, transfer.hold, transfer.returns)
            await self._leg.send(events.WarmTransfer(target, *ask))
        except (OSError, ValueError, RuntimeError):
            self.acted = False
            raise
        if not transfer.returns:
            await self._end(f"{target}, to whom the caller was put through, hung up")

    async def _end(self, reason: str) -> None:
        self._call.stop(reason)
        await asyncio.sleep(_FOR_EVER_S)  # the end of the call cancels it: nothing is said after this


async def _made(bot: Bot | Callable[[], Bot]) -> Bot:
    """Return the bot that is to take the call.

    Raises:
        ActionFailed: it cannot be made, or is none.
    """
    try:
        made = bot if isinstance(bot, Bot) else await asyncio.to_thread(bot)  # it may read files, as at start-up
    except Exception as error:  # its author's code may fail in any way; the bot that speaks has the call still
        raise ActionFailed(f"the next bot cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(made, Bot):
        raise ActionFailed(f"the next bot is no bot: {type(made).__name__}")
    return made


def _unknown(action: object) -> NoReturn:
    raise TypeError(f"a bot yields text and actions; got {type(action).__name__}")
