import io
import json
import logging
import warnings as python_warnings
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import logs

log = logging.getLogger("bridge.test")


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def text() -> io.StringIO:
    logs.setup("INFO", json=False, stream=(stream := io.StringIO()))
    return stream


@pytest.fixture
def lines() -> io.StringIO:
    logs.setup("INFO", json=True, stream=(stream := io.StringIO()))
    return stream


def fail(message: str) -> None:
    try:
        raise ValueError(message)
    except ValueError:
        log.exception("it failed")


def test_a_line_has_time_level_logger_and_message(text: io.StringIO) -> None:
    log.warning("%d calls", 3)
    time, rest = text.getvalue().split(" ", 1)
    assert rest == "WARNING bridge.test 3 calls\n"
    assert len(time) == len("2026-01-31T12:00:00.000Z") and time.endswith("Z")


def test_lines_of_a_call_carry_its_id_and_others_do_not(text: io.StringIO) -> None:
    token = logs.call_id.set("CA12")
    log.info("in")
    logs.call_id.reset(token)
    log.info("out")
    within, without = text.getvalue().splitlines()
    assert within.endswith("bridge.test [CA12] in") and without.endswith("bridge.test out")


def test_the_level_decides_and_a_second_setup_replaces_the_first(text: io.StringIO) -> None:
    logs.setup("ERROR", json=False, stream=(second := io.StringIO()))
    log.warning("dropped")
    log.error("kept")
    assert text.getvalue() == "" and second.getvalue().count("\n") == 1


def test_a_traceback_follows_behind_bars(text: io.StringIO) -> None:
    fail("bad")
    head, *rest = text.getvalue().splitlines()
    assert head.endswith("ERROR bridge.test it failed")
    assert rest[0] == "  | Traceback (most recent call last):" and rest[-1] == "  | ValueError: bad"


def test_no_peer_can_forge_a_line(text: io.StringIO) -> None:
    forged = "2026-01-31T12:00:00.000Z INFO bridge.server all is well"
    log.info("from the peer: %s", f"x\r\n{forged}\u2028{forged}\x1b[2J\u202e")
    fail(f"x\n{forged}")
    assert not any(line.startswith("2026-01-31") for line in text.getvalue().splitlines())
    assert r"x\u000d\u000a2026" in text.getvalue() and r"\u001b[2J\u202e" in text.getvalue()
    assert f"  | {forged}" in text.getvalue()


def test_a_call_id_cannot_forge_a_line_either(text: io.StringIO) -> None:
    token = logs.call_id.set("CA\nforged")
    log.info("hello")
    logs.call_id.reset(token)
    assert text.getvalue().count("\n") == 1


def test_text_of_any_script_stays_as_it_is(text: io.StringIO) -> None:
    log.info("नमस्ते, क्‍या — 你好 🎧")
    assert text.getvalue().endswith("नमस्ते, क्‍या — 你好 🎧\n")


def test_json_has_one_object_a_line(lines: io.StringIO) -> None:
    token = logs.call_id.set("CA12")
    log.info("नमस्ते\n%s", "x")
    logs.call_id.reset(token)
    fail("bad")
    first, second = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (first["level"], first["logger"], first["call_id"]) == ("INFO", "bridge.test", "CA12")
    assert first["message"] == "नमस्ते\nx" and "नमस्ते" in lines.getvalue()
    assert "traceback" not in first and "call_id" not in second
    assert second["traceback"].endswith("ValueError: bad")


def test_pythons_warnings_are_logged(text: io.StringIO) -> None:
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("always")
        python_warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "WARNING py.warnings" in text.getvalue() and text.getvalue().count("\n") == 1


def test_a_stack_is_shown_where_it_is_asked_for(text: io.StringIO) -> None:
    log.info("here", stack_info=True)
    assert "\n  | Stack (most recent call last):\n" in text.getvalue()


@given(st.text(st.characters(codec=None)))
def test_whatever_is_logged_is_one_line_that_can_be_encoded(message: str) -> None:
    record = logging.LogRecord("bridge", logging.INFO, "", 0, "%s", (message,), None)
    for formatter in (logs.TextLines(), logs.JsonLines()):
        line = formatter.format(record)
        assert len(line.splitlines()) == 1 and line.encode()
    assert json.loads(logs.JsonLines().format(record))["message"] == message
