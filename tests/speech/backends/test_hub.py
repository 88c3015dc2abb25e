"""Fetching models from a hub: a small one that runs here, asked by the real client in a process of its own."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot import installing
from bridge.speech.backends.hub import engine_of, is_id

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(find_spec("huggingface_hub") is None, reason="huggingface-hub is not installed"),
]

COMMIT = "c0ffee" + 34 * "0"
TOKEN = "hf_s3cr3t-of-the-test"
FILES = {
    "config.json": json.dumps({"architectures": ["Qwen3ASRForConditionalGeneration"]}).encode(),
    "model.safetensors": b"weights",
    "model.onnx": b"not for us",
}


@dataclass
class Hub:
    """Has the models someone/open, someone/gated (with a token), and a connection that breaks at someone/broken."""

    url: str = ""
    tokens: list[str | None] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization")
        self.tokens.append(token)
        path = request.path
        if "someone/broken" in path:
            return web.Response(status=500)
        if "someone/gated" in path and token != f"Bearer {TOKEN}":
            return web.Response(status=403, headers={"X-Error-Code": "GatedRepo"})
        if "someone/open" not in path and "someone/gated" not in path:
            return web.Response(status=404, headers={"X-Error-Code": "RepoNotFound"})
        if "/tree/" in path:
            return web.json_response(
                [{"type": "file", "path": name, "size": len(data), "oid": name} for name, data in FILES.items()]
            )
        if "/resolve/" in path:
            headers = {"ETag": f'"{path.rpartition("/")[2]}"', "X-Repo-Commit": COMMIT}
            return web.Response(body=FILES[path.rpartition("/")[2]], headers=headers)
        siblings = [{"rfilename": name} for name in FILES]
        return web.json_response({"id": "someone/open", "sha": COMMIT, "siblings": siblings})


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub, app = Hub(), web.Application()
    app.router.add_route("*", "/{path:.*}", hub.answer)
    async with TestServer(app) as server:
        hub.url = str(server.make_url("")).rstrip("/")
        yield hub


@dataclass(frozen=True)
class Bridge:
    """The `bridge` command with a cache of its own."""

    home: Path
    url: str

    async def __call__(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        return await self._run("-m", "bridge", "models", *arguments, **environment)

    async def each(self, *models: str) -> tuple[int, str, str]:
        """Fetch one after the other in one process: the client takes longer to load than to fail."""
        program = "import sys, bridge.cli as cli; sys.exit(sum(cli.main(['models', 'fetch', m]) for m in sys.argv[1:]))"
        return await self._run("-c", program, *models)

    async def _run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "BRIDGE_"))}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments),
            env={**inherited, "HF_ENDPOINT": self.url, "HF_HOME": str(self.home), **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await process.communicate()
        return process.returncode or 0, out.decode(), errors.decode()


@pytest.fixture
def bridge(hub: Hub, tmp_path: Path) -> Bridge:
    return Bridge(tmp_path / "hub", hub.url)


def complaint(errors: str) -> str:
    """Return the one line that is ours; the client's own progress may stand before it."""
    [line] = [line for line in errors.splitlines() if line.startswith("bridge: ")]
    assert "Traceback" not in errors
    return line


async def test_a_model_is_fetched_into_the_cache_and_listed_from_then_on(bridge: Bridge, hub: Hub) -> None:
    code, out, errors = await bridge("fetch", "someone/open")
    assert code == 0, errors
    place, use = out.splitlines()
    assert use == "use it with: bridge serve --asr vllm --asr-model-path someone/open"
    assert set(os.listdir(place)) == {"config.json", "model.safetensors"}
    assert set(hub.tokens) == {None}
    code, out, _ = await bridge()
    assert code == 0
    assert f"someone/open  vllm, 0 MB, {place}" in out


async def test_a_model_is_fetched_into_a_folder(bridge: Bridge, tmp_path: Path) -> None:
    code, out, errors = await bridge("fetch", "someone/open", "--to", str(tmp_path / "model"))
    assert code == 0, errors
    assert f"--asr-model-path {tmp_path / 'model'}" in out
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == b"weights"


