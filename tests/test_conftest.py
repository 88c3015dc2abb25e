"""The net that catches blocking calls has no holes where we look, and reports get through."""

import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from schedule import LONGEST_FIRST, SHARE_NOTHING


def ours(code: str) -> Callable[[], Coroutine[None, None, None]]:
    """Return the function `f` of `code`, compiled as if it stood in a module of bridge."""
    namespace: dict[str, Callable[[], Coroutine[None, None, None]]] = {}
    exec(code, {"__name__": "bridge.example"}, namespace)
    return namespace["f"]


@pytest.mark.parametrize(
    "code",
    [
        "open('/dev/null').close()",
        "__import__('socket').getaddrinfo('localhost', 80)",
        "__import__('subprocess').run(['true'], check=True)",
        "(lambda: open('/dev/null').close())()",
    ],
)
async def test_a_coroutine_of_ours_must_not_block(code: str) -> None:
    with pytest.raises(BaseException, match="on the event loop"):
        await ours(f"async def f(): {code}")()


async def test_in_a_thread_it_may() -> None:
    await ours("async def f(): await __import__('asyncio').to_thread(lambda: open('/dev/null').close())")()


async def test_it_may_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_for_the_first_time.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    await ours("async def f(): import imported_for_the_first_time")()


async def test_what_a_test_calls_itself_is_its_affair() -> None:
    subprocess.run(["true"], check=True)  # noqa: ASYNC221 - that is the point


def test_outside_the_loop_everything_goes() -> None:
    with pytest.raises(StopIteration):
        ours("async def f(): open('/dev/null').close()")().send(None)


def test_what_was_logged_can_be_sent_to_another_process(request: pytest.FixtureRequest) -> None:
    report = pytest.TestReport("test_x", ("x.py", 1, "x"), {}, "passed", None, "call", [("log", "from \udcff")])
    data = request.config.hook.pytest_report_to_serializable(config=request.config, report=report)
    assert data["sections"] == [("log", "from \\udcff")]


def test_files_that_are_scheduled_by_name_are_there_and_those_that_share_nothing_have_no_fixtures_of_their_own() -> (
    None
):
    folder = Path(__file__).parent / "integration"
    texts = {name: (folder / f"test_{name}.py").read_text("utf-8") for name in (*LONGEST_FIRST, *SHARE_NOTHING)}
    assert [name for name in SHARE_NOTHING if "fixture" in texts[name]] == []
