"""What the documents tell people to type: Python runs, commands and files are understood, what installs is there."""

import argparse
import ast
import builtins
import hashlib
import hmac
import json
import re
import shlex
import tomllib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bot
from bot import ActionFailed, CallInfo, Collect, Hangup, Transfer, Turn, installing
from bot.webhook.requests import signature
from bridge.cli import COMMANDS, main
from bridge.settings.tokens import read_tokens
from bridge.speech.voices.profile import read_profiles

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
THEIRS = {"database", "key"}
"""Names in examples that stand for what is the reader's."""
CALL = CallInfo("call-1")


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(language: str | None = None) -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text()
        for found in re.finditer(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            if language in (None, found[1]):
                yield Block(page.name, text[: found.start()].count("\n") + 1, found[1], found[2])


def commands() -> Iterator[tuple[str, str]]:
    """Yield (where, command) of each line in a block, and each quoted one, that begins as a command of ours does."""
    begins = re.compile(r"^(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?(bridge|make|pip|python|curl|docker)\s")
    for block in blocks():
        lines = re.sub(r"\\\n\s*", "", block.text).splitlines()
        yield from ((str(block), line) for line in lines if begins.match(line))
    for page in PAGES:
        outside = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for quoted in re.findall(r"(?<!`)`([^`]+)`(?!`)", outside):
            if begins.match(line := " ".join(quoted.split())):
                yield page.name, line


# ------------------------------------------------------------ Python


PYTHON = list(blocks("python"))


def _tree(block: Block) -> ast.Module:
    """Parse a block; a part of a function is put into one."""
    try:
        return ast.parse(block.text)
    except SyntaxError:
        inside = "".join(f"    {line}\n" for line in block.text.splitlines())
        return ast.parse(f"async def reply():\n{inside}")


def _bound(tree: ast.AST) -> set[str]:
    names = set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.arg():
                names.add(node.arg)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return names


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_names_only_what_there_is(block: Block) -> None:
    """A page may go on from what it imported above; the first page, which people type, may not."""
    tree = _tree(block)
    known = set(dir(builtins)) | _bound(tree)
    if block.page != "README.md":
        known |= THEIRS | set(bot.__all__) | {"asyncio", "hmac", "hashlib"}
        for earlier in PYTHON:
            if earlier.page == block.page and earlier.line < block.line:
                known |= _bound(_tree(earlier))
        known |= set(re.findall(r"from bot\.openai import (\w+)", (ROOT / "docs" / block.page).read_text()))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert used <= known


def run_block(page: str, sign: str, **given: object) -> dict[str, Any]:
    """Run the one block of `page` that has `sign` in it; return the names it made."""
    [block] = [block for block in PYTHON if block.page == page and sign in block.text]
    names: dict[str, Any] = {"__name__": "example", **given}
    exec(compile("from __future__ import annotations\n" + block.text, str(block), "exec"), names)
    return names


async def said(reply: AsyncIterator[object]) -> list[object]:
    return [piece async for piece in reply]


async def test_the_bot_of_the_first_page_talks_as_it_is_typed() -> None:
    mine = run_block("README.md", "mybot.py")["MyBot"]()
    assert await said(mine.on_call(CALL)) == ["Hello! How can I help?"]
    answer = "".join(map(str, await said(mine.reply(Turn(CALL, "Two pizzas, please", "English")))))
    assert answer == "You said Two pizzas, please. That is 3 words."


async def test_the_bot_that_asks_for_keys_and_puts_through() -> None:
    names = run_block("bots.md", "Collect(digits=6)", Transfer=Transfer, Hangup=Hangup, Collect=Collect)

    async def answers(text: str, keys: str | None = None) -> list[object]:
        return await said(names["reply"](None, Turn(CALL, text, "English", keys=keys)))

    assert (await answers("I want a human"))[-1] == Transfer("+4930123456")
    assert (await answers("Bye, bye"))[-1] == Hangup()
    assert (await answers("Where is it?"))[-1] == Collect(digits=6)
    assert await answers("", "123") == ["Order 123 is on its way."]


async def test_a_transfer_that_fails_is_caught_where_it_was_yielded() -> None:
    block = next(block for block in PYTHON if "except ActionFailed" in block.text)
    names: dict[str, Any] = {"Transfer": Transfer, "ActionFailed": ActionFailed}
    inside = "".join(f"    {line}\n" for line in block.text.splitlines())
    exec(f"async def reply():\n{inside}", names)
    reply = names["reply"]()
    assert await anext(reply) == Transfer("+4930123456")
    assert await reply.athrow(ActionFailed("busy")) == "Nobody is free right now. Shall we call you back?"


async def test_the_model_with_a_tool_is_made_and_its_tool_described(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai", reason=installing.extra("openai"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    names = run_block("bots.md", "def find_order")
    assert "Printed on the receipt" in json.dumps(names["Shop"]()._tools), "what a model is told"


async def test_a_bot_that_is_told_of_the_end_says_so() -> None:
    names = run_block("operations.md", "on_drain", Bot=bot.Bot, Hangup=Hangup)
    assert (await said(names["MyBot"]().on_cue()))[-1] == Hangup("the server drains")


def test_the_denoiser_gives_back_as_many_samples_as_it_got() -> None:
    hum = run_block("denoising.md", "class HumFilter")["HumFilter"]()
    t = np.arange(16_000) / 16_000
    quiet, loud = (np.abs(hum(np.sin(2 * np.pi * hz * t).astype(np.float32))[8000:]).max() for hz in (20, 1000))
    assert quiet < 0.3 and loud > 0.9


def test_the_signature_that_the_page_checks_is_the_one_we_send() -> None:
    check = run_block("webhook.md", "def from_the_bridge", hmac=hmac, hashlib=hashlib)["from_the_bridge"]
    headers = {"X-Bridge-Timestamp": "1700000000", "X-Bridge-Signature": signature("secret", "1700000000", b"{}")}
    assert check(headers, b"{}", "secret", 1700000100.0)
    assert not check(headers, b"{}", "secret", 1700000400.0) and not check(headers, b"[]", "secret", 1700000000.0)


# ------------------------------------------------------------ files and commands


@pytest.mark.parametrize("block", list(blocks("toml")), ids=str)
def test_a_file_of_options_is_understood(block: Block, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "--tts-profiles" in block.text:  # tables of voices: a file of their own
        (tmp_path / "voices.toml").write_text(block.text)
        assert read_profiles(tmp_path / "voices.toml")
        return
    if block.text.startswith("[[token]]"):
        (tmp_path / "tokens.toml").write_text(block.text)
        assert read_tokens(tmp_path / "tokens.toml")
        return
    (tmp_path / "bridge.toml").write_text(block.text)
    assert main(["config", "--config", str(tmp_path / "bridge.toml")]) == 0, capsys.readouterr().err


def _ours(command: str) -> list[str]:
    """Return the arguments of a `bridge` command as a shell would; of `make serve`, those that it passes on."""
    words = shlex.split(command, comments=True)
    words = words[next(n for n, word in enumerate(words) if word.rpartition("/")[2] in {"bridge", "make"}) :]
    if words[0] == "make":
        given = [word.removeprefix("ARGS=") for word in words[2:] if word.startswith("ARGS=")]
        words = ["bridge", "serve", *shlex.split(" ".join(given))]
    return words[1 : next((n for n, word in enumerate(words) if word in {"|", ">", "&&", ";"}), None)]


BRIDGE = sorted(
    {line for _, line in commands() if re.match(r"\S*\s?(\.venv/bin/)?bridge |make serve", line)}
    | {line for _, line in commands() if line.startswith(("bridge ", ".venv/bin/bridge "))}
)


@pytest.mark.parametrize("command", BRIDGE)
def test_a_command_of_ours_is_understood(command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = _ours(command)
    if not arguments or arguments[0] not in COMMANDS:
        pytest.fail(f"{command}: no command of ours; {', '.join(COMMANDS)}")
    if arguments[0] in {"serve", "doctor", "config"}:
        _check_options(arguments[1:])
    else:
        _check_flags(arguments)


def _check_options(arguments: list[str]) -> None:
    from bridge.settings import add_flags

    parser = argparse.ArgumentParser(exit_on_error=False)
    add_flags(parser)
    _, unknown = parser.parse_known_args([each for each in arguments if not each.startswith("--help")])
    assert set(unknown) <= {"..."}  # what is the reader's to fill in


def _check_flags(arguments: list[str]) -> None:
    from bridge.cli import _parser

    told = [] if len(arguments) > 1 or arguments[0] in {"asr-pool", "models", "voices"} else ["x"]
    _parser(arguments).parse_args([*arguments, *told, *(["x"] if arguments[-1] == "fetch" else [])])


def test_there_are_commands_to_check() -> None:
    assert len(BRIDGE) > 15


def test_targets_of_make_are_there() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {shlex.split(line, comments=True)[1] for _, line in commands() if line.startswith("make ")}
    assert named and named <= targets


# ------------------------------------------------------------ what installs


INSTALLS = re.compile(r"pip3? install ((?:-[\w-]+ )*)(\x27[^\x27]*\x27|[^\s`\x22);,]+)")
FROM_AN_INDEX = {"sounddevice", "huggingface-hub", "transformers", "it"}
"""Packages of others that are named; "it" is in no error of ours but in tests."""


def installs(text: str) -> Iterator[tuple[str, str]]:
    for found in INSTALLS.finditer(text):
        yield found[1].strip(), found[2].strip("'\"")


def test_what_is_to_be_installed_can_be_from_a_checkout() -> None:
    """The package is in no index: only the checkout has it, and its extras are those of pyproject.toml."""
    extras = PROJECT["project"]["optional-dependencies"]
    sources = [path for room in ("bridge", "bot", "telephony", "examples") for path in (ROOT / room).rglob("*.py")]
    seen = 0
    for path in [*PAGES, *sources]:
        if path.name == "installing.py":
            continue
        text = path.read_text()
        assert "voice-bridge[" not in text, path
        for options, what in installs(text):
            seen += 1
            if what.startswith("."):
                assert options == "-e" and path.suffix == ".md", (path, what)
                assert set(what.strip(".[]").split(",")) <= set(extras), (path, what)
            else:
                assert what.partition("=")[0] in FROM_AN_INDEX, (path, what)
    assert seen > 8


def test_extras_of_make_serve_are_those_there_are() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    named = [name for _, line in commands() for name in re.findall(r"EXTRAS=(\S+)", line)]
    assert named and all(set(each.split(",")) <= set(extras) for each in named)


@pytest.mark.parametrize(
    ("names", "cwd", "command"),
    [
        (("sip",), ROOT, r"\S+/pip install -e '\.\[sip\]'"),
        (("sip", "mp3"), ROOT, r"\S+/pip install -e '\.\[sip,mp3\]'"),
        ((), ROOT, r"\S+/pip install -e '\.'"),
        (("sip",), Path("/"), rf"\S+/pip install -e '{re.escape(str(ROOT).lstrip('/'))}\[sip\]'"),
        (("sip",), ROOT / "docs", rf"\S+/pip install -e '{re.escape(str(ROOT))}\[sip\]'"),
    ],
)
def test_an_error_names_the_environment_and_the_checkout_that_run(
    names: tuple[str, ...], cwd: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cwd)
    assert re.fullmatch(command, installing.extra(*names))


def test_where_there_is_no_checkout_an_error_says_that_one_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "_CHECKOUT", tmp_path)
    assert installing.extra("sip").endswith("pip install '.[sip]' in a checkout of voice-bridge")
    assert installing.package("x==1").endswith("pip install 'x==1'")


def test_an_environment_without_pip_of_its_own_is_named_by_its_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert " -m pip install -e " in installing.extra("sip")
