"""The stack's own words about addresses are explained."""

import pytest

from bridge.legs.sip.media.advice import explained


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("ua: no laddr for 192.0.2.7\n", "--sip-host"),
        ("ua: address family AF_INET6 not supported", "--sip-host"),
        ("call: invite: something else", ""),
    ],
)
def test_a_line_that_names_no_option_gets_one_where_one_helps(line: str, option: str) -> None:
    told = explained(line)
    assert told.startswith(line.rstrip())
    assert ("--" in told) == bool(option)
    assert option in told
