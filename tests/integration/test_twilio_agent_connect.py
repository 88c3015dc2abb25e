"""Twilio's own framework for applications answers a call over the bridge, as it would over Twilio."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from integration.hearing import ask, hear, words
from integration.recordings import prompt
from integration.server import Server, serve

from bridge.commands.phone.simulated_phone import dial
from bridge.speech.backends.whisper import WhisperAsr

PYTHON: Final = Path(__file__).parents[2] / ".venv-tac" / "bin" / "python"
TOKEN: Final = "t0ken"
CALL_SID: Final = "CA" + "7" * 32

APP: Final = """
import sys

from tac import TAC, TACConfig
from tac.channels.voice import VoiceChannel
from tac.channels.voice.conversation_relay import ConversationRelayProviderConfig
from tac.models.handoff import PendingHandoffData
from tac.models.voice import VoiceTwiMLOptionsConversationRelay
from tac.server import TACFastAPIServer, TACServerConfig

home = f"127.0.0.1:{sys.argv[1]}"
tac = TAC(
    TACConfig(
        account_sid="AC" + "0" * 32,
        auth_token=sys.argv[2],
        api_key="SK" + "0" * 32,
        api_secret="none",
        phone_number="+14155550100",
        voice_public_domain=home,
        log_level="DEBUG",
    )
)
twiml = VoiceTwiMLOptionsConversationRelay(
    websocket_url=f"ws://{home}/ws?shop=7&at=1%202",
    action_url=f"http://{home}{tac.config.voice_action_path}",
    welcome_greeting="Welcome to the museum.",
    dtmf_detection=True,
    custom_parameters={"shop": "7"},
)
voice = VoiceChannel(tac, ConversationRelayProviderConfig(default_twiml_options=twiml))
prompts = []


async def answer(message, session, memory):
    prompts.append(message)
    print("PROMPT", message, flush=True)
    if len(prompts) < 3:
        await voice.send_response(session.conversation_id, rooms())
    else:
        session.pending_handoff_data = PendingHandoffData(handoff_data='{"to": "support"}')
        return "I will put you through."


async def rooms():
    for number in range(8):
        yield f"This is room number {number} of the museum. "


def interrupted(session, data):
    print("INTERRUPTED", data.duration_until_interrupt_ms, repr(data.utterance_until_interrupt), flush=True)


tac.on_message_ready(answer)
tac.on_interrupt(interrupted)
TACFastAPIServer(tac, voice, config=TACServerConfig(host="127.0.0.1", port=int(sys.argv[1]))).start()
"""


class Application:
    """A process, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process, home: str) -> None:
        self.home, self.log = home, ""
        self._process, self._more = process, asyncio.Event()

    async def read(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            self.log += line.decode()
            self._more.set()

    async def says(self, what: str, *, timeout_s: float = 20) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while what not in self.log:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"it does not say {what!r}:\n{self.log}") from None


@asynccontextmanager
async def application(folder: Path) -> AsyncIterator[Application]:
    if not PYTHON.exists():
        pytest.skip("no twilio-agent-connect here: scripts/install-alone tac python3 .venv-tac")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "museum.py").write_text(APP)
    process = await asyncio.create_subprocess_exec(
        *(str(PYTHON), str(folder / "museum.py"), str(port), TOKEN),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "TAC_ANALYTICS_DISABLED": "true"},
    )
    app = Application(process, f"http://127.0.0.1:{port}")
    reading = asyncio.create_task(app.read())
    try:
        await app.says("Uvicorn running", timeout_s=40)
        yield app
    finally:
        process.terminate()
        await process.wait()
        await reading


@asynccontextmanager
async def called(folder: Path) -> AsyncIterator[tuple[Application, Server]]:
    async with application(folder) as app:
        flags = ("--bot", "webhook", "--webhook-twiml-url", f"{app.home}/twiml?from=bridge")
        async with serve(*flags, env={"BRIDGE_WEBHOOK_SECRET": TOKEN}) as server:
            yield app, server


async def test_twilios_own_application_is_called_interrupted_and_hands_over(tmp_path: Path, ears: WhisperAsr) -> None:
    async with called(tmp_path) as (app, server):
        async with dial(server.twilio, call_sid=CALL_SID) as phone:
            heard_ms = await phone.until_heard(after_ms=0)
            assert "welcome to the museum" in await hear(phone, ears, from_ms=heard_ms, then_within_s=0.8)
            heard_ms = await ask(phone, within_s=10)
            await app.says("PROMPT")
            await phone.until(lambda: phone.now_ms > heard_ms + 2500)
            await phone.say(prompt("conf-full").mulaw)
            await app.says("INTERRUPTED")
            await phone.until_heard(after_ms=phone.now_ms)
            await phone.press("5")
            await app.says("Skip message type received: dtmf")
            await phone.until_silent()
            heard_ms = await ask(phone, within_s=10)
            await server.logged("call ended: the application ended the session", timeout_s=20)
        assert "put you through" in await words(phone, ears, from_ms=heard_ms)
    assert app.log.count("PROMPT") == 3 and app.log.count("INTERRUPTED") == 2, app.log
    assert "'This is room number" in app.log, "it is told what was heard"
    assert "ignature" not in app.log, "all that it is sent is signed as it checks it"
    assert "callback received" in app.log and "mismatch" not in app.log, "its action is told of the end"
    assert "the bot failed" not in server.log
