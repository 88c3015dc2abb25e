"""`--bot openai` against servers that many run: litellm's proxy, with mock answers and before another; vLLM's.

Each runs in an environment of its own: `.venv-litellm` (`make test-slow` makes it), `.venv-vllm` (`make test-vllm`).
The model on vLLM has random weights: its words are nonsense, its stream is a real one.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal, cast

import aiohttp
import pytest
import pytest_asyncio
from chat_server import Answer, ChatServer, Fault
from integration.sip_peers import free_port

from bot.api import CallInfo, Turn

pytest.importorskip("openai", reason="the extra openai is not installed")
from bot.openai import ModelFailed, OpenAiBot

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.asyncio(loop_scope="module")]

ROOT: Final = Path(__file__).parents[2]
LITELLM: Final = ROOT / ".venv-litellm" / "bin" / "litellm"
VLLM: Final = ROOT / ".venv-vllm" / "bin" / "python"
CALL: Final = CallInfo("call-1")

MODELS: Final = """
model_list:
  - {model_name: mock, litellm_params: {model: openai/m, api_key: none, mock_response: "We are open from nine to six."}}
  - {model_name: limited, litellm_params: {model: openai/m, api_key: none, mock_response: "litellm.RateLimitError"}}
  - {model_name: broken, litellm_params: {model: openai/m, api_key: none, mock_response: "litellm.InternalServerError"}}
  - {model_name: ours, litellm_params: {model: openai/m, api_key: none, api_base: "URL"}}
"""

WEIGHTS: Final = """
import sys, torch
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM
torch.manual_seed(0)
words = AutoTokenizer.from_pretrained(sys.argv[1])
Qwen3ForCausalLM(Qwen3Config(
    vocab_size=-(-len(words) // 64) * 64, hidden_size=64, intermediate_size=128, num_hidden_layers=2, head_dim=32,
    num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=2048, eos_token_id=words.eos_token_id,
)).save_pretrained(sys.argv[2])
words.save_pretrained(sys.argv[2])
"""

TEMPLATE: Final = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)


class Shop(OpenAiBot):
    """Keeps which orders were looked up."""

    prompt = "Be the shop."
    first_token_s, between_tokens_s, total_s = 60, 60, 120

    def __init__(self) -> None:
        super().__init__()
        self.found: list[int] = []

    async def find_order(self, number: int) -> str:
        """Look up an order."""
        self.found.append(number)
        return "comes tomorrow"

    tools = (find_order,)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_BASE_URL",
        "BRIDGE_LLM_MODEL",
        "BRIDGE_LLM_PROMPT",
        "BRIDGE_LLM_FALLBACK_URL",
        "BRIDGE_LLM_MCP",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-any")


def shop(url: str, model: str, **says: object) -> Shop:
    return cast(Shop, type("OneShop", (Shop,), {"base_url": url, "model": model, **says})())


async def reply(bot: OpenAiBot, text: str) -> str:
    return "".join([str(piece) async for piece in bot.reply(Turn(CALL, text, "English"))])


@asynccontextmanager
async def served(*command: str, health: str, log: Path, env: Mapping[str, str]) -> AsyncIterator[None]:
    """Run a server until the end of the block; it must answer at `health` within five minutes."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=output, stderr=output, env={**os.environ, **env}
        )
    try:
        async with asyncio.timeout(300), aiohttp.ClientSession() as session:
            while True:
                assert process.returncode is None, log.read_text()[-3000:]  # noqa: ASYNC240 - nothing else runs
                try:
                    async with session.get(health) as response:
                        if response.status == 200:
                            break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.5)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


