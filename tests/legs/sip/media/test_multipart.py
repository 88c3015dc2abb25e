"""The SDP among the parts of a body: as gateways and emergency calls send it, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.legs.sip.media.multipart import MOST_PARTS, sdp_of

SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.3\r\ns=-\r\nc=IN IP4 10.0.0.3\r\nt=0 0\r\nm=audio 20580 RTP/AVP 0\r\n"


def body(*parts: tuple[bytes, bytes], boundary: bytes = b"bb", end: bytes = b"\r\n") -> bytes:
    made = b"".join(b"--" + boundary + end + head + end + end + content + end for head, content in parts)
    return made + b"--" + boundary + b"--" + end


ISUP = (
    b"Content-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal",
    b"\x01\x00\r\n--b\r\n\r\n\xff",
)
OFFER = (b"Content-Type: application/sdp", SDP)


@pytest.mark.parametrize(
    "given",
    [
        body(OFFER),
        body(OFFER, ISUP),
        body(ISUP, OFFER),
        body(ISUP, (b"content-id: <a>\r\ncontent-type : Application/SDP ; charset=utf-8", SDP)),
        body(ISUP, (b"c: application/sdp", SDP)),
        body((b"Content-Type:\r\n application/sdp", SDP)),
        body(ISUP, OFFER, boundary=b"=_unique-boundary (1)"),
        b"This is a message in several parts.\r\n" + body(ISUP, OFFER),
        b"\r\n" + body(ISUP, OFFER),
        body(ISUP, OFFER).removesuffix(b"--\r\n"),
        body(ISUP, OFFER).partition(b"--bb--")[0],
    ],
)
def test_the_sdp_is_found_whole(given: bytes) -> None:
    assert sdp_of(given) == SDP


def test_lines_that_end_as_on_unix_are_read() -> None:
    assert sdp_of(body((b"Content-Type: application/sdp", SDP.replace(b"\r\n", b"\n")), end=b"\n")) == (
        SDP.replace(b"\r\n", b"\n")[:-1] + b"\r\n"
    )


@pytest.mark.parametrize(
    "given",
    [
        b"",
        SDP,
        b"--",
        b"--\r\n--\r\n",
        body(ISUP),
        body((b"Content-Type: application/sdp", b"")),
        body((b"X: y", SDP)),
        b"--bb",
    ],
)
def test_what_holds_no_sdp_among_parts_is_left_alone(given: bytes) -> None:
    assert sdp_of(given) is None


def test_more_parts_than_a_telephone_sends_are_not_searched() -> None:
    assert sdp_of(body(*[ISUP] * MOST_PARTS, OFFER)) is None
    assert sdp_of(body(*[ISUP] * (MOST_PARTS - 1), OFFER)) == SDP


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b"--", b"bb", b"\r\n", b"\n", b"c: application/sdp", b"v=0"])).map(b"".join)
)
def test_whatever_it_is_what_is_found_is_shorter(given: bytes) -> None:
    found = sdp_of(given)
    assert found is None or len(found) <= len(given)
