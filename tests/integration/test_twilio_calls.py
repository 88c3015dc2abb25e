"""Calls over the Twilio wire: the real server, the real models, human recordings."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import signal

import aiohttp
import numpy as np
import pytest
from integration.hearing import hear_out, sound, too_busy, transcribe
from integration.recordings import normal, prompt, prompts, word_error_rate
from integration.server import Server, serve

from bridge.commands.phone.call_record import CallRecord
from bridge.commands.phone.simulated_phone import SimulatedPhone, dial
from bridge.speech.backends.whisper import WhisperAsr

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def greeted(phone: SimulatedPhone) -> None:
    await hear_out(phone, after_ms=0)


def gaps(record: CallRecord) -> int:
    return record.count("gap")


async def test_the_bot_greets_hears_and_answers(server: Server, ears: WhisperAsr) -> None:
    said = prompt("conf-waitforleader")
    async with dial(server.twilio) as phone:
        _, greeting = await hear_out(phone, after_ms=0)
        assert "repeat" in normal(await transcribe(ears, greeting))
        ended_ms = await phone.say(said.mulaw)
        heard_ms, answer = await hear_out(phone, after_ms=ended_ms)
    assert heard_ms - ended_ms < 3000 or too_busy(phone.record)
    assert normal(await transcribe(ears, answer)) == normal(f"You said {said.text}")
    voiced = sound(answer)[np.abs(sound(answer)) > 0.01]
    assert -30 < 20 * np.log10(np.sqrt(np.mean(voiced**2))) < -12
    assert not gaps(phone.record) or too_busy(phone.record)


async def test_forty_prompts_are_understood(server: Server) -> None:
    said = prompts(40)
    calls = [said[i::8] for i in range(8)]

    async def call(number: int) -> None:
        async with dial(server.twilio, call_sid=f"CA{number:032d}") as phone:
            await greeted(phone)
            for line in calls[number]:
                ended_ms = await phone.say(line.mulaw)
                await hear_out(phone, after_ms=ended_ms)

    before = len(server.output)
    await asyncio.gather(*(call(number) for number in range(8)))
    heard = {number: await _said(server, before, f"CA{number:032d}") for number in range(8)}
    rate = word_error_rate(
        [" ".join(line.text for line in calls[number]) for number in range(8)], [heard[number] for number in range(8)]
    )
    assert rate <= 0.05


async def _said(server: Server, since: int, call_id: str) -> str:
    """Return what the server's log says a caller said."""
    lines = [line for line in server.output[since:] if call_id in line]
    return " ".join(match[2] for line in lines if (match := re.search(r"caller said: (['\"])(.*)\1", line)))


async def test_barge_in_silences_the_bot(server: Server) -> None:
    long = prompt("demo-congrats")
    async with dial(server.twilio) as phone:
        await greeted(phone)
        ended_ms = await phone.say(prompt("conf-adminmenu-162").mulaw[: 8000 * 8])
        heard_ms = await phone.until_heard(after_ms=ended_ms)
        await phone.until(lambda: phone.now_ms > heard_ms + 700)
        onset_ms = phone.now_ms
        speaking = asyncio.create_task(phone.say(long.mulaw[:16_000]))
        await phone.until(lambda: phone.record.first("clear", after_ms=onset_ms) is not None)
        cleared_ms = phone.record.first("clear", after_ms=onset_ms) or 0.0
        assert cleared_ms - onset_ms < 1000
        await phone.until(lambda: phone.record.first("silence", after_ms=cleared_ms) is not None)
        silent_ms = phone.record.first("silence", after_ms=cleared_ms) or 0.0
        assert silent_ms - cleared_ms < 100
        await speaking
        await hear_out(phone, after_ms=cleared_ms + 200)


async def test_twenty_calls_at_once_are_all_answered_without_a_gap(server: Server) -> None:
    said = prompts(20, shortest_s=1.5, longest_s=3.0)

    async def call(number: int) -> CallRecord:
        async with dial(server.twilio, call_sid=f"CA{100 + number:032d}") as phone:
            await greeted(phone)
            ended_ms = await phone.say(said[number].mulaw)
            heard_ms = await phone.until_heard(after_ms=ended_ms, timeout_s=30)
            await phone.until_silent()
            assert heard_ms > ended_ms
            return phone.record

    before = len(server.output)
    records = await asyncio.gather(*(call(number) for number in range(20)))
    assert [gaps(record) for record in records] == [0] * 20 or too_busy(*records)
    heard = [await _said(server, before, f"CA{100 + number:032d}") for number in range(20)]
    assert word_error_rate([line.text for line in said], heard) <= 0.08


