"""The page in a real Chromium whose microphone is a recording; real server, real models."""

import base64
import json
import re
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from integration.chromium import CHROMIUM, Browser, Page, chromium
from integration.recordings import normal, prompt, word_error_rate
from integration.server import Server, serve

from bridge.speech.api import Request, Samples
from bridge.speech.backends.whisper import WhisperAsr
from telephony.codec import encode
from telephony.events import Encoding

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: apt install it"),
]

SAID = "conf-waitforleader"
LEAD_S = 1.8  # by then the bot is in the middle of its greeting: who speaks now barges in
GREETING = "Please do interrupt me, for I can go on about the weather, the harvest and the price of fish until you do."

# Records what the page plays: a second capture node beside the loudspeaker.
TAP = """
window.heard = [];
window.sent = [];
const Node = AudioWorkletNode;
window.AudioWorkletNode = class extends Node {
  constructor(context, name, options) {
    super(context, name, options);
    if (name !== "playout") return;
    const tap = new Node(context, "capture");
    tap.port.onmessage = ({ data }) => window.heard.push(...data);
    this.connect(tap).connect(context.destination);
  }
};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (typeof data === "string") window.sent.push(JSON.parse(data));
  return send.call(this, data);
};
const play = MessagePort.prototype.postMessage;
MessagePort.prototype.postMessage = function (...args) {
  if (args[0] === "clear") window.clearedAt = window.heard.length;
  return play.apply(this, args);
};
"""


