import argparse
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bridge.settings import (
    Settings,
    SettingsError,
    add_flags,
    as_toml,
    connection_limits,
    is_exposed,
    load,
    refusals,
    warnings,
)
from bridge.settings.options import OPTIONS, SECRETS

ROOT = Path(__file__).parents[2]
SECRET = "s3cr3t-of-the-test"
PUBLIC = "https://b.example"


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return parser.parse_args(arguments)


def problem(flags: Mapping[str, object] | argparse.Namespace, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(flags, environ or {})
    return str(caught.value)


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "bridge.toml"


# ---------------------------------------------------------------- where values come from


def test_nothing_given_is_the_defaults() -> None:
    assert load({}, {}) == Settings()


def test_flags_go_before_the_environment_before_toml_before_the_defaults(toml: Path) -> None:
    toml.write_text("port = 1\nmax_calls = 1\nasr_threads = 1\n")
    flags = parse("--config", str(toml), "--port", "3")
    settings = load(flags, {"BRIDGE_PORT": "2", "BRIDGE_MAX_CALLS": "2"})
    assert (settings.port, settings.max_calls, settings.asr_threads, settings.drain_timeout) == (3, 2, 1, 600.0)


def test_the_environment_can_name_the_file_and_a_flag_can_name_another(toml: Path, tmp_path: Path) -> None:
    toml.write_text("port = 1\n")
    (tmp_path / "other.toml").write_text("port = 2\n")
    environ = {"BRIDGE_CONFIG": str(toml)}
    assert load({}, environ).port == 1
    assert load(parse("--config", str(tmp_path / "other.toml")), environ).port == 2


def test_an_empty_variable_counts_as_unset() -> None:
    assert load({}, {"BRIDGE_PORT": "", "BRIDGE_CONFIG": "", "BRIDGE_GREETING": ""}) == Settings()


def test_an_empty_flag_is_a_value() -> None:
    assert load(parse("--language", "", "--greeting", ""), {"BRIDGE_LANGUAGE": "Hindi"}).language is None


def test_the_process_environment_is_read_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_PORT", "4711")
    assert load().port == 4711
    assert load({}, {}).port == 8000
    assert Settings().port == 8000


@pytest.mark.parametrize("name", [name for name in OPTIONS if name not in SECRETS])
def test_every_option_is_a_flag_and_a_variable_and_a_key(name: str, toml: Path) -> None:
    default = getattr(Settings(), name)
    kebab = name.replace("_", "-")
    if isinstance(default, bool):
        assert getattr(load(parse(f"--{kebab}"), {}), name) is True
        assert getattr(load(parse(f"--no-{kebab}"), {f"BRIDGE_{name.upper()}": "true"}), name) is False
        return
    choices = {
        "log_level": "DEBUG",
        "vad_input": "raw",
        "dfn_model": "DeepFilterNet2",
        "tts_fallback": "none",
        "vllm_dtype": "float16",
        "turn_asked_silence": "0.3",
        "turn_final_share": "0.9",
        "eagerness": "high",
        "sip_host": "0.0.0.0",
        "sip_public_address": "203.0.113.7",
        "sip_transports": "tls",
        "sip_allow": "192.0.2.0/24, 2001:db8::/32",
        "sip_codecs": "pcma",
        "sip_media_encryption": "required",
        "sip_headers": "X-Campaign",
        "sip_dtmf": "info",
        "sip_rtp_ports": "4000-5000",
        "sip_trunk": "sip:bot@example.com:5061;transport=tls",
        "sip_trunk_user": "bot",
        "twilio_account_sid": f"AC{32 * 'a'}",
        "machine_detection": "tell",
        "keep_text": "12h",
        "keep_audio": "3d",
        "redact": "cards, phones",
        "redact_pattern": "KD-[0-9]{2,6}|[A-Z]{3}",
        "record_calls": "/var/recordings",
        "record_wire": "/var/wire",
        "record_consent": "key:1",
        "record_format": "opus",
        "keep_calls": "400d",
        "dial_allow": "+4930, sip:*@example.com",
        "dial_from": "+4930123",
        "audiosocket_allow": "10.0.0.0/8",
        "wyoming_allow": "10.0.0.0/8",
        "audiosocket_rate": "16000",
        "ari_app": "other",
        "ari_user": "bot",
        "ari_media_host": "192.0.2.1",
        "ari_dial_context": "desks",
        "ari_rtp_ports": "4000-5000",
        "ari_format": "alaw",
        "telnyx_public_key": f"{43 * 'A'}=",
        "telnyx_connection_id": "1494404757140276705",
        "telnyx_codec": "PCMA",
        "vonage_application_id": "78d335fa-323d-0114-9c3d-d6f0d48968cf",
        "vonage_rate": "8000",
        "vonage_auth_id": "abcd1234",
        "signalwire_auth_id": "5a37b8e2-0000-4a7e-9c55-1d0000000000",
        "azure_resource_id": "e6c0a2bd-0000-4000-8000-6d1a3c5f7e90",
        "azure_audio_format": "pcm24KMono",
        "exotel_rate": "16000",
        "exotel_account": "example1",
        "exotel_auth_id": "0123456789abcdef",
        "plivo_auth_id": "MAXXXXXXXXXXXXXXXXXX",
        "vobiz_auth_id": "MA_XXXXXXXX",
        "asterisk_url": "wss://pbx.example.com/media",
        "voices": "German=kokoro:df",
        "ray_address": "ray://head:10001",
        "ray_app": "asr-gpu, asr",
        "prices": "heard=0.0043,output=1.6",
    }
    text = {"host": "example", "asr_api": "chat", "script": "latin", **choices}.get(name)
    if isinstance(default, int | float) and not text:
        text = str(default / 2 if isinstance(default, float) else default // 2 or 32)
    text = text or "https://example.com"
    if name.removesuffix("_file") in SECRETS:
        toml.write_text(SECRET)
        text = str(toml)
    if name in {"asr", "vad", "denoiser", "tts", "bot", "ending"}:
        text = "mybot:Bot"
    by_flag = getattr(load(parse(f"--{kebab}", text), {}), name)
    assert by_flag != default
    assert getattr(load({}, {f"BRIDGE_{name.upper()}": text}), name) == by_flag


def test_flags_keep_the_names_of_the_original_server() -> None:
    settings = load(
        parse(
            *"--asr-model-path x --gpu-memory-utilization 0.5 --max-new-tokens 64 --host 0.0.0.0 --port 1".split(),
            *"--generate-self-signed-cert --vad-threshold 0.7 --silence-threshold 1.2".split(),
            *"--min-speech-duration 0.5 --enable-noise-suppression --dfn-model DeepFilterNet3".split(),
            *"--dfn-post-filter --chunk-size-sec 2.0 --ssl-certfile c.pem --ssl-keyfile k.pem".split(),
        ),
        {},
    )
    assert (settings.vad_threshold, settings.silence_threshold, settings.min_speech_duration) == (0.7, 1.2, 0.5)
    assert settings.generate_self_signed_cert and settings.enable_noise_suppression and settings.dfn_post_filter
    assert settings.ssl_certfile == Path("c.pem")


def test_lists_are_words_between_commas_outside_toml(toml: Path) -> None:
    expected = ("https://a.example", "http://b.example:8080")
    assert load({}, {"BRIDGE_ALLOWED_ORIGINS": "https://a.example, http://b.example:8080,"}).allowed_origins == expected
    toml.write_text('allowed_origins = ["https://a.example", "http://b.example:8080"]')
    assert load({"config": str(toml)}, {}).allowed_origins == expected


def test_what_is_no_option_among_the_flags_is_let_be() -> None:
    assert load({"command": "serve", "port": 1}, {}).port == 1


def test_other_variables_with_our_prefix_are_let_be() -> None:
    assert load({}, {"BRIDGE_SERVICE_HOST": "10.0.0.1"}) == Settings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


# ---------------------------------------------------------------- what is refused


def test_a_refusal_names_flag_variable_value_source_and_range() -> None:
    line = "--vad-threshold / BRIDGE_VAD_THRESHOLD is '1.5' (from --vad-threshold); allowed: a number from 0 to 1"
    assert problem(parse("--vad-threshold", "1.5")) == line


def test_a_denoiser_of_ones_own_is_named_by_its_path() -> None:
    for path in ("/models/mine.tar.gz", "./DeepFilterNet2", "models/DeepFilterNet3_onnx.tar.gz"):
        assert load(parse("--dfn-model", path), {}).dfn_model == path


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("port", "65536", "a whole number from 0 to 65535"),
        ("port", "80.5", "a whole number"),
        ("port", "tcp://10.0.0.1:8000", "a whole number"),
        ("silence_threshold", "0.05", "a number from 0.1 to 10"),
        ("silence_threshold", "nan", "a number from 0.1 to 10"),
        ("drain_timeout", "inf", "a number from 0 to 86400"),
        ("min_speech_duration", "-0.1", "a number from 0 to 5"),
        ("dfn_model", "DeepFilterNet4", "DeepFilterNet or DeepFilterNet2 or DeepFilterNet3"),
        ("vad_input", "both", "denoised or raw"),
        ("log_json", "perhaps", "true or false"),
        ("log_level", "loud", "DEBUG or INFO or WARNING or ERROR"),
        ("asr", "no such name", "module:attribute"),
        ("allowed_origins", "https://a.example/path", "origins like https://example.com"),
        ("max_calls", "9" * 5000, "a whole number from 1 to 100000"),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: str, allowed: str) -> None:
    text = problem({}, {f"BRIDGE_{name.upper()}": value})
    assert f"BRIDGE_{name.upper()} is {value!r}" in text and allowed in text
    assert "\n" not in text


def test_each_problem_has_one_line(toml: Path) -> None:
    toml.write_text('port = "x"\nvad_treshold = 0.5\napi_token = "' + SECRET + '"\n')
    lines = problem({"config": str(toml), "max_calls": 0}).splitlines()
    assert len(lines) == 4
    assert {line.split()[0] for line in lines} == {"'vad_treshold'", "api_token", "--max-calls", "--port"}


def test_an_unknown_key_is_an_error_that_guesses_what_was_meant(toml: Path) -> None:
    toml.write_text("vad-treshold = 0.5\n")
    assert problem({"config": str(toml)}) == f"'vad-treshold' in {toml} is no option; did you mean 'vad_threshold'?"
    toml.write_text("xyzzy = 1\n")
    assert problem({"config": str(toml)}) == f"'xyzzy' in {toml} is no option"


@pytest.mark.parametrize(
    "content",
    [b"port = ", b"\xff\xfe", b"port = 1\nport = 2", b"port = " + b"[" * 5000],
    ids=["cut", "bytes", "twice", "deep"],
)
def test_a_file_that_is_no_toml_is_named(toml: Path, content: bytes) -> None:
    toml.write_bytes(content)
    assert problem({"config": str(toml)}).startswith(f"--config / BRIDGE_CONFIG: cannot read {str(toml)!r}: ")


@pytest.mark.parametrize(
    "name", ["asr_url", "ari_url", "twilio_api_url", "webhook_url", "asterisk_url", "allowed_origins"]
)
@pytest.mark.parametrize("host", ["[", "[::1", "a:b", "a:65536", "a:0"])
def test_a_url_that_cannot_be_taken_apart_is_refused_before_anybody_tries(name: str, host: str) -> None:
    scheme = "ws" if name == "asterisk_url" else "http"
    assert problem({name: f"{scheme}://{host}"}).startswith(f"--{name.replace('_', '-')} / BRIDGE_{name.upper()} is ")


def test_a_file_that_is_not_there_is_named(toml: Path) -> None:
    assert "No such file" in problem({}, {"BRIDGE_CONFIG": str(toml)})


def test_a_table_where_a_value_is_due_is_refused(toml: Path) -> None:
    toml.write_text("[port]\nnumber = 8000\n")
    assert "--port / BRIDGE_PORT is {'number': 8000}" in problem({"config": str(toml)})


@given(st.dictionaries(st.sampled_from([*Settings.model_fields]), st.text() | st.integers() | st.none() | st.floats()))
def test_no_flags_whatever_end_in_anything_but_settings_or_a_settings_error(flags: dict[str, object]) -> None:
    with suppress(SettingsError):
        assert load(flags, {}).port >= 0


# ---------------------------------------------------------------- secrets


def test_secrets_are_no_flags(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    text = capsys.readouterr().out
    assert "--api-token-file" in text and "--twilio-auth-token-file" in text
    assert "--api-token " not in text and "--twilio-auth-token " not in text
    assert load({"api_token": SECRET}, {}).api_token is None


def test_a_secret_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET + "\n")
    from_file = load(parse("--twilio-auth-token-file", str(file)), {"BRIDGE_API_TOKEN": SECRET})
    assert from_file.twilio_auth_token == from_file.api_token == SecretStr(SECRET)


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("another")
    text = problem({"api_token_file": str(file)}, {"BRIDGE_API_TOKEN": SECRET})
    assert text == "api_token is given twice: by BRIDGE_API_TOKEN and by --api-token-file; drop one"


@pytest.mark.parametrize(("content", "why"), [(b" \n", "it is empty"), (b"\xff" + SECRET.encode(), "it is not UTF-8")])
def test_a_secret_file_that_holds_none_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    text = problem({}, {"BRIDGE_API_TOKEN_FILE": str(file)})
    assert text.startswith("--api-token-file / BRIDGE_API_TOKEN_FILE: cannot read") and text.endswith(why)


def test_a_secret_file_that_is_not_there_is_named() -> None:
    assert "'/nowhere/token' (from BRIDGE_API_TOKEN_FILE)" in problem({}, {"BRIDGE_API_TOKEN_FILE": "/nowhere/token"})


def test_a_secret_in_toml_is_refused_and_not_repeated(toml: Path) -> None:
    toml.write_text(f'twilio_auth_token = "{SECRET}"\n')
    text = problem({"config": str(toml)})
    assert "set BRIDGE_TWILIO_AUTH_TOKEN, or twilio_auth_token_file" in text and SECRET not in text


def test_a_secret_shows_nowhere() -> None:
    settings = load({}, {"BRIDGE_API_TOKEN": SECRET, "BRIDGE_TWILIO_AUTH_TOKEN": SECRET})
    open_and_wrong = settings.model_copy(update={"host": "0.0.0.0"})
    shown = [repr(settings), str(settings), as_toml(settings), *refusals(open_and_wrong), *warnings(open_and_wrong)]
    assert SECRET not in "".join(shown)
    assert '# api_token = "********"' in as_toml(settings)


def test_a_secret_shows_in_no_error(toml: Path) -> None:
    toml.write_text(f'api_token = ["{SECRET}"]\n')
    assert SECRET not in problem({"port": -1, "config": str(toml)}, {"BRIDGE_API_TOKEN": SECRET})


# ---------------------------------------------------------------- as TOML


def test_the_documented_file_is_the_defaults_as_the_code_has_them() -> None:
    written = (ROOT / "config" / "bridge.toml").read_text()
    assert written == as_toml(Settings()), "run: bridge config > config/bridge.toml, with no BRIDGE_ variables set"


def test_every_option_is_in_the_file_with_its_meaning() -> None:
    text = as_toml(Settings())
    for name in OPTIONS:
        assert f"\n{name} = " in text or f"\n# {name} is not set\n" in text
        assert Settings.model_fields[name].description


def test_what_is_written_reads_back_the_same(toml: Path) -> None:
    settings = load(
        parse(
            *("--greeting", 'नमस्ते "Anna"\\\n\x7f\t', "--allowed-origins", "*,https://a.example", "--no-log-json"),
            *("--ssl-certfile", "/a b/c.pem", "--language", "Hindi", "--vad-threshold", "1e-3", "--insecure"),
        ),
        {},
    )
    toml.write_text(as_toml(settings), encoding="utf-8")
    assert load({"config": str(toml)}, {}) == settings


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_is_written_as_toml(greeting: str) -> None:
    assert tomllib.loads(as_toml(Settings(greeting=greeting)))["greeting"] == greeting


# ---------------------------------------------------------------- refusals and warnings


def tokens(**options: object) -> Settings:
    return Settings.model_validate({"api_token": SECRET, **options})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_the_defaults_start_on_this_machine_with_a_warning_for_each_open_door(host: str) -> None:
    settings = Settings(host=host)
    assert refusals(settings) == []
    assert [line.split()[0] for line in warnings(settings)] == ["/ws", "/twilio"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "bridge.example", "localhost.example"])