# ------------------------------------------------------------ litellm


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind() -> AsyncIterator[ChatServer]:
    """The server that the proxy asks."""
    async with ChatServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory, behind: ChatServer) -> AsyncIterator[str]:
    if not LITELLM.exists():
        pytest.skip("no litellm here: make tools-litellm")
    folder, port = tmp_path_factory.mktemp("litellm"), free_port()
    (folder / "models.yaml").write_text(MODELS.replace("URL", behind.url))
    # A price list is not fetched; a proxy for this machine alone has no key of its own.
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    flags = (
        "--config",
        str(folder / "models.yaml"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--telemetry",
        "False",
    )
    url = f"http://127.0.0.1:{port}"
    async with served(str(LITELLM), *flags, health=f"{url}/health/liveliness", log=folder / "log", env=env):
        yield f"{url}/v1"


async def test_an_answer_of_litellm_is_spoken_whole(proxy: str) -> None:
    assert await reply(shop(proxy, "mock"), "When are you open?") == "We are open from nine to six."


@pytest.mark.parametrize(("model", "why"), [("limited", "429"), ("broken", "500")])
async def test_what_litellm_refuses_goes_to_the_second_server(
    proxy: str, model: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await reply(shop(proxy, model, fallback_url=proxy, fallback_model="mock"), "Hello?") == (
        "We are open from nine to six."
    )
    assert f"Error code: {why}" in caplog.text and "asking mock" in caplog.text


async def test_tools_are_called_through_litellm(proxy: str, behind: ChatServer) -> None:
    calls = [("find_order", '{"number": 12}'), ("find_order", '{"number": 13}')]
    behind.rules = [("^user: ", Answer("Let me see. ", calls=calls)), ("^tool: ", Answer("Both come tomorrow."))]
    bot = shop(proxy, "ours")
    assert await reply(bot, "Where are 12 and 13?") == "Let me see. \nBoth come tomorrow."
    assert bot.found == [12, 13]


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.ERROR])
async def test_an_answer_that_breaks_behind_litellm_is_a_failure(proxy: str, behind: ChatServer, fault: Fault) -> None:
    behind.rules = [("", Answer("We are", fault=fault))]
    said = list[object]()
    with pytest.raises(ModelFailed, match="litellm"):
        async for piece in shop(proxy, "ours").reply(Turn(CALL, "When?", "English")):
            said.append(piece)
    assert "".join(map(str, said)) == "We are"


# ------------------------------------------------------------ vLLM


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vllm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    if not VLLM.exists():
        pytest.skip("no vLLM here: make test-vllm makes its environment")
    folder, port = tmp_path_factory.mktemp("vllm"), free_port()
    words = str(ROOT / "tests" / "data" / "tiny-qwen3-asr")
    made = await asyncio.to_thread(
        subprocess.run,
        [str(VLLM), "-c", WEIGHTS, words, str(folder / "tiny")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    (folder / "template.jinja").write_text(TEMPLATE)
    url = f"http://127.0.0.1:{port}"
    where = ("--host", "127.0.0.1", "--port", str(port), "--served-model-name", "tiny", "--model", str(folder / "tiny"))
    small = ("--enforce-eager", "--dtype", "float32", "--max-model-len", "1024", "--max-num-seqs", "4")
    talk = ("--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--tool-strict-level", "parameter")
    flags = (*where, *small, *talk, "--chat-template", str(folder / "template.jinja"))
    server = ("-m", "vllm.entrypoints.openai.api_server", *flags)
    env = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    async with served(str(VLLM), *server, health=f"{url}/health", log=folder / "log", env=env):
        yield f"{url}/v1"


OPTIONS: Final[Mapping[str, Any]] = {"temperature": 0.0, "max_tokens": 24}


@pytest.mark.parametrize("tools", [Shop.tools, ()], ids=["tools are offered", "no tools"])
async def test_a_stream_of_vllm_is_read_to_its_end(vllm: str, tools: tuple[object, ...]) -> None:
    bot = shop(vllm, "tiny", options=OPTIONS, tools=tools)
    first, again = await reply(bot, "Hi"), await reply(bot, "Hi")
    assert first.strip() and first == again, "a broken stream would raise, or end elsewhere"


class Lamps(OpenAiBot):
    """Keeps what was switched. Random weights call a tool where the server holds them to the grammar of a call."""

    prompt = "Switch the lamps."
    first_token_s, between_tokens_s, total_s = 60, 60, 120
    tool_rounds = 1  # behind it the tool's result is there, and the model may but speak

    def __init__(self) -> None:
        super().__init__()
        self.switched: list[tuple[str, bool]] = []

    async def switch(self, lamp: Literal["red", "green"], on: bool) -> str:
        """Switch a lamp."""
        self.switched.append((lamp, on))
        return "done"

    tools = (switch,)


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "switch"}}], ids=["any tool", "a named one"]
)
async def test_a_tool_that_vllm_s_model_calls_is_carried_out(vllm: str, choice: object) -> None:
    vocabulary = json.loads((ROOT / "tests/data/tiny-qwen3-asr/tokenizer.json").read_text())["model"]["vocab"]
    blank = {str(vocabulary[written]): -100 for written in "ĉĊčĠ"}  # random weights write blanks for ever
    more = {"tool_choice": choice, "parallel_tool_calls": False, "logit_bias": blank}
    options = {"temperature": 0.0, "max_tokens": 200, **more}
    bot = cast(Lamps, type("SomeLamps", (Lamps,), {"base_url": vllm, "model": "tiny", "options": options})())
    assert (await reply(bot, "The red one, please.")).strip(), "with the tool's result it says something"
    [(lamp, on)] = bot.switched
    assert lamp in {"red", "green"}
    assert isinstance(on, bool)


async def test_a_model_that_vllm_does_not_have_is_named(vllm: str) -> None:
    with pytest.raises(ModelFailed, match="404"):
        await reply(shop(vllm, "other"), "Hi")