async def test_hanging_up_in_mid_word_keeps_what_was_said(server: Server) -> None:
    call_id = "CA" + "7" * 32
    async with dial(server.twilio, call_sid=call_id) as phone:
        await greeted(phone)
        await phone.say(prompt("conf-waitforleader").mulaw[: 8000 * 2])
    await server.logged(call_id, "call ended")
    assert "conference will begin" in normal(await _said(server, 0, call_id))


@pytest.mark.parametrize(
    "garbage",
    [
        "not json",
        "[1, 2, 3]",
        "null",
        '{"event": 5}',
        '{"event": "media", "media": null}',
        '{"event": "media", "streamSid": "MZ%s", "media": {"payload": "!!!", "chunk": "x"}}',
        '{"event": "media", "streamSid": "MZother", "media": {"payload": "////"}}',
        '{"event": "mark"}',
        '{"event": "start", "start": {}}',
        b"\x00\xff binary",
    ],
)
async def test_a_malformed_message_does_not_end_the_call(server: Server, garbage: str | bytes) -> None:
    async with dial(server.twilio) as phone:
        await greeted(phone)
        await phone.line.send(garbage)
        ended_ms = await phone.say(prompt("conf-full").mulaw)
        await phone.until_heard(after_ms=ended_ms)


async def test_endless_garbage_ends_the_call_with_a_reason(server: Server) -> None:
    async with dial(server.twilio) as phone:
        for _ in range(300):
            if phone.closed.is_set():
                break
            await phone.line.send("garbage")
        await asyncio.wait_for(phone.closed.wait(), 5)
    assert phone.record.close_code == 1002


async def test_a_socket_that_never_starts_a_call_is_closed() -> None:
    async with (
        serve("--start-timeout", "1") as server,
        aiohttp.ClientSession() as session,
        session.ws_connect(server.twilio) as socket,
    ):
        async with asyncio.timeout(5):
            message = await socket.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == 1002
        assert "no start message within 1 s" in str(message.extra)


async def test_a_peer_that_falls_silent_is_hung_up() -> None:
    async with serve("--media-timeout", "1") as server, dial(server.twilio) as phone:
        await greeted(phone)
        phone._to_say = bytearray()
        mute = asyncio.Event()
        phone._send_frame = lambda *_: mute.wait()  # type: ignore[method-assign,assignment]
        async with asyncio.timeout(5):
            await phone.closed.wait()


async def test_a_lost_stretch_of_audio_is_silence_on_the_time_line_and_counted(server: Server) -> None:
    async with dial(server.twilio) as phone:
        await greeted(phone)
        phone._began -= 1.0  # a second of frames is skipped: their chunk numbers and time stamps never come
        ended_ms = await phone.say(prompt("conf-full").mulaw)
        await phone.until_heard(after_ms=ended_ms)


async def test_when_all_lines_are_busy_the_next_caller_is_told_so() -> None:
    async with serve("--max-calls", "1") as server, aiohttp.ClientSession() as session:
        async with dial(server.twilio) as phone:
            await greeted(phone)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with dial(server.twilio):
                    pass
            assert refused.value.status == 503
            async with session.post(f"{server.http}/twilio/voice") as response:
                assert response.status == 200
                assert 'reason="busy"' in await response.text()
        async with dial(server.twilio) as phone:
            await greeted(phone)


def sign(token: str, url: str, params: dict[str, str]) -> str:
    text = url + "".join(key + params[key] for key in sorted(params))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


async def test_only_what_twilio_signed_comes_in() -> None:
    env = {"BRIDGE_TWILIO_AUTH_TOKEN": "s3cret-token"}
    form = {"CallSid": "CA1", "From": "+4930123", "To": "+4930456"}
    async with (
        serve("--public-url", "https://bot.example.com", env=env) as server,
        aiohttp.ClientSession() as session,
    ):
        voice, signature = (
            f"{server.http}/twilio/voice",
            sign("s3cret-token", "https://bot.example.com/twilio/voice", form),
        )
        for headers in ({}, {"X-Twilio-Signature": "bad"}, {"X-Twilio-Signature": sign("other", voice, form)}):
            async with session.post(voice, data=form, headers=headers) as response:
                assert response.status == 403
        async with session.post(voice, data=form, headers={"X-Twilio-Signature": signature}) as response:
            assert response.status == 200
            assert 'url="wss://bot.example.com/twilio/stream"' in await response.text()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with dial(server.twilio):
                pass
        assert refused.value.status == 403
        good = {"X-Twilio-Signature": sign("s3cret-token", "wss://bot.example.com/twilio/stream", {})}
        async with dial(server.twilio, headers=good) as phone:
            await greeted(phone)
    assert "s3cret-token" not in server.log