def test_open_to_the_network_without_a_token_is_refused_unless_it_is_said(host: str) -> None:
    [reason] = refusals(Settings(host=host))
    assert f"--host {host}" in reason and "--insecure" in reason and "BRIDGE_API_TOKEN" in reason
    assert refusals(Settings(host=host, insecure=True)) == []
    assert refusals(tokens(host=host)) == []
    assert any(host in line for line in warnings(tokens(host=host)))


@pytest.mark.parametrize(
    ("options", "flag"), [({"audiosocket_port": 9092}, "--audiosocket-port"), ({"ari_url": "http://pbx"}, "--ari-url")]
)
def test_a_hand_over_of_what_two_servers_cannot_have_is_refused(options: dict[str, object], flag: str) -> None:
    reasons = refusals(tokens(handover_socket="/run/bridge/next", **options))
    assert any("--handover-socket" in reason and flag in reason for reason in reasons)
    assert not any("--handover-socket" in reason for reason in refusals(tokens(**options)))
    assert refusals(tokens(handover_socket="/run/bridge/next")) == []


@pytest.mark.parametrize("url", ["ftp://host/voice", "other.example.com", "https://user@host/voice"])
def test_a_redirect_must_be_a_url(url: str) -> None:
    with pytest.raises(SettingsError, match="a URL like https"):
        load({"drain_redirect": url}, {})


