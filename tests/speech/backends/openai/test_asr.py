import asyncio
import logging
import math
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypedDict, Unpack

import numpy as np
import pytest
from aiohttp import web
from serving import served
from speaking_server import Fault, SpeakingServer, length_s

from bridge.settings import Settings
from bridge.speech.api import (
    BadRequest,
    DeadlineExceeded,
    Ended,
    EngineFailed,
    EngineLost,
    MarksAhead,
    Overloaded,
    Request,
    SpeechError,
)
from bridge.speech.backends.openai import OpenAiAsr
from bridge.speech.remote.refusals import NoSuchPath

KEY = "sk-of-the-test"


def answering(status: int, text: str = "", **headers: str) -> Fault:
    async def fault(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return fault


class Options(TypedDict, total=False):
    """Of a `Request`."""

    prefix: str
    language: str
    context: str
    final: bool
    max_new_tokens: int
    timeout_s: float
    key: str


class Hang:
    """Never answers."""

    def __init__(self) -> None:
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: web.Request) -> web.Response:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError


async def reset(request: web.Request) -> web.Response:
    assert request.transport
    request.transport.abort()
    return web.Response()


async def reset_in_the_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"choices"')
    assert request.transport
    request.transport.abort()
    return response


async def stall_in_the_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"choices"')
    await asyncio.Event().wait()
    return response


