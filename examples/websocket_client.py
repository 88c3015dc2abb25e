"""Streams the microphone or a recording to the bridge and prints what it hears.

    python examples/websocket_client.py --host localhost --port 8000
    python examples/websocket_client.py --audio-file recording.wav

The microphone needs `pip install sounddevice`.
"""

import argparse
import asyncio
import json
import wave
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import numpy as np

RATE = 16_000
CHUNK = RATE // 10


async def recording(path: str) -> AsyncIterator[bytes]:
    """Yield a 16-bit mono WAV at 16 kHz in real time, as float32."""
    with wave.open(path) as file:
        if (file.getsampwidth(), file.getnchannels(), file.getframerate()) != (2, 1, RATE):
            raise SystemExit(f"{path}: must be 16-bit mono at 16 kHz, e.g. sox in.wav -r 16000 -c 1 -b 16 out.wav")
        while frames := file.readframes(CHUNK):
            yield (np.frombuffer(frames, "<i2") / 32768).astype("<f4").tobytes()
            await asyncio.sleep(CHUNK / RATE)


async def microphone() -> AsyncIterator[bytes]:
    """Yield what the microphone hears, as float32."""
    import sounddevice

    loop, heard = asyncio.get_running_loop(), asyncio.Queue[bytes]()

    def on_audio(samples: np.ndarray, *_: object) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, samples.astype("<f4").tobytes())

    with sounddevice.InputStream(RATE, CHUNK, channels=1, dtype="float32", callback=on_audio):
        print("speak; Ctrl-C ends")
        while True:
            yield await heard.get()


async def send(socket: aiohttp.ClientWebSocketResponse, audio: AsyncIterator[bytes]) -> None:
    async for chunk in audio:
        await socket.send_bytes(chunk)
    await socket.send_json({"type": "finalize"})


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--audio-file", help="16-bit mono WAV at 16 kHz; without it the microphone")
    parser.add_argument("--language", help='English name, e.g. "Hindi"')
    flags = parser.parse_args()
    audio = recording(flags.audio_file) if flags.audio_file else microphone()
    url = f"ws://{flags.host}:{flags.port}/ws"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_json({"type": "config", "language": flags.language})
        sending = asyncio.create_task(send(socket, audio))
        async for message in socket:
            body = json.loads(message.data)
            if body["type"] in ("partial", "final"):
                print(f"{body['type']:<8}{body['text']}")
            elif body["type"] == "error":
                print(f"error   {body['message']}")
            if body["type"] == "final" and sending.done():
                break


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
