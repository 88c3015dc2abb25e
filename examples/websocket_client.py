"""Streams the microphone or a recording to the bridge and prints what it hears.

    python examples/websocket_client.py --host localhost --port 8000
    python examples/websocket_client.py --audio-file recording.wav
    python examples/websocket_client.py --url wss://bot.example.com/ws --cafile ca.pem

The microphone needs `pip install sounddevice`, and PortAudio (Debian: `apt install libportaudio2`). A server's API
token is taken from BRIDGE_API_TOKEN. Exit codes: 0 done, 1 it did not work and the last line says why, 2 wrong options.
"""

import argparse
import asyncio
import json
import os
import ssl
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import numpy as np
import numpy.typing as npt

RATE = 16_000
CHUNK_S = 0.1
OURSELVES = ("localhost", "127.0.0.1", "::1")

Samples = npt.NDArray[np.float32]


class Failed(Exception):
    """It did not work; the text says why."""


# ------------------------------------------------------------ the audio


def read_wav(path: str) -> tuple[Samples, int]:
    """Return a WAV file, of any rate, channels mixed: float32, and samples a second. PCM of 8 to 32 bits, or floats."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from error
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise Failed(f"{path}: no WAV file; e.g. sox {path} recording.wav makes one")
    chunks, at = dict[bytes, bytes](), 12
    while at + 8 <= len(data) and b"data" not in chunks:
        name, size = struct.unpack_from("<4sI", data, at)
        chunks[name] = data[at + 8 : at + 8 + size]  # a recorder that was killed leaves a size that is too large
        at += 8 + size + size % 2
    layout, audio = chunks.get(b"fmt ", b""), chunks.get(b"data", b"")
    if len(layout) < 16:
        raise Failed(f"{path}: a WAV file without a format")
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", layout)
    if kind == 0xFFFE and len(layout) >= 26:  # WAVE_FORMAT_EXTENSIBLE
        kind = struct.unpack_from("<H", layout, 24)[0]
    if not channels or not rate or bits % 8:
        raise Failed(f"{path}: {channels} channels of {bits} bits, {rate} a second")
    size = bits // 8
    samples = _decoded(audio[: len(audio) // (size * channels) * size * channels] if size else b"", kind, bits)
    if samples is None:
        raise Failed(
            f"{path}: samples of kind {kind} with {bits} bits; PCM of 8, 16, 24 and 32, floats of 32 and 64 are read"
        )
    return samples.reshape(-1, channels).mean(axis=1, dtype=np.float32), rate


def _decoded(audio: bytes, kind: int, bits: int) -> Samples | None:
    """Return PCM (kind 1) or floats (kind 3) as float32, None for others."""
    match kind, bits:
        case 1, 8:
            samples = (np.frombuffer(audio, np.uint8) - 128.0) / 128
        case 1, 24:
            whole = np.zeros((len(audio) // 3, 4), np.uint8)
            whole[:, 1:] = np.frombuffer(audio, np.uint8).reshape(-1, 3)
            samples = whole.view("<i4")[:, 0] / 2**31
        case 1, 16 | 32:
            samples = np.frombuffer(audio, f"<i{bits // 8}") / 2.0 ** (bits - 1)
        case 3, 32 | 64:
            samples = np.clip(np.nan_to_num(np.frombuffer(audio, f"<f{bits // 8}")), -1, 1)
        case _:
            return None
    return samples.astype(np.float32)


def telephone_rate(samples: Samples, rate: int) -> tuple[Samples, int]:
    """Return `samples` at a rate that the server takes, 8000 to 48000 a second; others are brought to RATE."""
    if 8000 <= rate <= 48_000:
        return samples, rate
    n = round(len(samples) * RATE / rate)
    if rate > RATE:  # what is above half the new rate would come back as noise
        width = rate // RATE
        samples = np.convolve(samples, np.full(width, 1 / width), "same").astype(np.float32)
    return np.interp(np.arange(n) * rate / RATE, np.arange(len(samples)), samples).astype(np.float32), RATE


async def recording(samples: Samples, rate: int) -> AsyncIterator[bytes]:
    """Yield `samples` in real time, as float32."""
    step = int(rate * CHUNK_S)
    for at in range(0, len(samples), step):
        yield samples[at : at + step].astype("<f4").tobytes()
        await asyncio.sleep(CHUNK_S)


async def microphone() -> AsyncIterator[bytes]:
    """Yield what the microphone hears, at RATE, as float32."""
    try:
        import sounddevice
    except ImportError as error:
        raise Failed("the microphone needs sounddevice: pip install sounddevice") from error
    except OSError as error:
        raise Failed(f"the microphone needs PortAudio ({error}): apt install libportaudio2") from error
    loop, heard = asyncio.get_running_loop(), asyncio.Queue[bytes]()

    def on_audio(samples: Samples, *_: object) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, samples.astype("<f4").tobytes())

    try:
        stream = sounddevice.InputStream(RATE, int(RATE * CHUNK_S), channels=1, dtype="float32", callback=on_audio)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise Failed(f"no microphone ({error}); --audio-file FILE streams a recording") from error
    with stream:
        print("speak; Ctrl-C ends", flush=True)
        while True:
            yield await heard.get()


# ------------------------------------------------------------ the server


def addresses(flags: argparse.Namespace) -> list[str]:
    """Return where to try: without --tls and --url a server may have either scheme."""
    if flags.url:
        parts = urlsplit(flags.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise Failed(f"--url is {flags.url!r}; it begins with ws:// or wss://, and a host follows")
        return [flags.url if parts.path.strip("/") else parts._replace(path="/ws").geturl()]
    host = f"[{flags.host}]" if ":" in flags.host else flags.host
    schemes = ["wss"] if flags.tls or flags.cafile or flags.insecure else ["ws", "wss"]
    return [f"{scheme}://{host}:{flags.port}/ws" for scheme in schemes]


def trust(flags: argparse.Namespace, url: str) -> ssl.SSLContext | bool:
    """Return whom to believe. Nobody is between us and our own machine: there, a self-signed certificate will do."""
    if flags.cafile:
        try:
            return ssl.create_default_context(cafile=flags.cafile)
        except OSError as error:  # of which ssl.SSLError is one
            raise Failed(f"--cafile {flags.cafile}: {error.strerror or error}") from error
    return not (flags.insecure or urlsplit(url).hostname in OURSELVES)


async def connected(session: aiohttp.ClientSession, flags: argparse.Namespace) -> aiohttp.ClientWebSocketResponse:
    """Return a socket to the server."""
    token = os.environ.get("BRIDGE_API_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else None
    why = ""
    for url in addresses(flags):
        try:
            return await session.ws_connect(url, headers=headers, ssl=trust(flags, url))
        except aiohttp.ClientConnectorCertificateError as error:
            raise Failed(f"{url}: {error.certificate_error}; --cafile FILE trusts it, --insecure any") from error
        except aiohttp.WSServerHandshakeError as error:
            hint = "; BRIDGE_API_TOKEN is its token" if error.status == 401 else ""
            raise Failed(f"{url}: the server refuses with status {error.status}{hint}") from error
        except aiohttp.ClientError as error:
            why = why or f"{url}: {str(error) or 'the server hung up'}"
    raise Failed(why)


async def send(socket: aiohttp.ClientWebSocketResponse, audio: AsyncIterator[bytes]) -> None:
    async for chunk in audio:
        await socket.send_bytes(chunk)
    await socket.send_json({"type": "finalize"})


async def show(socket: aiohttp.ClientWebSocketResponse, sending: asyncio.Task[None]) -> None:
    """Print what the server says, up to the final of all that was sent."""
    async for message in socket:
        body = json.loads(message.data)
        done = body["type"] == "final" and sending.done()
        if done and not body["text"]:
            return
        if body["type"] in ("partial", "final"):
            print(f"{body['type']:<8}{body['text']}", flush=True)
        elif body["type"] == "error":
            print(f"error   {body['message']}", flush=True)
        if done:
            await socket.send_json({"type": "finalize"})  # until it comes back empty, more may be pending
    raise Failed(f"the server closed the session with code {socket.close_code}")


async def stream(flags: argparse.Namespace) -> None:
    if flags.audio_file:
        samples, rate = telephone_rate(*await asyncio.to_thread(read_wav, flags.audio_file))
        audio = recording(samples, rate)
    else:
        audio, rate = microphone(), RATE
    async with aiohttp.ClientSession() as session, await connected(session, flags) as socket:
        await socket.send_json({"type": "config", "language": flags.language, "sample_rate": rate})
        sending = asyncio.create_task(send(socket, audio))
        showing = asyncio.create_task(show(socket, sending))
        try:
            await asyncio.wait({sending, showing}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not isinstance(sending.exception(), ConnectionError):
                sending.result()  # a microphone that is not there, for one; why a server hung up, `show` knows
            await showing
        finally:
            sending.cancel()
            showing.cancel()
            await asyncio.gather(sending, showing, return_exceptions=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--url", help="the whole address, e.g. wss://bot.example.com/ws, instead of --host and --port")
    parser.add_argument("--tls", action="store_true", help="only over TLS; without it, whichever the server speaks")
    parser.add_argument("--cafile", help="PEM certificates that the server is trusted by")
    parser.add_argument(
        "--insecure", action="store_true", help="trust any certificate, as is done on this machine itself"
    )
    parser.add_argument("--audio-file", help="WAV of any rate, PCM or floats; without it the microphone")
    parser.add_argument("--language", help='English name, e.g. "Hindi"')
    try:
        asyncio.run(stream(parser.parse_args()))
    except Failed as error:
        print(f"websocket_client: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