async def flood(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:  # until the other side has enough
        await response.write(bytes(1 << 16))


async def loaded(*servers: SpeakingServer, urls: tuple[str, ...] = (), **options: str | None) -> list[OpenAiAsr]:
    settings = Settings.model_validate({"asr_url": (*(server.url for server in servers), *urls), **options})
    return list(await asyncio.to_thread(OpenAiAsr.from_settings, settings))


@asynccontextmanager
async def engine(server: SpeakingServer, **options: str) -> AsyncIterator[OpenAiAsr]:
    """One engine, when `server` has been asked what it is."""
    async with server.served():
        (asr,) = await loaded(server, urls=(), **options)
        server.bodies.clear()
        yield asr
        asr.close()


def audio(seconds: float, **options: Unpack[Options]) -> Request:
    return Request(np.zeros(round(16_000 * seconds), np.float32), **options)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


# ------------------------------------------------------------ what is heard


async def test_words_come_as_the_pieces_of_the_model() -> None:
    async with engine(SpeakingServer()) as asr:
        heard = await asr.decode(audio(2.5))
    assert (tuple(heard.pieces), heard.language, heard.ended) == (("one", " two"), "English", Ended.STOP)
    assert heard.engine == asr.name


async def test_a_prefix_is_continued_and_not_repeated() -> None:
    async with engine(SpeakingServer()) as asr:
        heard = await asr.decode(audio(3, prefix="one two", language="German"))
        nothing_new = await asr.decode(audio(2, prefix="one two", language="German"))
    assert (heard.text, heard.language) == (" three", "German")
    assert (nothing_new.text, nothing_new.language) == ("", "German")


async def test_a_prefix_of_unknown_language_is_refused() -> None:
    async with engine(SpeakingServer()) as asr:
        with pytest.raises(BadRequest, match="without language"):
            await asr.decode(audio(1, prefix="one"))


async def test_silence_has_no_language() -> None:
    async with engine(SpeakingServer()) as asr:
        for request in audio(0.5), audio(0.5, language="German"):
            heard = await asr.decode(request)
            assert (heard.text, heard.language) == ("", "")


async def test_running_out_of_tokens_is_told() -> None:
    async with engine(SpeakingServer()) as asr:
        heard = await asr.decode(audio(5, language="English", max_new_tokens=2))
    assert (heard.text, heard.ended) == ("one two", Ended.LENGTH)


async def test_partials_give_way_to_finals() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        await asr.decode(audio(1))
        await asr.decode(audio(1, final=True))
    assert [body.get("priority", 0) for body in server.bodies] == [1, 0]


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
async def test_the_url_may_end_in_v1(suffix: str) -> None:
    server = SpeakingServer()
    async with server.served():
        (asr,) = await loaded(urls=(server.url + suffix,))
        assert (await asr.decode(audio(1))).text == "one"
        asr.close()


# ------------------------------------------------------------ windows


async def test_full_windows_travel_once() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        cached = [(await asr.decode(audio(seconds, key="call-1"))).cached_tokens for seconds in (7, 9, 17, 18)]
    sent = [
        [None if part["input_audio"] is None else length_s(part["input_audio"]) for part in parts]
        for parts in (body["messages"][1]["content"] for body in server.bodies)
    ]
    assert sent == [[7], [8, 1], [None, 8, 1], [None, None, 2]]
    assert cached == [0, 0, 104, 208]


async def test_a_server_that_forgot_its_windows_is_told_again() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        await asr.decode(audio(9, key="call-1"))
        server.kept.clear()
        assert (await asr.decode(audio(10, key="call-1", language="English"))).text == "one two three four five"
        await asr.decode(audio(11, key="call-1"))
    assert [body["messages"][1]["content"][0]["input_audio"] is None for body in server.bodies] == [
        False,
        True,
        False,
        True,
    ]


async def test_a_server_that_hears_pieces_apart_gets_one() -> None:
    server = SpeakingServer(joins=False)
    async with engine(server) as asr:
        await asr.decode(audio(30, key="call-1"))  # more than a megabyte
    assert [len(body["messages"][1]["content"]) for body in server.bodies] == [1]


# ------------------------------------------------------------ what servers do not know


@pytest.mark.parametrize("refusal", ["{} is not enabled", "unexpected field"])
@pytest.mark.parametrize("names", [("priority",), ("repetition_detection", "logprobs"), ("uuid",)])
async def test_a_field_that_is_refused_is_not_sent_again(names: tuple[str, ...], refusal: str) -> None:
    server = SpeakingServer(refuses=names, refusal=refusal)
    async with engine(server) as asr:
        assert (await asr.decode(audio(9, key="a", language="English"))).text == "one two three four five"
        asked = len(server.bodies)
        assert (await asr.decode(audio(10, key="a", language="English"))).text == "one two three four five"
    assert len(server.bodies) == asked + 1


async def test_a_final_tells_what_is_expected_behind_its_last_word() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        assert (await asr.decode(audio(2, final=True))).marks == MarksAhead(math.exp(-1), 0)
        assert (await asr.decode(audio(2))).marks is None
        assert (await asr.decode(audio(0.5, final=True))).marks is None, "nothing was said"
        assert (await asr.decode(audio(2, final=True, language="Hindi"))).marks is None, "whose full stop is no token"


async def test_a_server_that_is_back_is_asked_for_all_that_calls_will_ask_for() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        assert await asr.healthy()
    assert {"top_logprobs" in body for body in server.bodies} == {False, True}


async def test_a_server_that_does_not_tell_likely_tokens_is_not_asked_for_them_by_a_caller() -> None:
    server = SpeakingServer(refuses=("top_logprobs",))
    async with engine(server) as asr:
        await asr.warm_up()
        asked = len(server.bodies)
        heard = await asr.decode(audio(2, final=True))
    assert (heard.text, heard.marks) == ("one two", None)
    assert len(server.bodies) == asked + 1
    assert "logprobs" in server.bodies[-1], "it told tokens before"


async def test_what_is_wrong_with_a_request_is_not_blamed_on_the_fields() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        server.faults = [answering(400, "audio too long")]
        with pytest.raises(BadRequest, match="audio too long"):
            await asr.decode(audio(1))
        await asr.decode(audio(1))
    assert {"priority", "logprobs", "repetition_detection"} <= server.bodies[-1].keys()


# ------------------------------------------------------------ faults


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (answering(400, '{"error": {"message": "longer than\\n the model"}}'), BadRequest, "longer than the model"),
        (answering(413, "x" * 5000), BadRequest, "413"),
        (answering(422, '{"detail": [{"msg": "bad"}]}'), BadRequest, "bad"),
        (answering(401, f"wrong key {KEY}"), EngineFailed, "asr_api_key is refused"),
        (answering(403), EngineFailed, "asr_api_key is refused"),
        (answering(404), NoSuchPath, "/v1/chat/completions: 404"),
        (answering(418, f"{KEY} is a teapot"), EngineFailed, r"418 \*\*\* is a teapot"),
        (answering(500, "boom"), EngineLost, "500 boom"),
        (answering(502), EngineLost, "502"),
        (answering(307, Location="http://elsewhere.example/"), EngineFailed, "elsewhere.example.*not followed"),
        (answering(200, "<html>"), EngineFailed, r"http://127.*answers b'<html>'"),
        (answering(200, ""), EngineFailed, "answers b''"),
        (answering(200, '{"text": "one"}'), EngineFailed, "choices"),
        (answering(200, '{"choices": []}'), EngineFailed, "choices"),
        (answering(204), EngineFailed, "204"),
        (reset, EngineLost, "127.0.0.1"),
        (reset_in_the_body, EngineLost, "127.0.0.1"),
        (flood, EngineFailed, "longer than 1048576 bytes"),
    ],
)
async def test_every_fault_is_an_error_of_the_engines(fault: Fault, error: type[SpeechError], says: str) -> None:
    server = SpeakingServer(key=KEY)
    async with engine(server, asr_api_key=KEY) as asr:
        server.faults = [fault] * 8
        with pytest.raises(error, match=says) as caught:
            await asr.decode(audio(1))
        assert type(caught.value) is error
        assert error is BadRequest or "/v1/chat/completions" in str(caught.value)
        assert KEY not in str(caught.value) and len(str(caught.value)) < 500 and "\n" not in str(caught.value)
        server.faults.clear()
        assert (await asr.decode(audio(1))).text == "one"


