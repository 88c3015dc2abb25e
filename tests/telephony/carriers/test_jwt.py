"""JSON web tokens: what is read is what was signed by the secret and nothing else; what is written, others can read."""

import carrier_signing
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from telephony.carriers.jwt import claims_of, signed_by


def test_what_another_library_signed_is_read() -> None:
    token = jwt.encode({"iat": 5, "sub": "Anna"}, "s3cret-s3cret-s3cret-s3cret-s3cret", algorithm="HS256")
    assert claims_of(token, "s3cret-s3cret-s3cret-s3cret-s3cret") == {"iat": 5, "sub": "Anna"}


@pytest.mark.parametrize("alg", ["none", "None", "HS512", "RS256", ""])
def test_only_one_algorithm_is_taken_whatever_the_token_says(alg: str) -> None:
    assert claims_of(carrier_signing.jwt("s3cret", {"iat": 5}, alg=alg), "s3cret") is None


def test_a_token_of_another_secret_and_one_that_was_changed_are_none() -> None:
    token = carrier_signing.jwt("s3cret", {"iat": 5})
    head, claims, seal = token.split(".")
    assert claims_of(token, "s3cret") == {"iat": 5}
    for wrong in (
        f"{head}.{claims}.",
        f"{head}.{claims}",
        f"{head}.{claims}A.{seal}",
        f"{token}.",
        "",
        "..",
        "x" * 9000,
    ):
        assert claims_of(wrong, "s3cret") is None
    assert claims_of(token, "other") is None
    assert claims_of(carrier_signing.jwt("", {"iat": 5}), "") is None, "no secret is no lock"


@given(st.text())
def test_whatever_a_stranger_writes_claims_nothing(text: str) -> None:
    assert claims_of(text, "s3cret") is None


def test_what_we_sign_another_library_reads() -> None:
    key = generate_rsa(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = signed_by(private, {"application_id": "a", "jti": "1"})
    assert jwt.decode(token, public, algorithms=["RS256"]) == {"application_id": "a", "jti": "1"}


def test_a_key_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match=r"PEM|key"):
        signed_by("no key", {})
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ValueError, match="none of RSA"):
        signed_by(other, {})
