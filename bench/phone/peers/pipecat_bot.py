"""Pipecat as its own template for a Twilio bot has it (`pipecat init`), with the models of the comparison.

What is Pipecat's: transport, serializer, voice activity detector, turn strategies (smart-turn), aggregators, pacing;
all by default. What is ours: three services of a few lines, and the web server in place of its development runner.
Run as pipecat_bot.py PORT in an environment with pipecat-ai.
"""

import os
import sys
from collections.abc import AsyncGenerator
from dataclasses import fields

import script
import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from models import Models
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMRunFrame,
    TranscriptionFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection
from pipecat.runner.types import WebSocketRunnerArguments
from pipecat.runner.utils import create_transport
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

KICK_OFF = "Start by concisely introducing yourself."


class Recogniser(SegmentedSTTService):
    """Hears a segment of speech once the detector says that it is over, as Pipecat's own Whisper service does."""

    def __init__(self, models: Models) -> None:
        super().__init__(settings=STTSettings(model="whisper-tiny.en", language=None))
        self._models = models

    @property
    def wants_wav_segments(self) -> bool:
        return False

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        if text := await self._models.hear(audio, self.sample_rate):
            yield TranscriptionFrame(text, self._user_id, time_now_iso8601())


class Script(LLMService):
    """Stands for a language model that answers at once."""

    def __init__(self) -> None:
        unused = {field.name: None for field in fields(LLMSettings) if field.name not in {"model", "extra"}}
        super().__init__(settings=LLMSettings(model="script", **unused))

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        asked = str(frame.context.messages[-1]["content"])
        if asked != KICK_OFF:
            script.note(asked)
        await self.push_frame(LLMFullResponseStartFrame())
        await self._push_llm_text(script.GREETING if asked == KICK_OFF else script.answer(asked))
        await self.push_frame(LLMFullResponseEndFrame())


class Voice(TTSService):
    """Speaks sentence by sentence, as Pipecat's own Piper service does."""

    def __init__(self, models: Models) -> None:
        settings = TTSSettings(model="hibari", voice="heart", language=None)
        super().__init__(push_start_frame=True, push_stop_frames=True, settings=settings)
        self._models = models

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame, None]:
        spoken = self._models.say(text)
        async for frame in self._stream_audio_frames_from_iterator(
            spoken, in_sample_rate=self._models.voice_rate, context_id=context_id
        ):
            yield frame


async def call(websocket: WebSocket, models: Models) -> None:
    """Serve one call."""
    arguments = WebSocketRunnerArguments(websocket=websocket)
    params = FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True)
    transport = await create_transport(arguments, {"twilio": lambda: params})
    params.serializer._params.auto_hang_up = False  # noqa: SLF001 - there is no account at Twilio to tell
    context = LLMContext()
    user, assistant = LLMContextAggregatorPair(
        context, user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    )
    pipeline = Pipeline(
        [transport.input(), Recogniser(models), user, Script(), Voice(models), transport.output(), assistant]
    )
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(
            enable_metrics=True, enable_usage_metrics=True, audio_in_sample_rate=8000, audio_out_sample_rate=8000
        ),
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)

    @transport.event_handler("on_client_connected")  # type: ignore[untyped-decorator]  # Pipecat has no types here
    async def on_client_connected(_transport: object, _client: object) -> None:
        context.add_message({"role": "developer", "content": KICK_OFF})
        await worker.queue_frames([LLMRunFrame()])

    @transport.event_handler("on_client_disconnected")  # type: ignore[untyped-decorator]  # Pipecat has no types here
    async def on_client_disconnected(_transport: object, _client: object) -> None:
        await runner.cancel()

    await runner.run()


def main() -> None:
    os.environ |= {"TWILIO_ACCOUNT_SID": "AC0", "TWILIO_AUTH_TOKEN": "none"}  # create_transport wants some
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    models, app = Models.load(), FastAPI()

    @app.websocket("/ws")  # type: ignore[untyped-decorator]  # Pipecat has no types here
    async def serve(websocket: WebSocket) -> None:
        await websocket.accept()
        await call(websocket, models)

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