async def test_the_content_type_does_not_matter() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        content = '{"choices": [{"message": {"content": "one"}}]}'
        server.faults = [answering(200, content, **{"Content-Type": "text/html; charset=latin-1"})]
        assert (await asr.decode(audio(1, language="English"))).text == "one"


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_server_says_when_to_come_back(status: int) -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        server.faults = [answering(status, "busy", **{"Retry-After": "7"}), answering(status)]
        with pytest.raises(Overloaded, match=f"{status} busy") as caught:
            await asr.decode(audio(1))
        assert caught.value.retry_after_s == 7
        with pytest.raises(Overloaded) as caught:
            await asr.decode(audio(1))
        assert caught.value.retry_after_s is None


async def test_an_answer_that_does_not_come_in_time_is_given_up() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        for fault in Hang(), stall_in_the_body:
            server.faults = [fault]
            with pytest.raises(DeadlineExceeded, match=r"within 0\.1 s"):
                await asr.decode(audio(1, timeout_s=0.1))


async def test_a_server_that_ends_is_lost_at_once() -> None:
    server = SpeakingServer()
    async with server.served():
        (asr,) = await loaded(server)
    begun_s = time.monotonic()
    with pytest.raises(EngineLost):
        await asr.decode(audio(1))
    assert time.monotonic() - begun_s < 1
    assert not await asr.healthy()
    asr.close()


async def test_a_machine_that_does_not_answer_at_all_is_lost() -> None:
    server = SpeakingServer()
    async with server.served():
        (asr,) = await loaded(server)
    with socket.create_server(("127.0.0.1", int(server.url.rpartition(":")[2])), backlog=0) as deaf:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # the queue of those nobody accepts is full now
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        with pytest.raises(EngineLost, match="cannot be reached within 2 s"):
            await asr.decode(audio(1))
        for filler in fillers:
            filler.close()
    asr.close()


async def test_an_idle_connection_that_is_closed_as_it_is_used_costs_nothing() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        await asr.decode(audio(1))
        server.faults = [reset]
        assert (await asr.decode(audio(1))).text == "one"


async def test_connections_are_used_again() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        server.connections.clear()
        for _ in range(3):
            await asr.decode(audio(1))
    assert len(server.connections) == 1


async def test_many_decodes_at_once_do_not_mix() -> None:
    async with engine(SpeakingServer()) as asr:
        heard = await asyncio.gather(*(asr.decode(audio(n % 5 + 1, language="English")) for n in range(40)))
    assert [len(each.text.split()) for each in heard] == [n % 5 + 1 for n in range(40)]


async def test_cancelling_ends_the_request_at_the_server() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        server.faults = [hang := Hang()]
        decode = asyncio.create_task(asr.decode(audio(1)))
        async with asyncio.timeout(5):
            await hang.begun.wait()
            decode.cancel()
            await hang.ended.wait()
        with pytest.raises(asyncio.CancelledError):
            await decode


