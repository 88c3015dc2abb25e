from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from bridge.legs.sip.from_settings import read_certificate, read_users, renewed, stack_options
from bridge.server.tls import self_signed
from bridge.settings import Settings


def test_callers_are_read_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text("# who\n\nanna:s3:cret \nben:ö\n", "utf-8")
    assert read_users(path) == ("anna:s3:cret ", "ben:ö")


@pytest.mark.parametrize("text", ["", "# none\n", "anna\n", "anna:\n", ":x\n", " anna:x\n", 'a"b:x\n', "a:1\na:2\n"])
def test_a_file_that_would_let_in_other_people_than_it_says_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(text)
    with pytest.raises(ValueError, match="sip_users: "):
        read_users(path)


@pytest.fixture
def files(tmp_path: Path) -> Settings:
    """Settings whose files can be read."""
    (tmp_path / "both.pem").write_bytes(self_signed("a.example"))
    (tmp_path / "users").write_text("anna:old\n")
    options = {"sip_certfile": tmp_path / "both.pem", "sip_users": tmp_path / "users", "sip_trunk_password": "old"}
    return Settings.model_validate(options)


def test_what_the_files_of_secrets_hold_now_is_taken_over_and_nothing_else(files: Settings, tmp_path: Path) -> None:
    before, fresh = stack_options(files), self_signed("b.example")
    (tmp_path / "both.pem").write_bytes(fresh)
    (tmp_path / "users").write_text("anna:new\n")
    now = Settings.model_validate({**files.model_dump(), "sip_trunk_password": "new", "sip_port": 6000})
    assert renewed(before, now) == (
        replace(before, certificate=fresh.decode(), users=("anna:new",), trunk_password="new"),
        [],
    )


def test_each_part_that_cannot_be_had_stays_and_has_a_line(files: Settings, tmp_path: Path) -> None:
    before = stack_options(files)
    (tmp_path / "both.pem").write_text("half a certifi")
    (tmp_path / "users").unlink()
    now = Settings.model_validate({**files.model_dump(), "sip_trunk_password": "new"})
    fresh, problems = renewed(before, now)
    assert fresh == replace(before, trunk_password="new")
    assert [problem.partition(" ")[0] for problem in problems] == ["sip_users:", "sip_certfile"]


def test_a_key_of_another_kind_needs_a_restart(files: Settings, tmp_path: Path) -> None:
    before, whole = stack_options(files), (tmp_path / "both.pem").read_bytes()
    other = replace(before, certificate=pem_of_rsa().decode())
    assert renewed(before, files) == (before, [])
    fresh, [problem] = renewed(other, files)
    assert fresh == other and "another kind" in problem and "restart" in problem
    assert whole.decode() == before.certificate


def test_a_key_that_asks_for_a_password_is_refused_and_does_not_ask(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(pem_of_rsa(b"secret"))
    (tmp_path / "cert").write_bytes(self_signed("a"))
    with pytest.raises(ValueError, match="sip_keyfile"):
        read_certificate(tmp_path / "cert", tmp_path / "key")


def pem_of_rsa(password: bytes = b"") -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
