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


@pytest.mark.parametrize(
    ("caller", "headers", "told"),
    [
        ("<sip:+4930@pbx>", ["<sip:+4930;verstat=TN-Validation-Passed@pbx;user=phone>"], "TN-Validation-Passed"),
        ("<sip:+4930@pbx>", ["<tel:+4930;verstat=TN-Validation-Passed-B>"], "TN-Validation-Passed-B"),
        ("<sip:+4930@pbx>", ["<sip:+4930@pbx;verstat=tn-validation-failed>"], "TN-Validation-Failed"),
        ("<sip:+4930@pbx>", ["<sip:+4930@pbx>;verstat=No-TN-Validation"], "No-TN-Validation"),
        ("<tel:+4930;verstat=TN-Validation-Passed>;tag=1", [], "TN-Validation-Passed"),
        (
            "<tel:+4930;verstat=TN-Validation-Passed>;tag=1",
            ["<tel:+4930;verstat=TN-Validation-Failed>"],
            "TN-Validation-Failed",
        ),
        ('"verstat=TN-Validation-Passed" <sip:+4930@pbx>;tag=1', [], None),
        ("<sip:+4930@pbx?x=;verstat=TN-Validation-Passed>", [], None),
        ("<sip:+4930;verstat=TN-Validation-Passed\u00e9@pbx>", [], None),
        ("<sip:+4930;verstat=@pbx;verstat>", ["<<<", ";verstat=TN-Validation-Passed"], None),
    ],
)
def test_what_the_network_says_of_its_check_of_the_number_is_told(
    caller: str, headers: list[str], told: str | None
) -> None:
    message = invite(*(("p-asserted-identity", header) for header in headers), caller=caller)
    assert identity_of(message).parameters.get("stir_verstat") == told
    assert "stir_verstat" not in identity_of(message, trusted=False).parameters


@pytest.mark.parametrize(
    ("verstat", "level", "told"),
    [
        ("TN-Validation-Passed", "A", "TN-Validation-Passed-A"),
        ("TN-Validation-Passed", " b", "TN-Validation-Passed-B"),
        ("TN-Validation-Passed-C", "A", "TN-Validation-Passed-C"),
        ("TN-Validation-Passed", "Z", "TN-Validation-Passed"),
        ("TN-Validation-Failed", "A", "TN-Validation-Failed"),
        ("No-TN-Validation", "A", "No-TN-Validation"),
    ],
)
def test_the_level_of_attestation_stands_behind_a_check_that_was_passed(verstat: str, level: str, told: str) -> None:
    headers = [("p-asserted-identity", f"<sip:+4930;verstat={verstat}@pbx>"), ("p-attestation-indicator", level)]
    assert identity_of(invite(*headers)).parameters["stir_verstat"] == told


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


@pytest.mark.parametrize(
    ("allow", "takes"),
    [
        (["INVITE, ACK, BYE, refer"], True),
        (["INVITE, ACK", "REFER"], True),
        (["INVITE,ACK,REFERENCE"], False),
        ([""], False),
        ([], False),
    ],
)
def test_who_takes_a_refer_says_so(allow: list[str], takes: bool) -> None:
    assert identity_of(invite(*(("allow", methods) for methods in allow))).takes_refer is takes