async def test_the_webhook_passes_the_caller_and_its_own_query_to_the_stream(server: Server) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.http}/twilio/voice?shop=7", data={"From": "+49<30>", "CallSid": "CA9"}) as response,
    ):
        twiml = await response.text()
    assert f'url="ws://{server.address}/twilio/stream"' in twiml
    for parameter in ('name="shop" value="7"', 'name="From" value="+49&lt;30&gt;"', 'name="CallSid" value="CA9"'):
        assert parameter in twiml


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_running_calls_well(signum: signal.Signals) -> None:
    async with serve("--log-level", "DEBUG", "--drain-timeout", "0") as server, dial(server.twilio) as phone:
        await greeted(phone)
        await phone.say(prompt("conf-full").mulaw)
        server.stop(signum)
        async with asyncio.timeout(10):
            await phone.closed.wait()
            await server.process.wait()
    assert phone.record.close_code == 1001
    assert "conference is full" in server.log.lower()


async def test_a_bot_of_ones_own_answers(tmp_path_factory: pytest.TempPathFactory, ears: WhisperAsr) -> None:
    folder = tmp_path_factory.mktemp("bot")
    (folder / "mybot.py").write_text(
        "from bot import Bot\n\n\nclass Yes(Bot):\n"
        "    async def on_call(self, call):\n        yield f'Hello {call.caller}.'\n"
        "    async def reply(self, turn):\n        yield 'Yes, '\n        yield 'of course I can do that.'\n"
    )
    async with (
        serve("--bot", "mybot:Yes", cwd=folder) as server,
        dial(server.twilio, parameters={"From": "Jane"}) as phone,
    ):
        _, greeting = await hear_out(phone, after_ms=0)
        ended_ms = await phone.say(prompt("conf-full").mulaw)
        _, answer = await hear_out(phone, after_ms=ended_ms)
    assert normal(await transcribe(ears, greeting)) == "hello jane"
    assert normal(await transcribe(ears, answer)) == "yes of course i can do that"


async def test_media_of_a_call_survives_thirty_callers_that_vanish(server: Server) -> None:
    async def vanish(number: int) -> None:
        async with dial(server.twilio, call_sid=f"CA{200 + number:032d}") as phone:
            await phone.until(lambda: phone.now_ms > 300)
            phone.abort()

    async with dial(server.twilio) as phone:
        await greeted(phone)
        await asyncio.gather(*(vanish(number) for number in range(30)), return_exceptions=True)
        ended_ms = await phone.say(prompt("conf-full").mulaw)
        await phone.until_heard(after_ms=ended_ms)
    async with aiohttp.ClientSession() as session, session.get(f"{server.http}/healthz") as response:
        assert (await response.json())["status"] == "ok"


async def test_both_sides_of_a_call_without_a_bot_are_written_down(server: Server) -> None:
    caller, agent = prompt("conf-waitforleader"), prompt("vm-goodbye")
    said: dict[str, str] = {}

    async def listen(listener: aiohttp.ClientWebSocketResponse) -> None:
        async for message in listener:
            told = json.loads(message.data)
            if told["type"] == "final":
                said[told["speaker"]] = f"{said.get(told['speaker'], '')} {told['text']}"
            if told["type"] == "call_ended":
                return

    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.ws}?listen=CA-listened") as listener,
        session.ws_connect(f"{server.http}/twilio/listen") as stream,
    ):
        listening = asyncio.create_task(listen(listener))
        about = {"callSid": "CA-listened", "streamSid": "MZ1", "tracks": ["inbound", "outbound"]}
        await stream.send_json({"event": "start", "streamSid": "MZ1", "start": about})
        silence = b"\xff" * 8000 * 2
        sides = {"inbound": caller.mulaw + silence + silence, "outbound": silence + agent.mulaw + silence + silence}
        begun_s = asyncio.get_running_loop().time()
        for at in range(0, max(map(len, sides.values())), 160):
            for track, audio in sides.items():
                payload = base64.b64encode(audio[at : at + 160] or b"\xff" * 160).decode()
                media = {"track": track, "chunk": str(at // 160 + 1), "timestamp": str(at // 8), "payload": payload}
                await stream.send_json({"event": "media", "streamSid": "MZ1", "media": media})
            await asyncio.sleep(begun_s + at / 8000 - asyncio.get_running_loop().time())
        await stream.send_json({"event": "stop", "streamSid": "MZ1", "stop": {}})
        async with asyncio.timeout(10):
            await listening
    assert word_error_rate([caller.text, agent.text], [said["caller"], said["agent"]]) <= 0.2