async def test_a_server_that_repeats_the_opening_is_misconfigured() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        told = '{"choices": [{"message": {"content": "language English<asr_text>one"}}]}'
        server.faults = [answering(200, told), answering(200, '{"choices": [{"message": {"content": "I hear one."}}]}')]
        with pytest.raises(EngineFailed, match="--chat-template"):
            await asr.decode(audio(2, prefix="one", language="English"))
        with pytest.raises(EngineFailed, match="not as Qwen3-ASR does"):
            await asr.decode(audio(2))


# ------------------------------------------------------------ transcriptions


WHISPER: list[dict[str, Any]] = [{"id": "whisper-large-v3"}]


async def test_a_model_that_only_transcribes_is_asked_to() -> None:
    server = SpeakingServer(models=WHISPER, language="german")
    async with engine(server) as asr:
        assert not asr.capabilities.prefix
        heard = await asr.decode(audio(2, context="names"))
        silence = await asr.decode(audio(0.5))
    assert (tuple(heard.pieces), heard.language) == (("one", " two"), "German")
    assert (silence.text, silence.language) == ("", "")
    assert server.bodies[0]["model"] == "whisper-large-v3" and server.bodies[0]["prompt"] == "names"


async def test_transcriptions_can_be_chosen_and_a_language_forced() -> None:
    server = SpeakingServer()
    async with engine(server, asr_api="transcriptions") as asr:
        heard = await asr.decode(audio(2, language="German"))
    assert heard.language == "German" and server.bodies[0]["language"] == "de"


async def test_a_server_that_tells_no_language_leaves_it_to_the_settings(caplog: pytest.LogCaptureFixture) -> None:
    async with engine(SpeakingServer(models=WHISPER, refuses=("verbose_json",)), language="Hindi") as asr:
        assert (await asr.decode(audio(1))).language == "Hindi"
        assert not caplog.records
    async with engine(SpeakingServer(models=WHISPER, language=None)) as asr:
        for _ in range(2):
            heard = await asr.decode(audio(1))
            assert (heard.language, heard.language_probability) == ("English", 0.0), "a guess settles no call"
        allowed = replace(audio(1), languages=("Hindi", "English"))
        assert (await asr.decode(allowed)).language == "Hindi", "the first that it may be"
    assert [record.message for record in caplog.records if "tells" in record.message or "tell" in record.message] == [
        f"{asr._server.url} does not tell languages: all is taken for English; set language"
    ]


# ------------------------------------------------------------ finding out


async def test_the_bearer_token_is_sent_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with engine(SpeakingServer(key=KEY), asr_api_key=KEY) as asr:
        assert await asr.healthy()
        assert KEY not in caplog.text + asr.device + asr.name


@pytest.mark.parametrize(("key", "says"), [(None, "asr_api_key is not set"), ("other", "asr_api_key is refused")])
async def test_a_wrong_key_is_said_at_start(key: str | None, says: str) -> None:
    async with SpeakingServer(key=KEY).served() as server:
        with pytest.raises(EngineFailed, match=says):
            await loaded(server, asr_api_key=key)


async def test_one_of_several_models_has_to_be_named() -> None:
    models = [{"id": "asr-small", "root": "Qwen/Qwen3-ASR-0.6B"}, {"id": "llm"}]
    async with SpeakingServer(models=models).served() as server:
        with pytest.raises(EngineFailed, match="asr-small, llm"):
            await loaded(server)
        with pytest.raises(EngineFailed, match=r"asr_model_path is 'large'.*asr-small, llm"):
            await loaded(server, asr_model_path="large")
        (asr,) = await loaded(server, asr_model_path="asr-small")
        assert (await asr.decode(audio(1))).text == "one"
        assert "asr-small by chat" in asr.device
        asr.close()


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize(("api", "heard"), [("chat", "one"), ("transcriptions", "one")])
async def test_a_server_that_lists_no_models_is_taken_as_the_settings_say(status: int, api: str, heard: str) -> None:
    async with SpeakingServer(lists=status, language="english").served() as server:
        (asr,) = await loaded(server, asr_model_path="asr", asr_api=api)
        assert (await asr.decode(audio(1))).text.strip() == heard
        assert f"asr by {api}" in asr.device and await asr.healthy()
        asr.close()


@pytest.mark.parametrize("options", [{}, {"asr_model_path": "asr"}, {"asr_api": "chat"}])
async def test_without_a_list_model_and_api_must_be_named(options: dict[str, str]) -> None:
    async with SpeakingServer(lists=404).served() as server:
        with pytest.raises(EngineFailed, match=r"/v1/models: 404.*needs asr_model_path and asr_api"):
            await loaded(server, **options)  # type: ignore[arg-type]  # mypy takes them for urls


