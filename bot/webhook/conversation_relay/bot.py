"""An application written for Twilio's ConversationRelay as a bot: one WebSocket a call, open as long as the call."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final
from uuid import uuid4

from bot.actions import Action, ActionFailed, Hangup, SetVoice, Transfer
from bot.api import Bot, CallInfo, Heard, Partial, Speaker, Turn
from bot.webhook.configuration import Configuration
from bot.webhook.conversation_relay import dialect
from bot.webhook.conversation_relay.dialect import Asked, EndSession, NotUnderstood, Token, Understood
from bot.webhook.conversation_relay.settings import RelaySettings
from bot.webhook.conversation_relay.socket import RelaySocket
from bot.webhook.conversation_relay.talk_cycles import TalkCycles
from bot.webhook.conversation_relay.token_speech import TokenSpeech
from bot.webhook.conversation_relay.twiml import Connection
from bot.webhook.conversation_relay.twiml_session import TwimlSession
from bot.webhook.fault import HookFailed
from bot.webhook.recordings import Recordings
from bot.webhook.replies import Fetch

log = logging.getLogger(__name__)

_END: Final = Understood(last=True)  # stands for a connection that is gone


class RelayBot(Bot):
    """One call's side of the session. What the application says unasked is spoken when the line is free."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self.asks_silent_callers = configuration.no_input
        self._recordings = Recordings(configuration)
        self._socket = RelaySocket(configuration, self._take, self._lost)
        self._call, self._session_id = CallInfo(""), ""
        self._settings = RelaySettings(partial_prompts=configuration.partials)
        self._heard: asyncio.Queue[Understood] = asyncio.Queue()  # from the application, not yet spoken
        self._cycles = TalkCycles()
        self._speech = TokenSpeech()
        self._twiml = TwimlSession(configuration)
        self._asked = False  # what comes now answers a prompt

    async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
        """Open the session; what the application says then comes by `on_cue`.

        Raises:
            HookFailed: the application cannot be reached, or its TwiML cannot be understood.
        """
        self._call = call
        if not self._configuration.twiml_url:
            await self._open()
            return
        for step in await self._twiml.begin(call):
            for piece in await self._begin(step) if isinstance(step, Connection) else [await self._done(step)]:
                try:
                    yield piece
                except ActionFailed as failed:
                    self._forgive(piece, failed)

    async def on_cue(self) -> AsyncIterator[str | Action]:
        """Say what the application says unasked."""
        while not self._heard.empty():
            async with aclosing(self._answer()) as pieces:
                async for piece in pieces:
                    try:
                        yield piece
                    except ActionFailed as failed:
                        self._forgive(piece, failed)

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        """Send the prompt and say what comes for it.

        Raises:
            HookFailed: nothing comes in time, or the connection is gone.
        """
        self._call = turn.call
        await self._open()
        said, self._asked = False, True
        if turn.keys is None:
            _drop_speech(self._heard)
            self._cycles.prompted()
            await self._socket.send(self._prompt(turn.text, turn.language))
        async with aclosing(self._answer(asked=True)) as pieces:
            async for piece in pieces:
                said = True
                try:
                    yield piece
                except ActionFailed as failed:
                    self._forgive(piece, failed)
        if not said:
            raise HookFailed("the application has nothing to say")

    async def on_played(self, text: str) -> None:
        """Tell what the caller has heard."""
        if self._settings.tokens_played:
            await self._socket.send(dialect.info("tokensPlayed", text))

    async def on_speaking(self, speaker: Speaker, speaking: bool) -> None:
        """Tell who speaks."""
        if self._settings.speaker_events:
            name = "agentSpeaking" if speaker is Speaker.BOT else "clientSpeaking"
            await self._socket.send(dialect.info(name, "on" if speaking else "off", ts=time.time_ns() // 1_000_000))

    async def on_partial(self, partial: Partial) -> None:
        """Tell what the caller seems to be saying, where that is wanted."""
        if self._settings.partial_prompts and self._socket.is_open:
            await self._socket.send(self._prompt(partial.text, partial.language, last=False))

    async def on_dtmf(self, digit: str) -> None:
        """Tell of a key, where that is wanted."""
        if self._settings.dtmf_detection:
            await self._open()
            await self._socket.send(dialect.dtmf(digit))

    async def on_interrupted(self, heard: Heard) -> None:
        """Tell what was heard; the rest of that answer is not wanted any more."""
        self._asked = False
        _drop_speech(self._heard)
        self._cycles.interrupted()
        await self._socket.send(dialect.interrupt(heard))

    async def on_end(self, reason: str) -> None:
        """Close the session."""
        await self._socket.close()
        await self._recordings.close()
        try:
            await self._twiml.end(self._call, session_id=self._session_id)
        except HookFailed as error:
            log.warning("%s: the application was not told of the end: %s", self._call.call_id, error)

    # ------------------------------------------------------------ the session

    async def _open(self) -> None:
        """Open the session, again where it was lost.

        Raises:
            HookFailed: the application cannot be reached.
        """
        if not self._socket.is_open:
            self._session_id = f"VX{uuid4().hex}"
            self._heard, self._cycles = asyncio.Queue(), TalkCycles()
            connection, call = self._twiml.connection, self._call
            url = connection.url if connection else self._configuration.url
            if connection:
                told = {name: call.parameters[name] for name in dialect.TWILIOS_OWN & call.parameters.keys()}
                call = replace(call, parameters={**told, **connection.parameters})
            if not url:
                raise HookFailed("the application's TwiML has named no relay")
            reconnects = connection is not None and connection.reconnects
            await self._socket.open(url, dialect.setup(call, self._session_id), reconnects=reconnects)

    async def _begin(self, connection: Connection) -> Sequence[str | Action]:
        """Open the session that `connection` describes; return what to do and say for it."""
        before, self._settings = self._settings, self._apply(connection.settings)
        await self._open()
        for element in connection.not_carried:
            await self._socket.send(dialect.error(dialect.not_carried(element)))
        how = self._settings
        greeting = Token(how.greeting, how.greeting_interruptible, how.tts_language)
        said = self._speech.say(greeting, how) if how.greeting else ()
        return [*dialect.setting_actions(before, how), *said]

    def _prompt(self, text: str, language: str, *, last: bool = True) -> str:
        return dialect.prompt(text, language, last=last, known=self._settings.transcription_language)

    async def _take(self, message: str | bytes) -> None:
        """Note a message of the application."""
        try:
            understood = dialect.understand(message, self._settings)
        except NotUnderstood as why:
            log.warning("%s: the application: %s", self._call.call_id, why)
            await self._socket.send(dialect.error(str(why)))
            return
        if understood.settings:
            self._apply(understood.settings)
        if understood.answer:
            await self._socket.send(understood.answer)
        speaks, last = understood.speaks, understood.last
        if not self._asked and self._cycles.preempts(speaks=speaks):
            said, self._heard = self._heard, asyncio.Queue()  # what is being said waits at the old one
            _drop_speech(said, self._heard)
            self.preempt()
        self._asked = self._asked and not last
        if self._cycles.wanted(speaks=speaks, last=last, preemptible=understood.preemptible):
            if understood.items or last:
                self._heard.put_nowait(understood)
                self.cue()
        elif any(isinstance(item, EndSession) for item in understood.items):
            self._heard.put_nowait(understood)  # an answer that was interrupted is over with it, and the call too
            self.cue()

    def _apply(self, settings: RelaySettings) -> RelaySettings:
        self._settings = settings
        self.follows_playout = settings.tokens_played or settings.speaker_events
        self.hears_partials = settings.partial_prompts
        return settings

    def _lost(self) -> None:
        log.info("%s: the application closed the session", self._call.call_id)
        self._heard.put_nowait(_END)

    # ------------------------------------------------------------ answers

    async def _answer(self, *, asked: bool = False) -> AsyncGenerator[str | Action, None]:
        """Yield what comes, up to the end of the answer. Unasked, a message that says nothing is whole by itself.

        Raises:
            HookFailed: nothing comes in time, or the connection is gone.
        """
        begun, heard = asked, self._heard
        while True:
            message = await self._next(heard)
            if message is _END:
                if begun:
                    raise HookFailed("the application closed the session")
                return
            begun = begun or message.speaks
            for item in message.items:
                for piece in await self._pieces(item):
                    yield piece
            if message.last or not begun:
                return

    async def _next(self, heard: "asyncio.Queue[Understood]") -> Understood:
        try:
            async with asyncio.timeout(self._configuration.wait_s):
                return await heard.get()
        except TimeoutError:
            raise HookFailed("the application did not answer in time") from None

    async def _pieces(self, item: Asked) -> Sequence[str | Action]:
        if isinstance(item, Token):
            return list(self._speech.say(item, self._settings))
        if isinstance(item, EndSession):
            return await self._farewell(item.handoff_data)
        return [await self._done(item)]

    async def _done(self, item: str | Action | Fetch) -> str | Action:
        return await self._recordings.fetch(item) if isinstance(item, Fetch) else item

    def _forgive(self, piece: str | Action, failed: ActionFailed) -> None:
        """Go on where the bridge has not the voice: applications name those of Twilio."""
        if not isinstance(piece, SetVoice):
            raise failed
        log.warning("%s: the application wants another voice: %s", self._call.call_id, failed)

    async def _farewell(self, data: str) -> Sequence[str | Action]:
        """Return how a session that the application ended ends the call: as its `action` says, else as our settings."""
        log.info("%s: the application ends the session, with %d characters of data", self._call.call_id, len(data))
        steps = await self._twiml.end(self._call, session_id=self._session_id, handoff_data=data)
        if steps and not any(isinstance(step, Connection) for step in steps):
            pieces = [await self._done(step) for step in steps if not isinstance(step, Connection)]
            return [*pieces, Hangup("the application ended the session")]
        if steps:
            raise HookFailed("the application wants another session behind the first, which is not carried")
        handoff = self._configuration.handoff
        if handoff.startswith("{") and handoff.endswith("}"):
            try:
                told = json.loads(data)
            except (ValueError, RecursionError):
                told = None
            handoff = str(told.get(handoff[1:-1], "")) if isinstance(told, dict) else ""
        try:
            return [Transfer(handoff) if handoff and data else Hangup("the application ended the session")]
        except ValueError as error:
            raise HookFailed(f"the application hands over to nobody: {error}") from None


def _drop_speech(heard: "asyncio.Queue[Understood]", into: "asyncio.Queue[Understood] | None" = None) -> None:
    """Leave in `heard`, or move into another, what is not to be said: settings hold, and an end is an end."""
    for _ in range(heard.qsize()):
        message = heard.get_nowait()
        if message is _END or (message.items and not message.speaks):
            (heard if into is None else into).put_nowait(message)
