"""usage: realtime_client.py HOST:PORT KEY RECORDING ANSWER

Speaks mu-law with a model over OpenAI's Realtime socket, as an application between it and a telephone would. Prints the
events, without their audio, which goes into the file ANSWER.
"""

import asyncio
import base64
import contextlib
import json
import sys

import openai

HOME, KEY, RECORDING, ANSWER = sys.argv[1:5]
CHUNK = 160  # 20 ms
SILENCE = b"\xff" * CHUNK
MOST_S = 15


async def speak(connection):
    """Say the recording, then nothing, in the time it takes."""
    with open(RECORDING, "rb") as recording:
        audio = SILENCE * 200 + recording.read()  # 4 s in which the greeting is heard
    loop = asyncio.get_running_loop()
    due_s, at = loop.time(), 0
    while True:
        chunk = audio[at : at + CHUNK] or SILENCE
        await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        at, due_s = at + CHUNK, due_s + 0.02
        await asyncio.sleep(max(0.0, due_s - loop.time()))


async def main():
    client = openai.AsyncOpenAI(api_key=KEY, base_url=f"http://{HOME}/v1")
    understood = False
    async with client.realtime.connect(model="gpt-realtime") as connection:
        mulaw = {"type": "audio/pcmu"}
        transcription = {"model": "whisper-1", "language": "en"}
        turns = {"type": "server_vad", "silence_duration_ms": 500}
        heard = {"format": mulaw, "transcription": transcription, "turn_detection": turns}
        session = {
            "type": "realtime",
            "audio": {"input": heard, "output": {"format": mulaw}},
        }
        await connection.session.update(session={**session, "tools": [{"type": "function", "name": "hang_up"}]})
        speaking = asyncio.create_task(speak(connection))
        with open(ANSWER, "wb") as answer, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MOST_S):
                async for event in connection:
                    if event.type == "response.output_audio.delta":
                        answer.write(base64.b64decode(event.delta))
                    else:
                        print(json.dumps(event.model_dump(exclude_none=True)), flush=True)
                    understood |= event.type == "conversation.item.input_audio_transcription.completed"
                    if understood and event.type == "response.done":
                        break
        speaking.cancel()


try:
    asyncio.run(main())
except Exception as error:
    status = getattr(getattr(error, "response", None), "status_code", None)
    print(json.dumps({"type": "refused", "status": status, "why": repr(error)}), flush=True)
