import io
import json
import logging
import warnings as python_warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import logs
from bridge.redaction.redactor import Redactor

log = logging.getLogger("bridge.test")


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


def test_a_line_of_a_traced_call_names_its_trace_and_others_have_no_such_field(lines: io.StringIO) -> None:
    token = logs.trace_id.set("ab" * 16)
    log.info("traced")
    logs.trace_id.reset(token)
    log.info("not traced")
    first, second = map(json.loads, lines.getvalue().splitlines())
    assert first["trace_id"] == "ab" * 16
    assert "trace_id" not in second


# ---------------------------------------------------------------- bounds and secrets


def test_what_a_peer_sends_is_cut(text: io.StringIO, lines: io.StringIO) -> None:
    for json_too in (False, True):
        logs.setup("INFO", json=json_too, stream=(stream := io.StringIO()))
        token = logs.call_id.set("CA" + "1" * 60_000)
        log.info("call from %s to %s", "1" * 60_000, "2" * 60_000)
        log.info("raised: %s", ValueError("x" * 60_000))
        log.info("%r %d", {"a": "y" * 60_000}, 3)
        logs.call_id.reset(token)
        fail("z" * 60_000)
        assert all(len(line) < 6000 for line in stream.getvalue().splitlines())
        assert "1... (60000 characters)" in stream.getvalue()
        assert " to 222" in stream.getvalue(), "one long value takes no room from the next"


def test_a_traceback_without_end_is_cut_in_its_middle(text: io.StringIO) -> None:
    fail("first\n" + "line\n" * 10_000 + "last")
    told = text.getvalue().splitlines()
    assert len(told) < 250
    assert told[1].endswith("Traceback (most recent call last):") and told[-1].endswith("last")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:s3cret@host/path", "https://me:********@host/path"),
        ("https://s3cret@host", "https://********@host"),
        ("https://me:s3c@re:t@host", "https://me:********@host"),
        ("wss://:s3cret@host", "wss://:********@host"),
        ("sip:me:s3cret@host;transport=tls", "sip:me:********@host;transport=tls"),
        ("sip:me@host:5060", "sip:me@host:5060"),
        ("https://host/x?api_key=s3cret&y=1", "https://host/x?api_key=********&y=1"),
        ("https://host/x?y=1&Token=s3cret", "https://host/x?y=1&Token=********"),
        ("https://host:8443/a@b", "https://host:8443/a@b"),
        ("me@example.com, 12:30", "me@example.com, 12:30"),
    ],
)
def test_secrets_in_urls_are_masked_in_messages_arguments_and_tracebacks(
    text: io.StringIO, url: str, shown: str
) -> None:
    log.info("%s", url)
    log.info(url)
    log.info("of %s", ValueError(url))
    fail(url)
    assert text.getvalue().count(shown) == 4
    assert "s3c" not in text.getvalue()


def test_a_password_is_not_cut_in_two(text: io.StringIO) -> None:
    log.info("%s", "x" * 990 + "https://me:s3cret@host")
    assert "s3c" not in text.getvalue()


@given(st.text(st.characters(codec=None)))
def test_what_was_masked_is_masked_once(message: str) -> None:
    assert logs.masked(logs.masked(message)) == logs.masked(message)


def test_what_is_redacted_is_in_no_line_and_times_and_call_ids_stay() -> None:
    for json_lines in (False, True):
        logs.setup("INFO", json=json_lines, stream=(stream := io.StringIO()), redact=Redactor(["phones"]).text)
        try:
            raise ValueError("+49 170 1234567")
        except ValueError:
            logging.getLogger("bridge").exception("call from %s", "+491701234567")
        assert "1234567" not in stream.getvalue()
        assert "call from [phone]" in stream.getvalue()
        assert stream.getvalue().count("[phone]") >= 2


def test_numbers_at_the_edges_of_what_a_caller_said_are_in_no_line_where_cards_are_taken_out() -> None:
    redactor = Redactor(["cards"])
    logs.setup("INFO", json=False, stream=(stream := io.StringIO()), redact=redactor.text, redact_said=redactor.said)
    log.info("caller said: '%s' in %d ms", logs.CallerWords("My card is 4111 one one, and then"), 1234)
    log.info("caller said: '%s'", logs.CallerWords("okay, 11 eleven; I need 3 of them by May"))
    log.info("caller said: '%s'", logs.CallerWords("4111 1111 1111 1111, for 2 people"))
    told = [line.partition("test ")[2] for line in stream.getvalue().splitlines()]
    assert told == [
        "caller said: 'My card is [digits], and then' in 1234 ms",
        "caller said: 'okay, [digits]; I need 3 of them by May'",
        "caller said: '[card], for 2 people'",
    ]
