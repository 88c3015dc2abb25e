"""One event over a real connection: signed, named, and taken or not."""

import json

import pytest
from hook_server import Fault, HookServer, Reply

from bot.webhook.requests import signature
from bridge.records.events.sender import NotTaken
from bridge.records.events.webhook import EventsWebhook

BODY = json.dumps({"event": "turn"}).encode()


async def test_an_event_is_signed_with_the_secret_of_now_and_named_by_its_key() -> None:
    secrets = ["old", "", "new"]
    async with HookServer([("turn", Reply(status=200))]) as server:
        webhook = EventsWebhook(server.url, secrets.pop, clock=lambda: 1234.5)
        await webhook.post("r1-2", BODY)
        await webhook.post("r1-3", BODY)
    first, second = server.headers
    assert (first["Idempotency-Key"], first["X-Bridge-Timestamp"]) == ("r1-2", "1234")
    assert first["X-Bridge-Signature"] == signature("new", "1234", BODY)
    assert "X-Bridge-Signature" not in second
    assert server.raw == [BODY, BODY]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(status=500), "status 500"),
        (Reply(status=302), "redirect"),
        (Reply(fault=Fault.RESET), "Disconnected|reset"),
        (Reply(fault=Fault.STALL), "no answer within 0.2 s"),
    ],
)
async def test_what_is_no_answer_of_2xx_is_not_taken(reply: Reply, why: str) -> None:
    async with HookServer([("turn", reply)]) as server:
        with pytest.raises(NotTaken, match=why):
            await EventsWebhook(server.url, lambda: "", limit_s=0.2).post("r1-2", BODY)


async def test_a_receiver_that_is_not_there_is_told_of() -> None:
    async with HookServer() as server:
        url = server.url
    with pytest.raises(NotTaken, match="Connect"):
        await EventsWebhook(url, lambda: "").post("r1-2", BODY)