async def test_a_gated_model_asks_for_its_terms_and_a_token(bridge: Bridge) -> None:
    code, _, errors = await bridge("fetch", "someone/gated")
    assert code == 1
    assert complaint(errors) == (
        "bridge: model 'someone/gated' is gated: accept its terms on its page at the hub; "
        "set HF_TOKEN to a token that is allowed to"
    )


async def test_the_token_comes_from_the_environment_and_shows_nowhere(bridge: Bridge, hub: Hub) -> None:
    code, out, errors = await bridge("fetch", "someone/gated", HF_TOKEN=TOKEN)
    assert code == 0, errors
    assert f"Bearer {TOKEN}" in hub.tokens
    code, more, errors = await bridge("fetch", "someone/else", HF_TOKEN=TOKEN)
    assert code == 1 and "HF_TOKEN is set but not allowed to" in complaint(errors)
    assert TOKEN not in out + more + errors


async def test_a_token_that_somebody_saved_on_this_machine_is_not_used(bridge: Bridge, hub: Hub) -> None:
    bridge.home.mkdir()
    (bridge.home / "token").write_text(TOKEN)
    code, _, _ = await bridge("fetch", "someone/gated")
    assert code == 1
    assert f"Bearer {TOKEN}" not in hub.tokens


async def test_what_cannot_be_fetched_says_why_in_one_line(bridge: Bridge) -> None:
    why = {
        "someone/nothing": "is not on the hub, or private: set HF_TOKEN",
        "someone/broken": "cannot be downloaded (",
        "nothing": "is no id of the hub: owner/name",
        "../../etc": "is no id of the hub",
        "/etc/passwd": "is no id of the hub",
        "a/b:c d": "cannot be downloaded (HFValidationError",
    }
    failed, out, errors = await bridge.each(*why)
    assert (failed, out) == (len(why), "")
    lines = [line for line in errors.splitlines() if line.startswith("bridge: ")]
    for (model, reason), line in zip(why.items(), lines, strict=True):
        assert repr(model) in line and reason in line
    assert "Traceback" not in errors


async def test_without_a_network_one_line_says_so(bridge: Bridge) -> None:
    code, _, errors = await bridge("fetch", "someone/open", HF_ENDPOINT="http://127.0.0.1:9")
    assert code == 1
    assert "'someone/open' is not in the hub's cache and cannot be downloaded" in complaint(errors)
    code, _, errors = await bridge("fetch", "someone/open", HF_HUB_OFFLINE="1")
    assert code == 1
    assert "cannot be downloaded" in complaint(errors)


async def test_without_the_hubs_client_one_line_says_how_to_get_it(bridge: Bridge, tmp_path: Path) -> None:
    (tmp_path / "huggingface_hub.py").write_text("raise ImportError('no such thing')")
    code, _, errors = await bridge("fetch", "someone/open", PYTHONPATH=str(tmp_path))
    assert code == 1
    assert complaint(errors).endswith("get it with: " + installing.package("huggingface-hub"))


@pytest.mark.parametrize("model", ["Qwen/Qwen3-ASR-1.7B", "a/b"])
def test_owner_and_name_are_an_id(model: str) -> None:
    assert is_id(model)


@pytest.mark.parametrize("model", ["", "a", "a/", "/a", "./a", "../a", "~/a", "a/b/c"])
def test_anything_else_is_none(model: str) -> None:
    assert not is_id(model)


@pytest.mark.parametrize(
    ("files", "engine"),
    [
        ({"model.bin": "", "config.json": "{}", "tokenizer.json": ""}, "whisper"),
        ({"config.json": '{"architectures": ["Qwen3ASRForConditionalGeneration"]}'}, "vllm"),
        ({"config.json": '{"architectures": ["VoxtralForConditionalGeneration"]}'}, "vllm"),
        ({"config.json": '{"architectures": ["LlamaForCausalLM"]}'}, ""),
        ({"config.json": '{"architectures": [7, null]}'}, ""),
        ({"config.json": '{"architectures": "Qwen3ASR"}'}, ""),
        ({"config.json": "[]"}, ""),
        ({"config.json": "{"}, ""),
        ({}, ""),
    ],
)
def test_a_folder_tells_which_engine_reads_it(tmp_path: Path, files: dict[str, str], engine: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert engine_of(tmp_path) == engine
