import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES

from bridge.server.app import make_app
from bridge.settings import Settings

SOCKET = {"Upgrade": "websocket", "Connection": "Upgrade"}


def client(**rules: object) -> TestClient:  # type: ignore[type-arg]  # it is generic in aiohttp 3.13 only
    return TestClient(TestServer(make_app(Settings.model_validate(rules), RESOURCES)))


@pytest.mark.parametrize(
    ("query", "named"),
    [("", "encoding"), ("?encoding=mulaw&diarize=true", "diarize"), ("?encoding=linear16", "sample_rate")],
)
async def test_a_query_that_cannot_be_served_is_refused_as_deepgram_refuses(query: str, named: str) -> None:
    async with client() as http, http.get(f"/v1/listen{query}", headers=SOCKET) as response:
        body = await response.json()
        assert response.status == 400
        assert body["err_code"] == "INVALID_QUERY_PARAMETER" and named in body["err_msg"]
        assert response.headers["dg-error"] == body["err_msg"]
        assert response.headers["dg-request-id"] == body["request_id"]


async def test_who_has_no_key_hears_so_as_deepgram_says_it() -> None:
    async with client(api_token="s3cret") as http, http.get("/v1/listen?encoding=mulaw", headers=SOCKET) as response:
        assert (response.status, (await response.json())["err_code"]) == (401, "INVALID_AUTH")


async def test_a_server_without_a_line_says_when_to_come_again() -> None:
    path = "/v1/listen?encoding=mulaw"
    async with (
        client(max_clients=1, max_clients_per_address=1) as http,
        http.ws_connect(path),
        http.get(path, headers=SOCKET) as response,
    ):
        assert response.status == 503 and response.headers["Retry-After"]
        assert (await response.json())["err_code"] == "SERVICE_UNAVAILABLE"


async def test_what_a_stranger_wrote_cannot_break_a_header() -> None:
    path = "/v1/listen?encoding=%0d%0aset-cookie:%20x%00%F0%9F%94%91"
    async with client() as http, http.get(path, headers=SOCKET) as response:
        assert response.status == 400 and "\n" not in (await response.json())["err_msg"]
        assert "set-cookie" not in response.headers


@pytest.mark.parametrize("path", ["/v2/listen", "/v1/speak", "/v1/agent/converse"])
async def test_what_deepgram_has_beside_it_is_refused_in_its_words(path: str) -> None:
    async with client() as http, http.get(path, headers=SOCKET) as response:
        assert (response.status, (await response.json())["err_msg"]) == (404, f"{path} cannot be given here")


@pytest.mark.parametrize("path", ["/v1/audio/translations", "/v1/realtime/client_secrets", "/v1/realtime/calls"])
async def test_what_openai_has_beside_it_is_refused_in_its_words(path: str) -> None:
    async with client() as http, http.post(path, json={}) as response:
        assert response.status == 404
        assert (await response.json())["error"]["message"] == f"{path} cannot be given here"


async def test_other_doors_keep_their_words() -> None:
    async with client(api_token="s3cret") as http, http.get("/ws", headers=SOCKET) as response:
        assert response.status == 401 and "API token" in await response.text()
