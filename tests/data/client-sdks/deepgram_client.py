"""usage: deepgram_client.py HOST:PORT KEY RECORDING

Streams mu-law as an application written for Deepgram would, and prints what it is told.
"""

import asyncio
import json
import sys

from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

HOME, KEY, RECORDING = sys.argv[1:4]
CHUNK = 800  # 100 ms
ENVIRONMENT = DeepgramClientEnvironment(base=f"http://{HOME}", production=f"ws://{HOME}", agent="", agent_rest="")


def told(message):
    print(json.dumps(message.model_dump(exclude_none=True)), flush=True)


async def main():
    listen = AsyncDeepgramClient(api_key=KEY, environment=ENVIRONMENT).listen.v1
    asked = {"model": "nova-3", "encoding": "mulaw", "sample_rate": 8000, "language": "en-US", "keyterm": ["leader"]}
    asked |= {"interim_results": "true", "endpointing": 300, "utterance_end_ms": 1000, "vad_events": "true"}
    async with listen.connect(**asked) as connection:
        connection.on(EventType.MESSAGE, told)
        listening = asyncio.create_task(connection.start_listening())
        await connection.send_keep_alive()
        with open(RECORDING, "rb") as recording:
            while chunk := recording.read(CHUNK):
                await connection.send_media(chunk)
                await asyncio.sleep(0.1)
        await connection.send_finalize()
        await connection.send_close_stream()
        await listening
    print(json.dumps({"type": "closed"}), flush=True)


try:
    asyncio.run(main())
except ApiError as error:
    print(json.dumps({"type": "refused", "status": error.status_code}), flush=True)
