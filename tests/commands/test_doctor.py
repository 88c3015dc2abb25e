"""What the doctor finds, on machines of all kinds."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge.cli import main
from bridge.commands.doctor import Finding, Grade, examine, is_well, report
from bridge.commands.machine import ThisMachine
from bridge.server import tls
from bridge.settings import Settings, refusals, warnings

PUBLIC: dict[str, Any] = {"public_url": "https://bot.example.com", "api_token": "k", "twilio_auth_token": "t"}
NOW = datetime.datetime.now(datetime.UTC)


@dataclass
class Machine:
    """A machine and a network on which all is well, unless told otherwise."""

    clock: datetime.datetime = NOW
    kept: bool | None = True
    files: int = 65_536
    port: str = ""
    known: dict[str, Sequence[str]] = field(default_factory=lambda: {"bot.example.com": ["8.8.8.8"]})
    handshake: str = ""
    asked: list[tuple[str, int]] = field(default_factory=list)

    def now(self) -> datetime.datetime:
        return self.clock

    def clock_is_kept(self) -> bool | None:
        return self.kept

    def descriptors(self) -> int:
        return self.files

    def port_trouble(self, host: str, port: int) -> str:
        return self.port

    def addresses(self, name: str) -> Sequence[str]:
        return self.known.get(name, ())

    def tls_trouble(self, name: str, port: int) -> str:
        self.asked.append((name, port))
        return self.handshake

    def certificate_trouble(self, certificate: Path, key: Path | None) -> str:
        return ThisMachine().certificate_trouble(certificate, key)


def found(subject: str, machine: Machine | None = None, **options: object) -> list[Finding]:
    settings = Settings.model_validate(options)
    sections = examine(settings, machine or Machine(), doors=[("/ws", "who")], refusals=(), warnings=())
    return list(dict(sections)[subject])


def bad(subject: str, machine: Machine | None = None, **options: object) -> str:
    """Return the one finding that is bad, and how it is mended."""
    [finding] = [one for one in found(subject, machine, **options) if one.grade is Grade.BAD]
    assert finding.mend, "each has the line that mends it"
    return f"{finding.text} -> {finding.mend}"


def grades(subject: str, machine: Machine | None = None, **options: object) -> set[str]:
    return {finding.grade.value for finding in found(subject, machine, **options)}


# ---------------------------------------------------------------- the report


def test_the_report_has_each_finding_with_what_mends_it_and_the_sum() -> None:
    sections = [("port", [Finding(Grade.OK, "free"), Finding(Grade.BAD, "shut", "open it")])]
    assert report(sections) == "port\n  ok    free\n  BAD   shut\n        -> open it\n1 to mend"
    assert not is_well(sections)
    assert is_well([("port", [Finding(Grade.NOTE, "hm", "or not")])])


def test_why_the_server_would_not_start_is_bad_and_what_it_warns_of_is_not() -> None:
    settings = Settings(host="0.0.0.0", trust_proxy_headers=True)
    sections = examine(
        settings, Machine(), doors=(), refusals=refusals(settings), warnings=["--trust-proxy-headers: forged"]
    )
    assert [finding.grade for finding in dict(sections)["options"]] == [Grade.BAD, Grade.NOTE]


# ---------------------------------------------------------------- doors and port


def test_open_doors_are_bad_and_a_made_token_is_a_note() -> None:
    assert "drop --insecure" in bad("doors", host="0.0.0.0", insecure=True)
    assert "BRIDGE_API_TOKEN" in bad("doors", insecure=True, public_url="https://bot.example.com")
    assert grades("doors", public_url="https://bot.example.com") == {"note", "ok"}
    assert grades("doors", **PUBLIC) == grades("doors") == {"ok"}


@pytest.mark.parametrize(
    ("trouble", "grade"),
    [("", "ok"), ("address already in use", "note"), ("permission denied", "BAD"), ("cannot assign", "BAD")],
)
def test_the_port_is_tried(trouble: str, grade: str) -> None:
    assert grades("port", Machine(port=trouble)) == {grade}


# ---------------------------------------------------------------- Twilio


def test_without_its_token_and_a_public_url_twilio_is_not_set_up() -> None:
    token, url = found("Twilio")
    assert "BRIDGE_TWILIO_AUTH_TOKEN" in token.mend and "--public-url" in url.mend
    assert grades("Twilio", trust_proxy_headers=True, twilio_auth_token="t") == set(), "the proxy knows the address"


def test_the_public_url_must_lead_here() -> None:
    assert grades("Twilio", machine := Machine(), **PUBLIC) == {"ok", "note"}
    assert machine.asked == [("bot.example.com", 443)]
    assert grades("Twilio", **PUBLIC, twilio_account_sid=f"AC{32 * 'a'}") == {"ok"}
    assert "has no address" in bad("Twilio", Machine(known={}), **PUBLIC)
    for inside in ("10.0.0.7", "127.0.0.1", "fe80::1%eth0"):
        assert f"is {inside}" in bad("Twilio", Machine(known={"bot.example.com": [inside]}), **PUBLIC)
    why = bad("Twilio", Machine(handshake="its certificate is not trusted: self-signed certificate"), **PUBLIC)
    assert "self-signed certificate" in why and "tunnel" in why


def test_a_port_in_the_public_url_is_the_one_that_is_tried() -> None:
    found("Twilio", machine := Machine(), **{**PUBLIC, "public_url": "https://bot.example.com:8443"})
    assert machine.asked == [("bot.example.com", 8443)]


# ---------------------------------------------------------------- SIP


def test_sip_must_be_reached_by_whom_it_is_for() -> None:
    assert grades("SIP") == {"note"}
    assert grades("SIP", sip=True) == {"note"}
    assert "--sip-host 0.0.0.0" in bad("SIP", sip=True, sip_trunk="sip:me@example.com")
    assert "--sip-allow" in bad("SIP", sip=True, sip_host="0.0.0.0")
    [reached, _] = found("SIP", sip=True, sip_host="0.0.0.0", sip_allow="192.0.2.0/24")
    assert reached.grade is Grade.OK and "10000-20000 UDP" in reached.text
    assert grades("SIP", sip=True, sip_host="0.0.0.0", sip_trunk="sip:me@example.com") == {"ok"}


# ---------------------------------------------------------------- TLS


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """A certificate for bot.example and localhost, with its key, valid for 30 days."""
    (file := tmp_path / "cert.pem").write_bytes(tls.self_signed("bot.example", "192.0.2.5"))
    return file


def test_what_encrypts_is_named() -> None:
    assert grades("TLS") == grades("TLS", **PUBLIC) == {"ok"}
    assert grades("TLS", host="0.0.0.0") == grades("TLS", generate_self_signed_cert=True) == {"note"}


def test_a_certificate_must_be_valid_and_for_our_names(pem: Path) -> None:
    files: dict[str, Any] = {"ssl_certfile": pem, "ssl_keyfile": pem}
    assert grades("TLS", **files) == grades("TLS", **files, host="192.0.2.5") == {"ok"}
    assert grades("TLS", **files, host="bot.example") == {"ok"}
    assert "is not for 192.0.2.6" in bad("TLS", **files, host="192.0.2.6")
    assert "is not for other.example" in bad("TLS", **files, public_url="https://other.example")
    assert grades("TLS", Machine(clock=NOW + datetime.timedelta(days=20)), **files) == {"note"}
    assert "certbot" in bad("TLS", Machine(clock=NOW + datetime.timedelta(days=31)), **files)


def test_a_wildcard_stands_for_one_label(tmp_path: Path) -> None:
    (pem := tmp_path / "cert.pem").write_bytes(tls.self_signed("*.example.com"))
    files: dict[str, Any] = {"ssl_certfile": pem, "ssl_keyfile": pem}
    assert grades("TLS", **files, host="bot.example.com") == {"ok"}
    assert bad("TLS", **files, host="a.b.example.com") and bad("TLS", **files, host="example.com")


def test_a_file_that_is_no_certificate_or_another_ones_key_is_told(pem: Path, tmp_path: Path) -> None:
    (other := tmp_path / "other.pem").write_bytes(tls.self_signed("x"))
    (none := tmp_path / "none.pem").write_text("no")
    assert "key values mismatch" in bad("TLS", ssl_certfile=pem, ssl_keyfile=other).lower().replace("_", " ")
    assert "cannot be used" in bad("TLS", ssl_certfile=none, ssl_keyfile=none)
    assert "--sip-certfile" in bad("SIP", sip=True, sip_certfile=none, sip_keyfile=none)


# ---------------------------------------------------------------- clock and limits


def test_a_clock_that_is_wrong_is_bad_and_one_that_nobody_keeps_is_a_note() -> None:
    assert grades("clock") == grades("clock", Machine(kept=None)) == {"ok"}
    assert grades("clock", Machine(kept=False)) == {"note"}
    assert "1970" in bad("clock", Machine(clock=datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)))


def test_descriptors_must_be_enough_for_calls_and_connections() -> None:
    assert grades("limits", Machine(files=1024)) == {"ok"}
    why = bad("limits", Machine(files=1024), max_calls=1000)
    assert "ulimit -n is 1024" in why and "-> ulimit -n 4550" in why and "LimitNOFILE=4550" in why
    assert grades("limits", Machine(files=1024), max_connections=200) == {"ok"}


# ---------------------------------------------------------------- the command


def test_the_command_takes_the_flags_of_serve_and_says_by_its_exit_code_whether_all_is_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_API_TOKEN", "hush-hush")
    assert main(["doctor", "--port", "0"]) == 0
    told = capsys.readouterr().out
    assert "/ws: who has the API token" in told and told.endswith("nothing to mend\n")
    assert main(["doctor", "--port", "0", "--max-calls", "100000", "--webhook-url", "https://me:s3cret@h"]) == 1
    told = capsys.readouterr().out
    assert "-> ulimit -n" in told
    assert "hush-hush" not in told and "s3cret" not in told


def test_what_would_stop_the_server_is_told_by_the_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--port", "0", "--ssl-certfile", "none.pem", "--ssl-keyfile", "none.pem"]) == 1
    assert "BAD   --ssl-certfile none.pem is no file" in capsys.readouterr().out


def test_a_warning_is_said_once() -> None:
    options = Settings(trust_proxy_headers=True, api_token=None)
    sections = examine(options, Machine(), doors=(), refusals=(), warnings=warnings(options))
    assert report(sections).count("--trust-proxy-headers:") == 1