def test_a_public_address_where_nobody_gets_in_from_outside_is_told() -> None:
    told = {"sip": True, "sip_public_address": "203.0.113.7"}
    before = warnings(Settings.model_validate({**told, "sip_host": "10.0.0.5"}))
    [line] = set(warnings(Settings.model_validate(told))) - set(before)
    assert "--sip-host" in line


def test_with_both_tokens_there_is_nothing_to_warn_of() -> None:
    assert warnings(tokens(twilio_auth_token=SECRET)) == []
    assert len(warnings(tokens(twilio_auth_token=SECRET, trust_proxy_headers=True))) == 1


def test_twilios_token_needs_the_url_that_twilio_signs() -> None:
    [reason] = refusals(tokens(twilio_auth_token=SECRET))
    assert "--public-url" in reason
    assert refusals(tokens(twilio_auth_token=SECRET, public_url="https://bridge.example")) == []
    assert refusals(tokens(twilio_auth_token=SECRET, trust_proxy_headers=True)) == []
    [reason] = refusals(tokens(twilio_shared_key=SECRET))
    assert "--public-url" in reason


@pytest.mark.parametrize(
    "url",
    [
        "https://bridge.example",
        "https://bridge.example:8443/",
        "wss://[::1]:8000",
        "https://bridge.example/bot",
        "https://bridge.example/a/b-1/",
    ],
)
def test_a_public_url_is_scheme_and_host_and_perhaps_a_path(url: str) -> None:
    assert refusals(Settings(public_url=url)) == []


