import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.sip_address import LONGEST_NAME, NoAddress, parse, parse_uri, split


@pytest.mark.parametrize(
    ("text", "user", "host", "name"),
    [
        ("<sip:+4930@pbx:5070;transport=tcp>;tag=1", "+4930", "pbx:5070", ""),
        ("sip:alice@host;tag=1", "alice", "host", ""),
        ("Bob <sips:bob@[2001:db8::1]:5061>", "bob", "[2001:db8::1]:5061", "Bob"),
        ("Jürgen Groß <sip:j@h>", "j", "h", "Jürgen Groß"),
        ("<sip:host>", "", "host", ""),
        ("<tel:+49-30-(12).3;phone-context=+49>", "+4930123", "", ""),
        ("tel:110", "110", "", ""),
        ("<SIP:+4930;npdi=yes;rn=+49@h;user=phone>", "+4930", "h", ""),
        ("<sip:a:secret@h>", "a", "h", ""),
        ("<sip:a%20b%40c@h>", "a b@c", "h", ""),
        # What is quoted is a name, whatever it looks like.
        ('"<sip:+49110@bank.example>" <sip:+4930@h>', "+4930", "h", "<sip:+49110@bank.example>"),
        ('"a \\" <sip:x@y>" <sip:+4930@h>', "+4930", "h", 'a " <sip:x@y>'),
        ('"a\\\\" <sip:+4930@h>', "+4930", "h", "a\\"),
        ('"a" "<sip:x@y>" <sip:+4930@h>', "+4930", "h", 'a" "<sip:x@y>'),
        ('"sip:+49110@bank" <sip:+4930@h>', "+4930", "h", "sip:+49110@bank"),
        # A gateway that cuts names cuts their quotes, too.
        ('"Anna Somebody-With-A-Lo <sip:+4930@h>;tag=1', "+4930", "h", "Anna Somebody-With-A-Lo"),
        ('"<sip:+49110@bank.example> <sip:+4930@h>', "+4930", "h", "<sip:+49110@bank.example>"),
        # What an escape stands for ends no line.
        ("<sip:a%0d%0aVia:x@h>", "a\ufffd\ufffdVia", "h", ""),
    ],
)
def test_an_address_has_a_user_a_host_and_a_name(text: str, user: str, host: str, name: str) -> None:
    found = parse(text)
    assert (found.user, found.host, found.name) == (user, host, name)


def test_parameters_are_those_behind_the_brackets() -> None:
    assert parse('<sip:a@h;x=1>;Reason="no-answer";privacy').parameters == {"reason": "no-answer", "privacy": ""}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "<<<<",
        '"',
        '"<sip:a@b>"',
        "<sip:a@b",
        "alice",
        "<http://a@b>",
        "<urn:service:sos>",
        "<sip:>",
        "<sip:a@>",
        '<sip:"a"@b>',
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(NoAddress):
        parse(text)


def test_a_uri_of_a_request_line_is_an_address() -> None:
    assert parse_uri("sip:+49309999@10.0.0.1:5060;transport=udp").user == "+49309999"
    with pytest.raises(NoAddress):
        parse_uri("*")


def test_a_name_is_cut_and_not_refused() -> None:
    assert len(parse(f'"{"x" * 60_000}" <sip:a@b>').name) == LONGEST_NAME


def test_commas_part_values_unless_they_are_quoted_or_inside_brackets() -> None:
    assert split('"a, b" <sip:c,d@e>;x="f,g", <sip:h@i> , j') == ['"a, b" <sip:c,d@e>;x="f,g"', "<sip:h@i>", "j"]


@pytest.mark.parametrize(
    "text", ["<" * 65_000, '"' * 65_000, '"\\' * 32_000, "a," * 32_000, '"<' * 32_000, ";" * 65_000]
)
def test_time_grows_with_the_length_alone(text: str) -> None:
    begun_s = time.process_time()
    split(text)
    for whole in (text, f"{text} <sip:a@b>", f"<sip:a@b>{text}"):
        try:
            parse(whole)
        except NoAddress:
            continue
    assert time.process_time() - begun_s < 1.0


@given(st.text(alphabet='<>@:;=%,\\ "sipab0', max_size=60) | st.text(max_size=40))
def test_any_text_is_an_address_or_none(text: str) -> None:
    assert sum(map(len, split(text))) <= len(text)
    try:
        found = parse(text)
    except NoAddress:
        return
    assert found.who
    assert not set(found.host) & set('<>" \t')


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=30))
def test_no_quoted_name_is_ever_the_address(name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    found = parse(f'"{quoted}" <sip:+4930@pbx>;tag=1')
    assert (found.user, found.host, found.name) == ("+4930", "pbx", name.strip())
