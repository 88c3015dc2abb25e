"""LiveKit Agents with its defaults, on Twilio's media dialect, with the models of the comparison.

LiveKit meets the telephone by its own SIP server and its media server, which no package registry has. `AudioInput`
and `AudioOutput` are where it takes other media (it uses them itself for avatars and the console): in place of its
servers are these two, for Twilio's frames. What is LiveKit's: voice activity detector, turn detector, endpointing,
interruptions and their resumption; all by default, but for the warm-up of an echo canceller, which is off for its
calls by SIP, too. Run as livekit_bot.py PORT in an environment with livekit-agents.
"""

import asyncio
import base64
import json
import sys
import time
from collections import deque
from collections.abc import AsyncIterable

import numpy as np
import script
from aiohttp import WSMsgType, web
from livekit import rtc
from livekit.agents import Agent, AgentSession, APIConnectOptions, ModelSettings, llm, stt, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit.agents.voice import io
from models import Models

from telephony.codec import decode, encode
from telephony.events import Encoding

RATE = 8000


class Recogniser(stt.STT):
    """Hears a segment; LiveKit's StreamAdapter cuts them by its detector, as it does for every such recogniser."""

    def __init__(self, models: Models) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._models = models

    async def _recognize_impl(
        self, buffer: utils.AudioBuffer, *, language: object = None, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        frame = rtc.combine_audio_frames(buffer)
        text = await self._models.hear(frame.data.tobytes(), frame.sample_rate)
        heard = [stt.SpeechData(language="en", text=text)]
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=heard)


class Voice(tts.TTS):
    """Speaks a sentence; LiveKit's StreamAdapter cuts them."""

    def __init__(self, models: Models) -> None:
        capabilities = tts.TTSCapabilities(streaming=False)
        super().__init__(capabilities=capabilities, sample_rate=models.voice_rate, num_channels=1)
        self.models = models

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return Spoken(tts=self, input_text=text, conn_options=conn_options)


class Spoken(tts.ChunkedStream):
    """The sound of one sentence."""

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        models = self._tts.models
        output_emitter.initialize(
            request_id=utils.shortuuid(), sample_rate=models.voice_rate, num_channels=1, mime_type="audio/pcm"
        )
        async for pcm in models.say(self.input_text):
            output_emitter.push(pcm)
        output_emitter.flush()