async def test_a_template_that_cannot_continue_is_found_at_start() -> None:
    async with SpeakingServer(continues=False).served() as server:
        with pytest.raises(EngineFailed, match=r"config/qwen3_asr_chat_template\.jinja"):
            await loaded(server)


@pytest.mark.parametrize("models", ['{"data": [{}]}', "[]", "pong"])
async def test_what_is_no_such_server_is_said_at_start(models: str) -> None:
    app = web.Application()
    app.router.add_get("/v1/models", answering(200, models))
    async with served(app) as url:
        with pytest.raises(EngineFailed, match=r"http://127.*answers b"):
            await loaded(urls=(url,))


async def test_what_calls_will_ask_for_is_tried_at_start() -> None:
    server = SpeakingServer(refuses=("priority",))
    async with server.served():
        (asr,) = await loaded(server)
        assert [{"priority", "top_logprobs"} & body.keys() for body in server.bodies[-3:]] == [
            {"priority"},
            set(),
            {"top_logprobs"},
        ]
        asr.close()


async def test_no_url_and_no_server_are_refused_in_one_line() -> None:
    with pytest.raises(EngineFailed, match="asr_url is empty"):
        await loaded()
    urls = tuple(f"http://127.0.0.1:{free_port()}" for _ in range(2))
    with pytest.raises(EngineFailed) as caught:
        await loaded(urls=urls)
    assert all(url in str(caught.value) for url in urls) and "\n" not in str(caught.value)


async def test_a_server_that_comes_late_is_found_when_it_is_there(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    async with SpeakingServer().served() as server:
        here, late = await loaded(server, urls=(f"http://127.0.0.1:{port}",))
        assert f"127.0.0.1:{port}" in caplog.text
        assert late.capabilities == here.capabilities
        with pytest.raises(EngineLost):
            await late.decode(audio(1))
        assert not await late.healthy()
        async with SpeakingServer().served(port):
            assert await late.healthy()
            assert (await late.decode(audio(1))).text == "one"
            late.close()
        here.close()


async def test_a_server_that_comes_late_may_be_more_than_was_expected() -> None:
    port = free_port()
    async with SpeakingServer(models=WHISPER).served() as server, asyncio.timeout(20):
        here, late = await loaded(server, urls=(f"http://127.0.0.1:{port}",))
        async with SpeakingServer().served(port):
            assert await late.healthy()
            assert (await late.decode(audio(2))).text == "one two"
            late.close()
        here.close()


async def test_a_server_that_turns_out_to_be_less_stays_unhealthy(caplog: pytest.LogCaptureFixture) -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        server.models = WHISPER
        assert not await asr.healthy()
        assert "cannot continue a text" in caplog.text
        server.models = []
        assert not await asr.healthy()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (404, True), (503, False), (500, False)])
async def test_health_is_what_the_server_says(status: int, healthy: bool) -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        server.health = status
        assert await asr.healthy() is healthy


# ------------------------------------------------------------ the end


async def test_closing_fails_what_is_under_way() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        server.faults = [hang := Hang()]
        decode = asyncio.create_task(asr.decode(audio(1)))
        async with asyncio.timeout(5):
            await hang.begun.wait()
        asr.close()
        with pytest.raises(EngineFailed, match="closed"):
            await decode
        with pytest.raises(EngineFailed, match="closed"):
            await asr.decode(audio(1))


async def test_closing_from_another_thread_waits_for_the_connections() -> None:
    server = SpeakingServer()
    async with engine(server) as asr:
        await asr.decode(audio(1))
        session = asr._server._connections._session
        await asyncio.to_thread(asr.close)
        assert session and session.closed


def test_an_engine_outlives_the_loops_that_used_it() -> None:
    ready, done = threading.Event(), threading.Event()
    server = SpeakingServer()

    async def serve() -> None:
        async with server.served():
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    (asr,) = OpenAiAsr.from_settings(Settings(asr_url=(server.url,)))
    for _ in range(2):
        assert asyncio.run(asr.decode(audio(1))).text == "one"
    session = asr._server._connections._session
    assert session and session.closed  # its loop saw to that
    asr.close()
    done.set()
    thread.join()
