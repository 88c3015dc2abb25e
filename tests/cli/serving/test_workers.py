"""What workers are started with is made once, and read again when they are replaced."""

import argparse
import stat
from pathlib import Path

import pytest

from bridge.cli.serving.workers import WorkerTerms
from bridge.settings import SettingsError, load

PUBLIC = "https://bridge.example.com"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def terms(folder: Path, **options: object) -> WorkerTerms:
    flags = argparse.Namespace(workers="2", **options)
    return WorkerTerms(load(flags, {}), flags, folder)


def test_a_token_that_nobody_set_is_made_once_for_all_workers(folder: Path) -> None:
    ours = terms(folder, public_url=PUBLIC)
    made = ours.options.api_token
    assert made
    ours.renew()
    assert ours.options.api_token == made


def test_a_certificate_that_is_made_is_one_for_all_and_nobody_else_reads_its_key(folder: Path) -> None:
    ours = terms(folder, generate_self_signed_cert=True)
    file = ours.options.ssl_certfile
    assert file and file == ours.options.ssl_keyfile and not ours.options.generate_self_signed_cert
    before = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ours.renew()
    assert ours.options.ssl_certfile == file and file.read_bytes() == before


def test_what_is_read_again_changes_all_but_what_workers_share(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = terms(folder, port="8000", handover_socket="/run/next")
    shared = {"AUDIOSOCKET_PORT": "9092", "HANDOVER_SOCKET": "/run/other", "ASR": "vllm"}
    for name, value in {"MAX_CALLS": "7", **shared}.items():
        monkeypatch.setenv(f"BRIDGE_{name}", value)
    ours.renew()
    assert (ours.options.max_calls, ours.options.port, ours.options.workers) == (7, 8000, 2)
    assert ours.options.audiosocket_port == 0 and "vllm" not in ours.options.asr, "those need more than a new worker"
    assert ours.options.handover_socket == Path("/run/next")


def test_what_cannot_be_used_leaves_what_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = terms(folder)
    before = ours.options
    for name, value in (("MAX_CALLS", "many"), ("SSL_CERTFILE", "/nowhere")):
        with monkeypatch.context() as environment, pytest.raises(ValueError, match=r"many|nowhere"):
            environment.setenv(f"BRIDGE_{name}", value)
            ours.renew()
    assert ours.options is before


def test_after_sighup_a_worker_that_is_started_has_the_secrets_of_then(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("first-first-first")
    ours = terms(folder, api_token_file=str(secret))
    secret.write_text("second-second-second")
    ours.reread()
    assert ours.options.api_token and ours.options.api_token.get_secret_value() == "second-second-second"


def test_what_workers_cannot_do_keeps_the_server_from_its_start(folder: Path) -> None:
    with pytest.raises(SettingsError, match="--handover-socket hands over the HTTP port alone"):
        terms(folder, handover_socket="/run/next", audiosocket_port="9092")
