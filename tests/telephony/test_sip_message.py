import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.sip_message import LONGEST_MESSAGE, MOST_HEADERS, NoMessage, parse

WHOLE = (
    b"INVITE sip:bot@host SIP/2.0\r\nf: <sip:a@b>;tag=1\r\nTo: <sip:bot@host>\r\n"
    b"Diversion: <sip:c@d>,\r\n <sip:e@f>\r\ndiversion: <sip:g@h>\r\n"
    b"c: application/SDP;x=y\r\nl: 3\r\n\r\nv=0 and what follows"
)


def test_a_request_is_taken_apart() -> None:
    message = parse(WHOLE)
    assert (message.method, message.uri, message.status) == ("INVITE", "sip:bot@host", 0)
    assert message.first("from") == "<sip:a@b>;tag=1"
    assert message.all("diversion") == ["<sip:c@d>, <sip:e@f>", "<sip:g@h>"]
    assert message.first("subject") == ""
    assert (message.content_type, message.body) == ("application/sdp", b"v=0")


def test_a_response_has_a_status_and_lines_may_end_with_lf_alone() -> None:
    message = parse(b"SIP/2.0 302 Moved\nContact: <sip:x@y>\n\nbody")
    assert (message.status, message.method, message.first("contact"), message.body) == (302, "", "<sip:x@y>", b"body")


def test_controls_and_bytes_that_are_no_text_do_not_get_through() -> None:
    message = parse('INFO sip:a SIP/2.0\r\nFrom: "a\x00\x1b[2J\u202eb" <sip:c@d>\r\nX: '.encode() + b"\xff\xfe\r\n\r\n")
    assert message.first("from") == '"a\ufffd\ufffd[2J\ufffdb" <sip:c@d>'
    assert message.first("x") == "\ufffd\ufffd"


def test_a_tab_is_a_blank_and_a_line_that_begins_with_one_goes_on() -> None:
    message = parse(b'INFO sip:a SIP/2.0\r\nFrom: "a\tb"\r\n\t<sip:c@d>\r\n\r\n')
    assert message.first("from") == '"a b" <sip:c@d>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"INVITE sip:a",
        b"INVITE  SIP/2.0\r\n\r\n",
        b"INVITE sip:a HTTP/1.1\r\n\r\n",
        b"SIP/2.0 abc OK\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\nno header\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\n" + b"a: b\r\n" * (MOST_HEADERS + 1) + b"\r\n",
        b"INVITE sip:a SIP/2.0\r\nA: " + b"x" * LONGEST_MESSAGE + b"\r\n\r\n",
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(NoMessage):
        parse(data)


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda tail: WHOLE[:-20] + tail))
def test_any_bytes_are_a_message_or_none(data: bytes) -> None:
    try:
        message = parse(data)
    except NoMessage:
        return
    assert all(text.isprintable() or "\t" in text for header in message.headers for text in header)
    assert len(message.body) <= len(data)


def test_a_long_message_takes_no_longer_than_its_length() -> None:
    data = b"INVITE sip:a SIP/2.0\r\nFrom: " + b'"\\' * 32_000 + b"\r\n\r\n"
    begun_s = time.process_time()
    parse(data)
    assert time.process_time() - begun_s < 0.5