def write_wav(path: Path, audio: Samples, rate: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(encode(audio, Encoding.L16))
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[Server]:
    """A server whose bot likes to talk."""
    # bridge.test is a name that we did not give the server: one that is for this machine alone would refuse it.
    async with serve("--greeting", GREETING, "--host", "0.0.0.0", "--insecure") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    folder = tmp_path_factory.mktemp("chromium")
    audio = np.concatenate((np.zeros(int(LEAD_S * 8000), np.float32), prompt(SAID).audio))
    said = write_wav(folder / "said.wav", audio, 8000)
    rules = "--host-resolver-rules=MAP bridge.test 127.0.0.1"
    async with chromium(folder / "profile", f"--use-file-for-fake-audio-capture={said}%noloop", rules) as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def closed() -> AsyncIterator[Server]:
    """A server with one line for clients, and a token."""
    async with serve("--max-clients", "1", env={"BRIDGE_API_TOKEN": "open/sesame"}, code=None) as server:
        yield server


async def problem(page: Page) -> str:
    await page.until("!document.querySelector('#problem').hidden")
    return await page.text("#problem")


async def test_the_median_of_two_turns_is_between_them(server: Server, browser: Browser) -> None:
    async with browser.page(server.http) as page:
        medians = "[[7], [1, 3], [9, 1, 2], [4, 1, 3, 2]].map(display.median)"
        found = await page.run(f"import(new URL('web/display.js', location)).then((display) => {medians})")
        assert found == [7, 2, 2, 2.5]


async def test_the_microphone_is_written_out(server: Server, browser: Browser, shots: Path) -> None:
    said = prompt(SAID)
    async with browser.page(server.http, before=TAP) as page:
        await page.run("ws.click()")
        await page.until("level.value > 0.3")
        partial = await page.until("partial.textContent.trim()")
        assert normal(said.text).startswith(normal(partial)[:10])
        await page.picture(shots, "speaking")
        await page.until("document.querySelector('li.caller')")
        assert await page.text("#partial") == ""
        assert "English" in await page.text("li.caller .about")
        assert word_error_rate([said.text], await page.texts("li.caller .text")) == 0
        final_s = float((await page.text("li.caller .turn")).split()[1])
        assert 0.5 < final_s < 5, "the server waits for 0.8 s of silence first"
        await page.run("ws.click()")
        await page.until("!document.body.classList.contains('live')")
        assert await page.text("#status") == "Done"
        assert [message["type"] for message in await page.run("sent")] == ["config", "finalize"]
        assert len(await page.texts("li")) == 1
        await page.picture(shots, "microphone")
        assert not page.complaints


async def test_the_bot_hears_speaks_and_is_interrupted(
    server: Server, browser: Browser, ears: WhisperAsr, shots: Path
) -> None:
    said = prompt(SAID)
    async with browser.page(server.http, before=TAP) as page:
        await page.run("talk.click()")
        await page.until("document.querySelector('li.bot .cut')")
        assert await page.text("#status") != "Stopped"
        await page.until("document.querySelectorAll('li.bot').length === 2")
        marks = "sent.filter(m => m.type === 'mark').length"
        before = await page.run(marks)
        await page.until(f"{marks} > {before}", timeout_s=15)
        heard = await samples(page)
        cleared_at = await page.run("clearedAt")
        lines = [line.strip() for line in await page.texts("li .text")]
        await page.picture(shots, "call")
        timings = await page.texts("li.caller .turn small")
        summary = await page.text("#summary")
        await page.run("talk.click()")
        await page.says("The call is over")
        assert not page.complaints
    greeted, caller, answered = lines
    assert GREETING.startswith(greeted) and greeted != GREETING
    assert normal(caller) == normal(said.text)
    assert normal(answered) == normal(f"You said {said.text}")
    greeting, answer = heard[:cleared_at], heard[cleared_at + 1600 :]
    assert loud(greeting), "the greeting was playing"
    assert not loud(heard[cleared_at + 1600 : cleared_at + 8000]), "and stopped within 100 ms of the clear"
    assert normal(await transcribe(ears, answer)) == normal(f"You said {said.text}")
    final_s, answer_s = (float(part.split()[-2]) for part in timings)
    assert 0.1 < final_s < answer_s < 6
    assert f"final {final_s:.2f} s, bot heard {answer_s:.2f} s" in summary


WRITTEN = """(async () => {
  const { Conversation } = await import("/web/display.js");
  const conversation = new Conversation();
  for (const text of ["مرحبا، أين طلبي؟", "नमस्ते, मेरा ऑर्डर कहाँ है?"])
    conversation.caller({ text, language: "", timestamp: 1 }, null);
  conversation.partial("شكرا");
  const shown = [...document.querySelectorAll("li .text"), document.querySelector("#partial")];
  return shown.map((part) => [part.textContent, getComputedStyle(part).direction]);
})()"""


async def test_the_page_shows_the_languages_there_are_and_scripts_in_their_direction(
    server: Server, browser: Browser, shots: Path
) -> None:
    async with browser.page(server.http, before=TAP) as page:
        await page.run("settings.open = true")
        assert await page.until("abilities.textContent.trim()") == (
            "The server hears English. Its voice hibari speaks English."
        )
        assert await page.run("[...document.querySelectorAll('#languages option')].map(o => o.value)") == ["English"]
        written = await page.run(WRITTEN)
        assert [direction for _, direction in written] == ["rtl", "ltr", "rtl"]
        assert "नमस्ते" in written[1][0]
        await page.run("document.querySelector('[name=context]').value = 'कोरमंगला'")
        await page.run("document.querySelector('[name=script]').value = 'latin'")
        await page.picture(shots, "scripts")
        await page.run("ws.click()")
        config = await page.until("sent.find(m => m.type === 'config')")
        assert (config["context"], config["script"]) == ("कोरमंगला", "latin")
        assert not page.complaints


EXACT = """(async () => {
  const context = new AudioContext({ sampleRate: 16000 });
  await context.audioWorklet.addModule("/web/worklet.js");
  const node = new AudioWorkletNode(context, "playout", { numberOfInputs: 0, outputChannelCount: [1] });
  const notes = [], waiting = [];
  node.port.onmessage = ({ data }) => (notes.push(data), waiting.splice(0).forEach((go) => go()));
  const come = (name) => notes.some((note) => note.name === name);
  const until = async (name) => { while (!come(name)) await new Promise((go) => waiting.push(go)); };
  const say = (...items) => items.forEach((item) => node.port.postMessage(item));
  node.connect(context.destination);
  await context.resume();
  say(new Float32Array(8000)); // while this is played, the rest is queued
  say({ name: "a", listen: true }, new Float32Array(1000).fill(0.5, 123), { name: "b" });
  say(new Float32Array(1), { name: "c" });
  await until("c");
  say({ name: "d" }, new Float32Array(160000), { name: "e" });
  await until("d");
  say("clear", { name: "f" });
  await until("f");
  await context.close();
  return notes;
})()"""


async def test_marks_are_exact_to_the_sample_and_clear_is_at_once(server: Server, browser: Browser) -> None:
    async with browser.page(server.http) as page:
        notes = {note.get("name", "audible"): note for note in await page.run(EXACT)}
    samples_after_a = {name: (note["at"] - notes["a"]["at"]) * 16_000 for name, note in notes.items()}
    assert samples_after_a["audible"] == pytest.approx(123)
    assert samples_after_a["b"] == pytest.approx(1000)
    assert samples_after_a["c"] == pytest.approx(1001)
    assert notes["e"]["cleared"]
    assert not any(note.get("cleared") for name, note in notes.items() if name != "e")
    assert notes["f"]["at"] - notes["d"]["at"] < 2, "ten seconds of audio were thrown away"


# A socket that says what a server may say, and what the page makes of it.
TAKEN_BACK = """
(async () => {
  const { Session } = await import("/web/session.js");
  const sent = [], seen = [];
  const close = () => { socket.readyState = 3; socket.onclose({ code: 1000 }); };
  const socket = { readyState: 1, bufferedAmount: 0, send: (data) => sent.push(JSON.parse(data).type), close };
  const session = new Session(socket, 16000, { timed: false });
  const say = (type, text) => {
    socket.onmessage({ data: JSON.stringify({ type, text, language: "", timestamp: 1 }) });
    seen.push(document.querySelector("#partial").textContent);
  };
  say("partial", "where is");
  say("final", "");
  session.finish();
  say("partial", "thank");
  say("final", "");
  const open = socket.readyState;
  say("final", "");
  return { sent, seen, open, closed: socket.readyState, lines: document.querySelectorAll("#lines li").length };
})()
"""


async def test_what_is_taken_back_is_dropped_and_does_not_end_the_wait_for_the_rest(
    server: Server, browser: Browser
) -> None:
    async with browser.page(server.http) as page:
        found = await page.run(TAKEN_BACK)
    assert found["seen"] == ["where is", "", "thank", "", ""]
    assert found["sent"] == ["config", "finalize", "finalize"]
    assert (found["open"], found["closed"], found["lines"]) == (1, 3, 0)


async def samples(page: Page) -> Samples:
    """Return what the page has played, at 16 kHz."""
    script = """(() => { const bytes = new Uint8Array(new Float32Array(heard).buffer); let text = '';
        for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
        return btoa(text); })()"""
    return np.frombuffer(base64.b64decode(await page.run(script)), "<f4")


def loud(audio: Samples) -> bool:
    return bool(len(audio)) and float(np.abs(audio).max()) > 0.01


async def transcribe(ears: WhisperAsr, audio: Samples) -> str:
    return (await ears.decode(Request(audio[-29 * 16_000 :], final=True))).text


async def test_a_recording_is_dropped_in(server: Server, browser: Browser, tmp_path: Path) -> None:
    said = prompt("agent-alreadyon")
    wav = base64.b64encode(write_wav(tmp_path / "said.wav", said.audio, 8000).read_bytes()).decode()
    drop = f"""(() => {{ const data = new DataTransfer(), bytes = Uint8Array.from(atob("{wav}"), c => c.charCodeAt(0));
        data.items.add(new File([bytes], "said.wav", {{type: "audio/wav"}}));
        document.body.dispatchEvent(new DragEvent("drop", {{dataTransfer: data, bubbles: true, cancelable: true}}));
        return true; }})()"""
    async with browser.page(server.http, before=TAP) as page:
        await page.run("document.querySelector('[name=speed]').value = '0'")
        await page.run("document.querySelector('[name=chunk_size_sec]').value = '0.5'")
        await page.run("document.querySelector('[name=context]').value = 'agent, <b>pound</b>'")
        await page.run(drop)
        await page.says("Done")
        assert word_error_rate([said.text], [" ".join(await page.texts("li.caller .text"))]) == 0
        config = (await page.run("sent"))[0]
        assert not page.complaints
    assert config == {
        "type": "config",
        "context": "agent, <b>pound</b>",
        "language": None,
        "chunk_size_sec": 0.5,
        "sample_rate": 16_000,
    }


async def test_a_recording_is_chosen_on_an_address_without_microphone(
    server: Server, browser: Browser, tmp_path: Path
) -> None:
    said = prompt("conf-full")
    wav = write_wav(tmp_path / "said.wav", np.repeat(said.audio, 6), 48_000)
    async with browser.page(f"http://bridge.test:{server.address.rpartition(':')[2]}") as page:
        await page.run("talk.click()")
        assert "--generate-self-signed-cert" in await problem(page)
        document = await page.call("DOM.getDocument")
        picker = await page.call("DOM.querySelector", nodeId=document["root"]["nodeId"], selector="#picker")
        await page.call("DOM.setFileInputFiles", files=[str(wav)], nodeId=picker["nodeId"])
        await page.says("Done")
        assert [normal(text) for text in await page.texts("li.caller .text")] == [normal(said.text)]
        assert "final" in await page.text("li.caller .turn")
        assert await page.text("#problem") == ""
        assert not page.complaints


async def test_a_file_that_is_no_audio_is_named(server: Server, browser: Browser) -> None:
    drop = """(() => { const data = new DataTransfer(); data.items.add(new File(["x"], "<b>notes</b>.txt"));
        document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true})); return true; })()"""
    async with browser.page(server.http) as page:
        await page.run(drop)
        assert "<b>notes</b>.txt" in await problem(page)


async def test_a_blocked_microphone_and_its_way_out(server: Server, browser: Browser) -> None:
    async with browser.page(server.http, denied=True) as page:
        await page.run("ws.click()")
        shown = await problem(page)
    assert "The microphone is blocked" in shown
    assert "left of the address" in shown


async def test_settings_that_the_server_refuses(server: Server, browser: Browser) -> None:
    async with browser.page(server.http) as page:
        await page.run("document.querySelector('[name=language]').value = 'Hindi'")
        await page.run("ws.click()")
        shown = await problem(page)
        assert "did not accept the settings" in shown
        assert "multilingual" in shown
        await page.until("!ws.disabled && ws.textContent.startsWith('Transcribe')")


async def test_settings_out_of_range_are_not_sent(server: Server, browser: Browser, shots: Path) -> None:
    async with browser.page(server.http, before=TAP) as page:
        await page.run("document.querySelector('[name=chunk_size_sec]').value = '99'")
        await page.run("ws.click()")
        assert await page.run("settings.open && !document.body.classList.contains('live')")
        assert await page.run("sent") == []
        await page.picture(shots, "settings")


async def test_it_works_by_keyboard(server: Server, browser: Browser) -> None:
    async with browser.page(server.http) as page:
        names = []
        for _ in range(4):
            await page.press("Tab", 9)
            names.append(await page.run("document.activeElement.innerText"))
        assert names == ["Call the bot", "Transcribe the microphone", "Transcribe a recording", "Settings"]
        await page.run("ws.focus()")
        await page.press("Enter", 13)
        await page.says("Listening")
        await page.press("Escape", 27)
        await page.says("Done")
        assert await page.run("document.activeElement === ws")
        fields = "[...document.querySelectorAll('input, textarea, select, meter')]"
        assert await page.run(f"{fields}.every(field => field.labels.length || field.hidden)")
        assert await page.run("document.querySelector('[role=log]').contains(lines)")


async def test_the_printed_address_opens_the_page_with_its_token_which_the_tab_keeps(browser: Browser) -> None:
    async with serve("--public-url", "https://bot.example.com") as server:
        token = re.findall(r"page +http://localhost:\d+/\?token=(\S+)", server.log)[0]
        async with browser.page(f"{server.http}/?token={token}") as page:
            for _ in range(2):
                await page.until("document.querySelector('#ws').onclick")
                assert await page.run("location.search") == "", "it is in no bookmark"
                await page.run("ws.click()")
                await page.says("Listening")
                await page.run("ws.click()")
                await page.says("Done")
                await page.call("Page.navigate", url=server.http)
                await page.until("document.readyState === 'complete'")
        async with browser.page(server.http) as page:
            await page.run("ws.click()")
            assert "The server wants a token" in await problem(page)


async def test_a_token_is_asked_for_and_a_busy_server_says_so(closed: Server, browser: Browser, shots: Path) -> None:
    give = "((value) => { token.querySelector('input').value = value; token.requestSubmit(); })"
    async with browser.page(closed.http) as page:
        await page.run("ws.click()")
        assert "The server wants a token" in await problem(page)
        assert await page.run("document.activeElement.type") == "password"
        await page.picture(shots, "token")
        await page.run(f"{give}('wrong')")
        await page.until("problem.innerText.includes('does not know this token')")
        async with occupied(closed):
            await page.run(f"{give}('open/sesame')")
            await page.until("problem.innerText.includes('All lines are busy')")
            assert "all 1 lines for clients are busy" in await page.text("#problem .detail")
            assert not await page.text("#token")
        await page.run("ws.click()")
        await page.says("Listening")
        assert await page.text("#problem") == ""
        closed.process.kill()
        assert "The connection was lost" in await problem(page)
        await page.run("ws.click()")
        await page.until("problem.innerText.includes('does not answer')")


class occupied:  # noqa: N801 - reads as a function
    """Hold the only line."""

    def __init__(self, server: Server) -> None:
        self._url = f"{server.ws}?token=open/sesame"

    async def __aenter__(self) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(self._url)
        created: dict[str, Any] = json.loads((await self._socket.receive()).data)
        assert created["type"] == "session_created"

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._session.close()
