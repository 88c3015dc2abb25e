"""What a client may ask for when it wants a call placed."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.outbound.call_request import MOST_PARAMETERS, BadCallRequest, CallRequest, is_allowed, read, redirected_to

GERMANY = ("+49",)
PBX = ("sip:*@pbx.example.com",)


def refused(**body: object) -> str:
    with pytest.raises(BadCallRequest) as why:
        read({"to": "+4930123456", **body})
    return str(why.value)


def test_a_number_is_all_that_is_needed() -> None:
    assert read({"to": " +49 (30) 123-456 "}) == CallRequest(to="+4930123456")


def test_everything_that_may_be_said() -> None:
    body = {
        "to": "sip:alice@example.com:5070;transport=tls",
        "from": "+49 30 1",
        "wire": "sip",
        "parameters": {"name": "Anna ü"},
        "headers": {"X-Campaign": "7"},
    }
    assert read(body) == CallRequest(
        to="sip:alice@example.com:5070;transport=tls",
        caller="+49301",
        wire="sip",
        parameters={"name": "Anna ü"},
        headers={"X-Campaign": "7"},
    )


@pytest.mark.parametrize("nothing", [None, {}])
def test_what_is_null_or_empty_is_not_said(nothing: object) -> None:
    assert read({"to": "123", "from": None, "wire": None, "parameters": nothing, "headers": nothing}) == CallRequest(
        to="123"
    )


@pytest.mark.parametrize(
    "to",
    [
        *("", "alice", "+", "1", "+49\r\n30", "+49;ext=1", "0" * 40, "tel:+4930", "http://x", "sip:alice", "sip:@b"),
        *(
            "sip:a@b@c",
            "sip:a b@c",
            "sip:a@b\r\nX: y",
            "sip:a@b?Subject=x",
            "sip:a@b;maddr=c",
            "sip:a:pw@b",
            "<sip:a@b>",
        ),
        *("sip:a@b;transport=tls;x=y", "sip:a@b;transport=ws", "sip:a@b:port", "sip:ü@b", "+49\x0030"),
    ],
)
def test_who_is_neither_number_nor_address_is_refused(to: str) -> None:
    assert refused(to=to).startswith("field to: got ")


@pytest.mark.parametrize("to", [None, 4930123, ["+49"], {}])
def test_a_target_that_is_no_text_is_refused(to: object) -> None:
    assert refused(to=to).startswith("field to: ")


@pytest.mark.parametrize("body", [None, [], "x", 7, True])
def test_an_order_is_an_object(body: object) -> None:
    with pytest.raises(BadCallRequest, match="JSON object"):
        read(body)


def test_a_field_that_is_none_is_named() -> None:
    assert refused(form="+49") == "field 'form': there is none; allowed: to, from, wire, parameters, headers"


@pytest.mark.parametrize("caller", ["sip:me@x", "1", "+49\n30", "anonymous", "0" * 30])
def test_a_caller_is_a_number(caller: str) -> None:
    assert refused(**{"from": caller}).startswith("field from: got ")


@pytest.mark.parametrize("field", ["parameters", "headers"])
@pytest.mark.parametrize(
    "value",
    [[], "x", {"X-a": 1}, {"X-a": None}, {"": "x"}, {"X-a": "b\r\nRoute: c"}, {"X-a": "\ud800"}, {"X-a": "x" * 513}],
)
def test_parameters_and_headers_are_texts_on_one_line(field: str, value: object) -> None:
    assert refused(**{field: value}).startswith(f"field {field}")


def test_there_are_only_so_many_parameters() -> None:
    assert refused(parameters={f"p{number}": "" for number in range(MOST_PARAMETERS + 1)}).startswith(
        "field parameters"
    )


@pytest.mark.parametrize(
    "name",
    ["Route", "Contact", "from", "Via", "Call-ID", "Content-Type", "Authorization", "X-a: b", "X-a\r\nVia", "X-ü"],
)
def test_headers_that_are_the_stacks_own_or_none_are_refused(name: str) -> None:
    assert refused(headers={name: "x"}).startswith("field headers")


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_whatever_json_comes_it_is_an_order_or_a_reason(body: object) -> None:
    for wanted in (body, {"to": body}, {"to": "123", "parameters": body}, {"to": "123", "headers": body}):
        with suppress(BadCallRequest):
            assert isinstance(read(json.loads(json.dumps(wanted))), CallRequest)


# ---------------------------------------------------------------- who may be called


def test_nobody_may_be_called_until_somebody_says_so() -> None:
    assert not is_allowed("+4930123456", ())
    assert not is_allowed("sip:alice@pbx.example.com", ())


@pytest.mark.parametrize(("to", "allowed"), [("+4930123456", True), ("+4830123456", False), ("004930123", False)])
def test_a_number_may_be_called_by_how_it_begins(to: str, allowed: bool) -> None:
    assert is_allowed(to, GERMANY) is allowed


@pytest.mark.parametrize(
    ("to", "allowed"),
    [
        ("sip:alice@pbx.example.com", True),
        ("sip:Alice@PBX.example.com;transport=tls", True),
        ("sips:alice@pbx.example.com", False),
        ("sip:alice@pbx.example.com.evil.net", False),
        ("sip:alice@evil.net", False),
        ("sip:alice@pbx.example.com:5061", False),
        ("+4930123456", False),
    ],
)
def test_an_address_may_be_called_by_a_pattern_for_it(to: str, allowed: bool) -> None:
    assert is_allowed(to, PBX) is allowed


def test_a_number_in_an_address_is_an_address() -> None:
    assert not is_allowed("sip:+4930123456@evil.net", GERMANY)


def test_in_a_pattern_nothing_but_the_star_is_special() -> None:
    assert not is_allowed("sip:a@b", ("sip:?@b", "sip:[a]@b"))


@pytest.mark.parametrize(
    ("address", "to"),
    [
        ("<sip:desk@example.com>", "sip:desk@example.com"),
        ("sip:desk@example.com:5070;transport=tcp;x=y", "sip:desk@example.com:5070;transport=tcp"),
        ("<sip:desk@example.com;x=y>;q=1", "sip:desk@example.com"),
        ("<sip:desk@example.com?Replaces=1>", "sip:desk@example.com"),
        ('"<sip:a@b>" <sip:desk@example.com>', "sip:desk@example.com"),
        ("<sip:+4989123@PBX.example.com:5080;user=phone>", "+4989123"),
        ("<sip:+4989123@elsewhere.example.com>", "sip:+4989123@elsewhere.example.com"),
        ("<tel:+49-89-123>", "+4989123"),
    ],
)
def test_a_redirected_call_goes_to_a_number_of_the_trunk_or_to_an_address(address: str, to: str) -> None:
    assert redirected_to(address, "pbx.example.com") == to


@pytest.mark.parametrize("address", ["", "<<<", "sip:", "<http://x>", "<sip:a b@c>", "<sip:example.com>", "<tel:abc>"])
def test_a_redirection_to_nothing_that_can_be_called_says_so(address: str) -> None:
    with pytest.raises(BadCallRequest):
        redirected_to(address, "")