@pytest.mark.parametrize(
    "url",
    [
        *("bridge.example", "http://bridge.example", "https://", "https:///x", "https://bridge.example/a//b", "//x"),
        *("https://bridge.example/<Stream>", "https://bridge.example/a b", "https://bridge.example/\N{EURO SIGN}"),
        *("https://bridge.example?x=1", "https://a:b@bridge.example", "https://bridge.example:x", "https://[::1"),
    ],
)
def test_any_other_public_url_is_refused(url: str) -> None:
    [reason] = refusals(Settings(public_url=url))
    assert f"--public-url is {url.replace('a:b@', 'a:********@')!r}" in reason


def test_servers_of_the_recogniser_need_the_recogniser_that_asks_them_and_it_needs_them() -> None:
    urls = {"asr_url": "http://a:8001, http://b:8001"}
    [reason] = refusals(Settings.model_validate(urls))
    assert reason == (
        "--asr-url http://a:8001, http://b:8001 is for the recogniser openai and --asr is auto: "
        "say --asr openai, or drop --asr-url"
    )
    [reason] = refusals(Settings.model_validate({"asr": "openai"}))
    assert reason == "--asr openai needs the URL of a server: --asr-url http://HOST:PORT"
    assert refusals(Settings.model_validate({"asr": "whisper,openai", **urls})) == []


