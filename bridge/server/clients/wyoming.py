"""The port of Wyoming, over which Home Assistant and others have speech written down and texts said."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, aclosing, suppress
from functools import partial
from importlib.metadata import version
from typing import Final

from aiohttp import web

from bot.languages import ENGLISH_NAMES, code_of, named
from bridge.admission.arrival import Arrival
from bridge.admission.lines import Busy
from bridge.containment import cancelled
from bridge.legs import tcp_port
from bridge.legs.client_leg import ClientLeg
from bridge.legs.inbox import Inbox
from bridge.logs import short
from bridge.server.access.hosts import network_of
from bridge.server.app_keys import FAST_LANE, LINES, METRICS, REFUSALS, SETTINGS, SWITCHBOARD
from bridge.server.call_rules import usual_language
from bridge.server.clients.file_leg import FileFailed, WrittenLeg
from bridge.server.clients.serving import language_known
from bridge.server.clients.speech import AUDIO, audio_of
from bridge.speaking.voices.voices import CallVoices, Voices
from telephony.errors import RemoteProtocolError
from telephony.events import CallEnded, CallStarted, Event, Owed
from telephony.wyoming import Synthesis, WyomingProtocol, error
from telephony.wyoming_messages import message

log = logging.getLogger(__name__)

WIRE: Final = "wyoming"
"""In the metrics and the log."""
_READ_BYTES: Final = 16 * 1024
_MAX_EVENTS: Final = 100
"""Pieces of audio that may wait for the recogniser; past that the socket slows the client."""
_REASON_CHARS: Final = 300
_LINGER_S: Final = 1.0
_OURS: Final = {"name": "voice-bridge", "url": ""}


async def listen(app: web.Application) -> Sequence[asyncio.Server]:
    """Open the port and return what listens there.

    Raises:
        OSError: it cannot be opened.
    """
    settings = app[SETTINGS]
    return await tcp_port.listen(
        app[SWITCHBOARD],
        partial(_serve, app, set()),
        name=WIRE,
        host=settings.host,
        port=settings.wyoming_port,
        allow=settings.wyoming_allow,
        refusals=app[REFUSALS],
    )


async def _serve(
    app: web.Application,
    connected: set["_Connection"],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    peer: str,
) -> None:
    """Serve one client. `connected`: those that there are."""
    connection = _Connection(app, reader, writer, peer)
    try:
        if len(connected) >= app[SETTINGS].max_clients:
            raise Busy(f"{len(connected)} clients are connected")
        connected.add(connection)
        await connection.serve()
    except Busy as busy:
        app[METRICS].refused.labels(busy.reason).inc()
        await _refuse(reader, writer, f"{busy}, try again later")
    except RemoteProtocolError as why:
        log.info("Wyoming client refused: %s, peer %s", short(str(why), _REASON_CHARS), peer)
        await _refuse(reader, writer, str(why))
    except TimeoutError:
        log.info("Wyoming client dropped: it neither sends nor reads, peer %s", peer)
    except ConnectionError:
        pass  # it is gone
    finally:
        connected.discard(connection)
        writer.close()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, why: str) -> None:
    """Say why, and read on for a moment: a connection that is closed over what nobody reads loses what was said."""
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            writer.write(error(why))
            await writer.drain()
            writer.write_eof()
            while await reader.read(_READ_BYTES):
                pass


class _Utterance:
    """What is heard of one stream of audio, on its way to the call that writes it down."""

    def __init__(self) -> None:
        self._inbox = Inbox[Event](_MAX_EVENTS)
        self._over = False

    async def put(self, event: Event) -> None:
        """Add `event`, once there is room."""
        await self._inbox.put_in_turn(event)

    async def events(self) -> AsyncIterator[Event]:
        """Yield what was added, up to the end of the stream."""
        while not self._over:
            event = await self._inbox.get()
            self._over = isinstance(event, CallEnded)
            yield event

    async def let_pass(self) -> None:
        """Take what nobody hears any more, so that the client comes to its end."""
        async for _ in self.events():
            pass


class _Connection:
    """One client."""

    def __init__(
        self, app: web.Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str
    ) -> None:
        self._app, self._reader, self._writer, self._peer = app, reader, writer, peer
        self._settings = app[SETTINGS]
        self._protocol = WyomingProtocol(
            uuid.uuid4().hex,
            info=_info(app),
            language_of=partial(language_known, app),
            max_bytes=self._settings.max_message_bytes,
        )
        self._utterance: _Utterance | None = None  # that is being heard
        self._line = ExitStack()  # that it is heard on
        self._tasks: list[asyncio.Task[None]] = []  # carry it, and tell what was said in it

    async def serve(self) -> None:
        """Serve it until it is gone.

        Raises:
            RemoteProtocolError: it asks for what cannot be given. TimeoutError: it neither sends nor reads.
            ConnectionError: it is gone.
        """
        try:
            while True:
                async with asyncio.timeout(self._settings.client_idle_timeout or None):
                    data = await self._reader.read(_READ_BYTES)
                if not data:
                    return
                for each in self._protocol.receive(data):
                    await self._take(each)
        finally:
            await cancelled(*self._tasks)
            self._line.close()

    async def _take(self, event: Event | Synthesis) -> None:
        match event:
            case Owed(messages):
                await self._write([each for each in messages if isinstance(each, bytes)])
            case Synthesis():
                await self._say(event)
            case CallStarted():
                self._hear(event)
            case _ if self._utterance:
                await self._utterance.put(event)
                if isinstance(event, CallEnded):
                    self._utterance = None
                    await asyncio.gather(*self._tasks)
                    self._tasks.clear()
                    self._line.close()
                    await self._write(self._protocol.over())

    def _hear(self, started: CallStarted) -> None:
        self._line.enter_context(self._app[LINES].take_client(address=network_of(self._peer)))
        self._utterance = utterance = _Utterance()
        leg = WrittenLeg(started, utterance.events())
        self._tasks = [asyncio.create_task(self._carry(leg, utterance)), asyncio.create_task(self._tell(leg))]

    async def _carry(self, leg: WrittenLeg, utterance: _Utterance) -> None:
        paced = ClientLeg(leg, arrival=Arrival(time.monotonic), lane=self._app[FAST_LANE], idle_s=0)
        try:
            await self._app[SWITCHBOARD].carry(paced, wire=WIRE, peer=self._peer)
        finally:
            leg.over()
        await utterance.let_pass()

    async def _tell(self, leg: WrittenLeg) -> None:
        try:
            async for final in leg.finals():
                await self._write(self._protocol.send(final))
        except FileFailed as fault:
            raise RemoteProtocolError(f"not all could be recognised: {fault}") from None

    async def _say(self, asked: Synthesis) -> None:
        with self._app[LINES].take_client(address=network_of(self._peer)):
            await self._speak(asked)

    async def _speak(self, asked: Synthesis) -> None:
        about = {"rate": AUDIO.sample_rate, "width": AUDIO.encoding.sample_bytes, "channels": 1}
        async with aclosing(_made(audio_of(asked.text, self._voices(asked)))) as audio:
            first = await anext(audio, b"")
            if not first:
                raise RemoteProtocolError("field text: no voice here reads any of it")
            await self._write([message("audio-start", **about), message("audio-chunk", first, **about)])
            async for piece in audio:
                await self._write([message("audio-chunk", piece, **about)])
        await self._write([message("audio-stop")])

    def _voices(self, asked: Synthesis) -> CallVoices:
        board = self._app[SWITCHBOARD]
        voices = Voices.of(board.resources.tts)
        usual = usual_language(board.settings, voices)
        call = CallVoices(voices, language=named(asked.language) if asked.language else usual)
        if asked.voice and asked.voice != voices.default.name:
            try:
                call.set_voice(asked.voice)
            except RuntimeError as why:
                raise RemoteProtocolError(f"field voice.name: {why}") from None
        return call

    async def _write(self, messages: Sequence[bytes]) -> None:
        self._writer.writelines(messages)
        async with asyncio.timeout(self._settings.send_timeout):
            await self._writer.drain()


async def _made(audio: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield `audio`; where it fails, say so to the client."""
    async with aclosing(audio):
        try:
            async for piece in audio:
                yield piece
        except Exception as fault:  # a voice is a plug-in: whatever it raises, the client hears that it failed
            raise RemoteProtocolError(f"the voice failed: {fault}") from None


def _info(app: web.Application) -> Mapping[str, object]:
    """Return what the server can do, as `describe` is answered."""
    resources = app[SWITCHBOARD].resources
    known = resources.asr.capabilities.languages
    codes = sorted(ENGLISH_NAMES) if known is None else sorted(filter(None, map(code_of, known)))
    asr = _artifact(getattr(resources.asr, "name", "bridge"))
    voices = Voices.of(resources.tts)
    spoken = [{**_artifact(voice.name), "languages": _codes(voice.language)} for voice in voices.all]
    tts = {**_artifact("voice-bridge"), "voices": spoken, "supports_synthesize_streaming": False}
    written = {**asr, "models": [{**asr, "languages": codes}], "supports_transcript_streaming": True}
    return {"asr": [written], "tts": [tts]}


def _codes(language: str) -> list[str]:
    return [code_of(language) or language or "en"]


def _artifact(name: str) -> Mapping[str, object]:
    about = {"description": name, "version": version("voice-bridge")}
    return {"name": name, "installed": True, "attribution": _OURS, **about}