class ScriptAgent(Agent):
    """Stands for a language model that answers at once."""

    def __init__(self) -> None:
        super().__init__(instructions="Repeat what the caller says.")

    async def on_enter(self) -> None:
        self.session.say(script.GREETING)

    async def llm_node(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncIterable[str]:
        asked = next((item for item in reversed(chat_ctx.items) if getattr(item, "role", "") == "user"), None)
        yield script.answer((asked.text_content or "") if asked else "")

    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        script.note(new_message.text_content or "")  # the node above is asked ahead, too


class NoModel(llm.LLM):
    """The session wants a model to know that there is one; `ScriptAgent.llm_node` answers in its place."""

    def chat(self, **_: object) -> llm.LLMStream:
        raise NotImplementedError


class FromTwilio(io.AudioInput):
    """The caller's audio."""

    def __init__(self) -> None:
        super().__init__(label="Twilio")
        self._frames: asyncio.Queue[rtc.AudioFrame | None] = asyncio.Queue()

    def push(self, payload: bytes) -> None:
        pcm = encode(decode(payload, Encoding.MULAW), Encoding.L16)
        self._frames.put_nowait(rtc.AudioFrame(pcm, RATE, 1, len(pcm) // 2))

    def end(self) -> None:
        self._frames.put_nowait(None)

    async def __anext__(self) -> rtc.AudioFrame:
        frame = await self._frames.get()
        if frame is None:
            raise StopAsyncIteration
        return frame


class ToTwilio(io.AudioOutput):
    """The bot's audio: sent as it is made, followed by a mark; cleared where LiveKit clears its own buffer.

    It pauses as LiveKit's own output does: what was not heard is taken back and sent again.
    """

    def __init__(self, socket: web.WebSocketResponse, stream_sid: str) -> None:
        super().__init__(label="Twilio", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=RATE)
        self._socket, self._stream_sid = socket, stream_sid
        self._unheard: deque[bytes] = deque()  # sent or held back, not heard yet
        self._outbox: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self._paused = False
        self._free_s = 0.0  # when all that was sent will have been heard
        self._heard_s = self._pushed_s = 0.0  # of this segment
        self._segment = 0
        self._flushed = False

    async def post(self) -> None:
        """Send what there is to send, until cancelled."""
        while True:
            message = await self._outbox.get()
            await self._socket.send_str(json.dumps({"streamSid": self._stream_sid, **message}))

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._pushed_s:
            self._heard_s, self._flushed = 0.0, False
            self._segment += 1
            self.on_playback_started(created_at=time.time())
        self._pushed_s += frame.duration
        mulaw = encode((np.frombuffer(frame.data, "<i2") / 32768).astype(np.float32), Encoding.MULAW)
        self._unheard.append(mulaw)
        if not self._paused:
            self._send(mulaw)

    def flush(self) -> None:
        super().flush()
        if self._pushed_s:
            self._flushed = True
            if not self._paused:
                self._mark()

    def clear_buffer(self) -> None:
        if not self._pushed_s:
            return
        self._take_back()
        self._unheard.clear()
        self._end(interrupted=True)

    def pause(self) -> None:
        super().pause()
        if not self._paused:
            self._take_back()
            self._paused = True

    def resume(self) -> None:
        super().resume()
        if self._paused:
            self._paused = False
            for mulaw in self._unheard:
                self._send(mulaw)
            if self._flushed and self._pushed_s:
                self._mark()

    def marked(self, name: str) -> None:
        """Take a mark that came back."""
        if name == str(self._segment) and self._pushed_s and not self._paused:
            self._unheard.clear()
            self._heard_s = self._pushed_s
            self._end(interrupted=False)

    def _send(self, mulaw: bytes) -> None:
        self._free_s = max(self._free_s, time.monotonic()) + len(mulaw) / RATE
        self._outbox.put_nowait({"event": "media", "media": {"payload": base64.b64encode(mulaw).decode()}})

    def _mark(self) -> None:
        self._outbox.put_nowait({"event": "mark", "mark": {"name": str(self._segment)}})

    def _take_back(self) -> None:
        """Clear Twilio's buffer, and keep what the caller has not heard of it."""
        if self._paused:
            return
        self._segment += 1  # the marks that come back now are of no playback
        self._outbox.put_nowait({"event": "clear"})
        left = round(max(0.0, self._free_s - time.monotonic()) * RATE)
        whole = b"".join(self._unheard)
        self._unheard = deque([whole[len(whole) - left :]] if left else [])
        self._heard_s = self._pushed_s - left / RATE
        self._free_s = 0.0

    def _end(self, *, interrupted: bool) -> None:
        heard_s, self._pushed_s = self._heard_s, 0.0
        self.on_playback_finished(playback_position=heard_s, interrupted=interrupted)


async def call(request: web.Request) -> web.StreamResponse:
    """Serve one call."""
    models: Models = request.app["models"]
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    heard, session = FromTwilio(), None
    output: ToTwilio | None = None
    posting: asyncio.Task[None] | None = None
    try:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            match json.loads(message.data):
                case {"event": "start", "start": {"streamSid": stream_sid}}:
                    output = ToTwilio(socket, stream_sid)
                    posting = asyncio.create_task(output.post())
                    session = AgentSession(
                        stt=Recogniser(models), llm=NoModel(), tts=Voice(models), aec_warmup_duration=None
                    )
                    session.input.audio, session.output.audio = heard, output
                    await session.start(ScriptAgent())
                case {"event": "media", "media": {"payload": payload}}:
                    heard.push(base64.b64decode(payload))
                case {"event": "mark", "mark": {"name": name}} if output:
                    output.marked(name)
                case {"event": "stop"}:
                    break
    finally:
        heard.end()
        if session:
            await session.aclose()
        if posting:
            posting.cancel()
    return socket


def main() -> None:
    app = web.Application()
    app["models"] = Models.load()
    app.add_routes([web.get("/ws", call)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
