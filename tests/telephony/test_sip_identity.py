from collections.abc import Mapping

import pytest

from telephony.sip_identity import identity_of, who
from telephony.sip_message import SipMessage


def invite(*headers: tuple[str, str], uri: str = "sip:bot@bridge", caller: str = "<sip:+4930@pbx>;tag=1") -> SipMessage:
    return SipMessage("INVITE", uri, 0, [("from", caller), ("to", "<sip:bot@bridge>"), *headers], b"")


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ([], {}),
        ([("p-asserted-identity", '"Anna" <sip:+4931@pbx>')], {"caller_name": "Anna", "asserted_identity": "+4931"}),
        ([("p-asserted-identity", "<sip:anna@pbx>, <tel:+4931>")], {"asserted_identity": "+4931"}),
        ([("p-asserted-identity", "<sip:a@pbx>"), ("p-asserted-identity", "<tel:+49>")], {"asserted_identity": "+49"}),
        ([("remote-party-id", "<sip:+4931@pbx>;party=calling;screen=yes")], {"asserted_identity": "+4931"}),
        ([("remote-party-id", "<sip:+4931@pbx>;party=called")], {}),
        (
            [("remote-party-id", "<sip:+4931@pbx>"), ("p-asserted-identity", "<sip:+4932@pbx>")],
            {"asserted_identity": "+4932"},
        ),
        (
            [("diversion", "<sip:+4940@pbx>;reason=user-busy, <sip:+4941@pbx>;reason=no-answer")],
            {"forwarded_from": "+4940", "forward_reason": "user-busy"},
        ),
        (
            [("history-info", "<sip:+4940@pbx?Reason=SIP%3Bcause%3D302>;index=1, <sip:bot@bridge>;index=1.1")],
            {"forwarded_from": "+4940"},
        ),
        ([("history-info", "<sip:bot@bridge>;index=1")], {}),
        ([("privacy", "id;critical")], {"privacy": "id;critical"}),
        (
            [("p-asserted-identity", '"<sip:+49110@bank>" <sip:+4931@pbx>')],
            {"caller_name": "<sip:+49110@bank>", "asserted_identity": "+4931"},
        ),
        ([("p-asserted-identity", "<<<"), ("diversion", '"'), ("history-info", ",,,"), ("remote-party-id", "x")], {}),
        ([("diversion", "<sip:a@b>," * 10_000)], {"forwarded_from": "a"}),
    ],
)
def test_what_the_headers_of_a_trusted_peer_mean(headers: list[tuple[str, str]], told: Mapping[str, str]) -> None:
    identity = identity_of(invite(*headers))
    assert (identity.caller, identity.callee) == ("+4930", "bot")
    assert identity.parameters == told


def test_a_peer_that_is_not_trusted_vouches_for_nobody() -> None:
    headers = [("p-asserted-identity", "<sip:+4931@pbx>"), ("diversion", "<sip:+4940@pbx>"), ("privacy", "id")]
    assert identity_of(invite(*headers), trusted=False).parameters == {"privacy": "id"}


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("sip:+49309999@bridge", {"request_uri": "+49309999"}),
        ("tel:+49-309999", {"request_uri": "+49309999"}),
        ("sip:bot@10.0.0.1", {}),
        ("sip:10.0.0.1", {}),
        ("*", {}),
    ],
)
def test_the_number_in_the_request_is_told_where_it_is_another(uri: str, told: Mapping[str, str]) -> None:
    assert identity_of(invite(uri=uri)).parameters == told


@pytest.mark.parametrize("broken", ["", "<", '"<sip:+49110@bank>"', "\ufffd", "<sip:@>"])
def test_a_caller_that_cannot_be_read_is_nobody(broken: str) -> None:
    assert identity_of(invite(caller=broken)).caller == ""
    assert who(broken) == ""


def test_a_request_without_to_is_for_whom_its_uri_names() -> None:
    message = SipMessage("INVITE", "sip:+4999@bridge", 0, [("from", "<sip:a@b>")], b"")
    assert identity_of(message).callee == "+4999"
