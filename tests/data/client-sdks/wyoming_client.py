"""usage: wyoming_client.py HOST PORT WAV ANSWER

Has a file transcribed and a text said, as Home Assistant would, with the package wyoming; prints what it is told.
The audio of the text, 16 bit PCM, goes into the file ANSWER.
"""

import asyncio
import json
import sys
import wave

from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop, wav_to_chunks
from wyoming.client import AsyncTcpClient
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize

HOST, PORT, WAV, ANSWER = sys.argv[1:5]


def told(kind, **fields):
    print(json.dumps({"type": kind, **fields}), flush=True)


async def main():
    async with AsyncTcpClient(HOST, int(PORT)) as client:
        await client.write_event(Describe().event())
        info = Info.from_event(await client.read_event())
        voices = [voice.name for program in info.tts for voice in program.voices]
        told("info", languages=info.asr[0].models[0].languages, voices=voices)
        await client.write_event(Transcribe(language="en").event())
        with wave.open(WAV) as wav:
            for chunk in wav_to_chunks(wav, 1024, start_event=True, stop_event=True):
                await client.write_event(chunk.event())
        while (event := await client.read_event()).type != "transcript-stop":
            told(event.type, **(event.data or {}))
        await client.write_event(Synthesize(text="The museum opens at nine.").event())
        rate, audio = 0, b""
        while not AudioStop.is_type((event := await client.read_event()).type):
            if AudioStart.is_type(event.type):
                rate = AudioStart.from_event(event).rate
            elif AudioChunk.is_type(event.type):
                audio += AudioChunk.from_event(event).audio
        with open(ANSWER, "wb") as answer:
            answer.write(audio)
        told("said", rate=rate, seconds=len(audio) / 2 / rate)
        await client.write_event(Transcribe(language="tlh").event())
        refused = await client.read_event()
        told("refused", text=refused.data["text"])


asyncio.run(main())