def test_what_belongs_to_the_pool_on_ray_is_refused_at_the_bridge() -> None:
    [reason] = refusals(Settings(ray_address="head:6379"))
    assert reason == "--ray-address head:6379 is for the recogniser ray and --asr is auto: say --asr ray"


@pytest.mark.parametrize("address", ["auto", "head:6379", "ray://10.0.0.1:10001", "[::1]:6379", ""])
def test_a_ray_cluster_is_named_as_ray_names_it(address: str) -> None:
    assert Settings(asr=("ray",), ray_address=address).ray_address == address


@pytest.mark.parametrize(
    "address", ["head", "http://head:6379", "head:port", "ray://head", "head:6379/x", "a b:1", "head:0", "head:65536"]
)
def test_what_ray_would_not_take_for_an_address_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="--ray-address"):
        load({"ray_address": address}, {})


@pytest.mark.parametrize("address", ["ray://head:10001", "ray://[::1]:10001", "ray://10.0.0.1:65535"])
def test_a_recogniser_may_be_the_address_of_a_ray_cluster(address: str, tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text(f'asr = ["whisper", "{address}"]\nray_address = "another:6379"\n')
    for settings in (
        load({"asr": f"whisper,{address}"}, {}),
        load({}, {"BRIDGE_ASR": f"whisper, {address}"}),
        load({"config": str(file)}, {}),
        Settings.model_validate({"asr": ("whisper", address)}),
    ):
        assert (settings.asr, settings.ray_address) == (("whisper", "ray"), address)
        assert refusals(settings) == []


def test_flags_go_before_a_cluster_that_a_file_names_as_recogniser(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text('asr = "ray://head:10001"\n')
    assert load({"config": str(file), "asr": "ray://other:1"}, {}).ray_address == "ray://other:1"
    without = load({"config": str(file), "asr": "whisper"}, {})
    assert (without.asr, without.ray_address, refusals(without)) == (("whisper",), "", [])


@pytest.mark.parametrize(
    "asr",
    [
        "ray://",
        "ray://head",
        "ray://head:0",
        "ray://head:65536",
        "ray://head:10001/x",
        "ray://user@head:10001",
        "ray://head:port",
        "Ray://head:10001",
        "ray://head:10001,ray://other:10001",
    ],
)
def test_what_is_no_address_of_one_ray_cluster_is_no_recogniser(asr: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load({"asr": asr}, {})
    assert str(refused.value).startswith(f"--asr / BRIDGE_ASR is '{asr[:6]}")
    assert "one may be ray://HOST:10001" in str(refused.value)


def test_a_step_of_vllm_holds_a_token_of_each_decode() -> None:
    [reason] = refusals(Settings(vllm_max_num_batched_tokens=512, vllm_max_num_seqs=1024))
    assert "--vllm-max-num-batched-tokens 512" in reason and "--vllm-max-num-seqs 1024" in reason


@pytest.mark.parametrize("url", ["http://a", "https://gpu1.example:8001/v1", "http://[::1]:8000/"])
def test_a_server_is_a_url_of_http(url: str) -> None:
    assert Settings.model_validate({"asr_url": url}).asr_url == (url,)


@pytest.mark.parametrize(
    "url", ["gpu1:8001", "ftp://a", "ws://a", "http://", "http://a b", "http://user:pw@a", "http://a?x=1", "http://a#b"]
)
def test_any_other_url_of_a_server_is_refused(url: str) -> None:
    text = problem({}, {"BRIDGE_ASR_URL": f"http://good,{url}"})
    assert "--asr-url / BRIDGE_ASR_URL is" in text and "URLs like http://gpu1:8001" in text


@pytest.mark.parametrize("names", ["", ",", "whisper,no such", "a:b:c"])
def test_recognisers_are_names_with_commas_between(names: str) -> None:
    assert "--asr / BRIDGE_ASR is" in problem({"asr": names})
    assert load({"asr": " vllm, my.mod:Asr "}, {}).asr == ("vllm", "my.mod:Asr")


def test_a_certificate_needs_its_key_and_both_must_be_files(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    certificate.touch()
    assert "needs its private key" in "".join(refusals(Settings(ssl_certfile=certificate)))
    assert refusals(Settings(ssl_certfile=certificate, ssl_keyfile=key)) == [f"--ssl-keyfile {key} is no file"]
    key.touch()
    assert refusals(Settings(ssl_certfile=certificate, ssl_keyfile=key)) == []
    assert "needs its certificate" in "".join(refusals(Settings(ssl_keyfile=key)))


def test_one_certificate_is_enough(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    certificate.touch()
    key.touch()
    [reason] = refusals(Settings(ssl_certfile=certificate, ssl_keyfile=key, generate_self_signed_cert=True))
    assert "exclude each other" in reason


# ---------------------------------------------------------------- the end of the turn


def test_the_ending_and_its_model_belong_together(tmp_path: Path) -> None:
    [reason] = refusals(Settings(ending_model_path=tmp_path / "model.onnx"))
    assert "say --ending smart-turn" in reason
    assert refusals(Settings(ending="smart-turn", ending_model_path=tmp_path / "model.onnx")) == []
    assert refusals(Settings(ending="mine:Ending", ending_model_path=tmp_path / "model.onnx")) == []


def test_what_counts_as_unsure_is_not_above_what_counts_as_sure() -> None:
    [reason] = refusals(Settings(turn_unsure=0.95))
    assert "--turn-unsure 0.95 must not be above --turn-sure 0.9" in reason
    assert refusals(Settings(turn_unsure=0.9)) == []


# ---------------------------------------------------------------- who may come in


@pytest.mark.parametrize("options", [{"public_url": PUBLIC}, {"trust_proxy_headers": True}])
def test_behind_a_proxy_or_a_tunnel_loopback_is_no_protection(options: dict[str, object]) -> None:
    assert is_exposed(Settings.model_validate(options)) and not is_exposed(Settings())
    assert [line.split(":")[0].split(" to ")[0] for line in warnings(Settings.model_validate(options))][:2] == [
        "/ws is closed",
        "/twilio is closed",
    ]
    told = warnings(Settings.model_validate({**options, "insecure": True}))
    assert "/ws is open" in told[0] and "/twilio is open" in told[1]


@pytest.mark.parametrize("options", [{"public_url": PUBLIC}, {"trust_proxy_headers": True}, {"host": "::"}])
@pytest.mark.parametrize("insecure", [False, True])
def test_calls_at_our_cost_need_a_token_that_was_set_on_purpose(options: dict[str, object], insecure: bool) -> None:
    known = {"dial_allow": "+49", "insecure": insecure, "twilio_auth_token": SECRET, **options}
    if options == {"host": "::"}:
        known["public_url"] = PUBLIC
    [reason] = refusals(Settings.model_validate(known))
    assert "--dial-allow" in reason and "BRIDGE_API_TOKEN" in reason
    assert refusals(Settings.model_validate({**known, "api_token": SECRET})) == []


def test_on_this_machine_alone_calls_need_no_token() -> None:
    assert refusals(Settings.model_validate({"dial_allow": "+49"})) == []


def test_connections_have_room_for_all_calls_unless_told_otherwise() -> None:
    assert connection_limits(Settings(max_calls=100)) == (550, 250)
    assert connection_limits(Settings(max_calls=1000)) == (1450, 1150)
    assert connection_limits(Settings(max_connections=50)) == (50, 50)
    assert connection_limits(Settings(max_connections_per_address=7)) == (550, 7)


def test_a_password_in_a_url_is_in_no_warning_and_not_written_down() -> None:
    settings = Settings(webhook_url="http://me:s3cret@hook.example/?key=s3cret")
    assert "s3cret" not in "".join([*warnings(settings), as_toml(settings)])
    assert tomllib.loads(as_toml(settings)).get("webhook_url") is None, "a mask is no password"
