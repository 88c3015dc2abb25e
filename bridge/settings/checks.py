"""What cannot be said of one option alone: reasons to refuse to start, and to warn."""

import ipaddress
import re
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import groupby
from typing import Final
from urllib.parse import urlsplit

from bot import installing
from bot.languages import code_of, named
from bridge.logs import masked
from bridge.settings import routes
from bridge.settings.groups.carriers import checks as carriers
from bridge.settings.models import not_for_whisper
from bridge.settings.options import Settings
from bridge.settings.tokens import wrong_in

_PATH: Final = re.compile(r"(/[\w.~+%@-]+)*/?", re.ASCII)


def refusals(settings: Settings) -> list[str]:
    """Return why `serve` must not start, one line a reason; empty when it may. Passwords in URLs are masked."""
    return [masked(line) for line in _refusals(settings)]


def _refusals(settings: Settings) -> list[str]:
    plain = [
        *_exposure(settings),
        *_tls(settings),
        *_tokens(settings),
        *_twilio(settings),
        *carriers.refusals(settings, is_here=_is_here),
        *_dialling(settings),
        *_machine(settings),
        *_recognition(settings),
        *_voices(settings),
        *_ending(settings),
        *_voice(settings),
        *_webhook(settings),
        *_sip(settings),
        *_ari(settings),
        *_handover(settings),
    ]
    return [*plain, *_routes(settings, set(plain))]


def warnings(settings: Settings) -> list[str]:
    """Return what an operator should know at start-up, one line each. Passwords in URLs are masked."""
    return [masked(line) for line in _warnings(settings)]


def _warnings(settings: Settings) -> list[str]:
    lines = [*_open_doors(settings)]
    if settings.webhook_url and not settings.webhook_url.startswith(("https:", "wss:")):
        lines.append(f"--webhook-url {settings.webhook_url}: what callers say goes there unencrypted")
    if settings.webhook_twiml_url.startswith("http:"):
        lines.append(f"--webhook-twiml-url {settings.webhook_twiml_url}: who calls is told there unencrypted")
    if settings.webhook_url.startswith("http") and settings.webhook_secret is None:
        lines.append("the webhook cannot tell our requests from others': set BRIDGE_WEBHOOK_SECRET")
    if far := [url for url in settings.tts_url if url.startswith("http:") and not _is_here(url)]:
        lines.append(f"--tts-url {', '.join(far)}: what the bot says goes there unencrypted, and the key")
    if settings.trust_proxy_headers:
        lines.append("--trust-proxy-headers: whoever reaches the port without the proxy can forge where a request went")
    if settings.ari_url.startswith("http:") and not _is_here(settings.ari_url):
        lines.append(f"--ari-url {settings.ari_url}: its password goes there unencrypted")
    if settings.sip and not settings.sip_users and {"0.0.0.0/0", "::/0"} & set(settings.sip_allow):
        lines.append("--sip-allow lets every machine call the bot: name the networks of your trunk, or --sip-users")
    if settings.sip and settings.sip_media_encryption == "required" and settings.sip_transports != ("tls",):
        lines.append("--sip-media-encryption required without TLS alone: whoever reads the signalling reads the keys")
    if settings.sip and settings.sip_public_address and is_loopback(settings.sip_host):
        lines.append(
            f"--sip-public-address {settings.sip_public_address}: nothing comes in from outside while --sip-host is "
            f"{settings.sip_host}; set it to this machine's address in its network"
        )
    return lines


def _open_doors(settings: Settings) -> Iterator[str]:
    reach = f"every machine that reaches {settings.public_url or settings.host}"
    if not is_exposed(settings):
        reach = "this machine"
    closed = is_exposed(settings) and not settings.insecure
    if not api_tokens_known(settings):
        state = f"closed to {reach}" if closed else f"open to {reach}"
        yield f"/ws is {state}: set BRIDGE_API_TOKEN or --api-token-file"
    if not twilio_secret_known(settings):
        state = f"closed to {reach}" if closed else f"open to {reach}, nothing is verified"
        yield f"/twilio is {state}: set BRIDGE_TWILIO_AUTH_TOKEN or --twilio-auth-token-file"


def api_tokens_known(settings: Settings) -> bool:
    """Return whether clients must show a token."""
    return bool(settings.api_token or settings.api_tokens_file)


def twilio_secret_known(settings: Settings) -> bool:
    """Return whether it can be told what Twilio signed."""
    return bool(settings.twilio_auth_token or settings.twilio_shared_key)


def is_exposed(settings: Settings) -> bool:
    """Return whether others than the users of this machine may reach the port: over the network, or through a proxy."""
    return not is_loopback(settings.host) or bool(settings.public_url) or settings.trust_proxy_headers


def connection_limits(settings: Settings) -> tuple[int, int]:
    """Return how many connections there may be in all, and from one address."""
    lines = settings.max_calls + settings.max_clients
    in_all = settings.max_connections or lines + 400
    return in_all, min(in_all, settings.max_connections_per_address or lines + 100)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches `host`; names other than localhost may be anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


def _exposure(settings: Settings) -> Iterator[str]:
    tokens = api_tokens_known(settings) or twilio_secret_known(settings)
    if not (is_loopback(settings.host) or tokens or settings.insecure):
        yield (
            f"--host {settings.host} is open to the network and there is no token: set BRIDGE_API_TOKEN or "
            "BRIDGE_TWILIO_AUTH_TOKEN, listen on 127.0.0.1, or say --insecure"
        )


def _tls(settings: Settings) -> Iterator[str]:
    certificate, key = settings.ssl_certfile, settings.ssl_keyfile
    if certificate and not key:
        yield f"--ssl-certfile {certificate} needs its private key: --ssl-keyfile"
    if key and not certificate:
        yield f"--ssl-keyfile {key} needs its certificate: --ssl-certfile"
    if settings.generate_self_signed_cert and (certificate or key):
        yield "--generate-self-signed-cert and --ssl-certfile exclude each other: drop one"
    for flag, path in (("--ssl-certfile", certificate), ("--ssl-keyfile", key)):
        if path and not path.is_file():
            yield f"{flag} {path} is no file"


def _tokens(settings: Settings) -> Iterator[str]:
    if (path := settings.api_tokens_file) and (wrong := wrong_in(path)):
        yield f"--api-tokens-file {path}: {wrong}"


def _twilio(settings: Settings) -> Iterator[str]:
    url = settings.public_url
    if twilio_secret_known(settings) and not (url or settings.trust_proxy_headers):
        yield (
            "Twilio signs the URL it calls, and with an auth token or a shared key it must be known: set --public-url "
            "https://HOST, or --trust-proxy-headers behind a proxy"
        )
    if url and not _is_https(url):
        yield f"--public-url is {url!r}; allowed: https://HOST, https://HOST:PORT, and a path that the proxy strips"
    if settings.twilio_account_sid and not settings.twilio_auth_token:
        yield "--twilio-account-sid needs its auth token: set BRIDGE_TWILIO_AUTH_TOKEN, or --twilio-auth-token-file"
    api = urlsplit(settings.twilio_api_url)
    if api.scheme != "https" and not is_loopback(api.hostname or ""):
        yield f"--twilio-api-url {settings.twilio_api_url}: the auth token goes there, so it must be https://"


def _dialling(settings: Settings) -> Iterator[str]:
    if settings.dial_allow and not api_tokens_known(settings) and is_exposed(settings):
        who = settings.public_url or settings.host
        yield (
            f"--dial-allow lets everyone who reaches {who} place calls at your cost: set BRIDGE_API_TOKEN, or listen "
            "on 127.0.0.1 without --public-url and --trust-proxy-headers"
        )


def _machine(settings: Settings) -> Iterator[str]:
    if settings.machine_detection == "message" and not settings.machine_message:
        yield "--machine-detection message needs what to leave: --machine-message TEXT"


def _recognition(settings: Settings) -> Iterator[str]:
    names, urls = ", ".join(settings.asr), ", ".join(settings.asr_url)
    if urls and "openai" not in settings.asr:
        yield f"--asr-url {urls} is for the recogniser openai and --asr is {names}: say --asr openai, or drop --asr-url"
    if "openai" in settings.asr and not urls:
        yield f"--asr {names} needs the URL of a server: --asr-url http://HOST:PORT"
    if settings.ray_address and "ray" not in settings.asr:
        yield f"--ray-address {settings.ray_address} is for the recogniser ray and --asr is {names}: say --asr ray"
    if (
        settings.language
        and settings.languages
        and not any(_same_language(settings.language, one) for one in settings.languages)
    ):
        allowed = ",".join(settings.languages)
        yield f"--language {settings.language} is none of --languages {allowed}: add it, or drop one of the two"
    first = settings.asr[0]  # it alone gets the model
    if (first == "whisper" or (first == "auto" and find_spec("vllm") is None)) and (
        advice := not_for_whisper(settings.asr_model_path)
    ):
        yield advice
    if settings.vllm_max_num_batched_tokens < settings.vllm_max_num_seqs:
        yield (
            f"--vllm-max-num-batched-tokens {settings.vllm_max_num_batched_tokens} must not be less than "
            f"--vllm-max-num-seqs {settings.vllm_max_num_seqs}: each decode of a step computes at least one token"
        )


def _voices(settings: Settings) -> Iterator[str]:
    for language, names in groupby(sorted(settings.voices, key=named), key=named):
        if len(twice := list(names)) > 1:
            yield f"--voices names {language} more than once: {', '.join(twice)}; give one voice a language"


def _same_language(one: str, other: str) -> bool:
    return (code_of(one) or one.casefold()) == (code_of(other) or other.casefold())


def _ending(settings: Settings) -> Iterator[str]:
    if settings.turn_unsure > settings.turn_sure:
        yield f"--turn-unsure {settings.turn_unsure} must not be above --turn-sure {settings.turn_sure}"
    if settings.ending != "smart-turn" and settings.ending_model_path and ":" not in settings.ending:
        yield (
            f"--ending-model-path {settings.ending_model_path} is for the ending smart-turn and --ending is "
            f"{settings.ending}: say --ending smart-turn, or drop it"
        )


def _voice(settings: Settings) -> Iterator[str]:
    if settings.tts == "hibari" and settings.tts_url:
        urls = ", ".join(settings.tts_url)
        yield f"--tts-url {urls} is for voices over HTTP and --tts is hibari: say --tts openai, or drop --tts-url"
    if settings.tts_profiles and not settings.tts_profiles.is_file():
        yield f"--tts-profiles {settings.tts_profiles} is no file"


def _routes(settings: Settings, plain: set[str]) -> Iterator[str]:
    for route in settings.route:
        yield from (f"{route}: {line}" for line in _refusals(routes.of_route(settings, route)) if line not in plain)


def _webhook(settings: Settings) -> Iterator[str]:
    if settings.webhook_url and settings.webhook_twiml_url:
        yield "--webhook-twiml-url asks where the relay is, --webhook-url says it: give one of them"
    if settings.bot == "webhook" and not (settings.webhook_url or settings.webhook_twiml_url):
        yield "--bot webhook needs to know where: --webhook-url https://HOST/PATH, or wss://HOST/PATH"


def _sip(settings: Settings) -> Iterator[str]:
    if not settings.sip:
        return
    if find_spec("baresip") is None:
        yield f"--sip needs the extra sip: {installing.extra('sip')}"
    if "tls" in settings.sip_transports and not settings.sip_certfile:
        yield "--sip-transports tls needs a certificate: --sip-certfile"
    for flag, path in (
        ("--sip-certfile", settings.sip_certfile),
        ("--sip-keyfile", settings.sip_keyfile),
        ("--sip-cafile", settings.sip_cafile),
        ("--sip-users", settings.sip_users),
    ):
        if path and not path.is_file():
            yield f"{flag} {path} is no file"


def _ari(settings: Settings) -> Iterator[str]:
    if settings.ari_url and not (settings.ari_user and settings.ari_password):
        yield "--ari-url needs a user of ari.conf: --ari-user, and BRIDGE_ARI_PASSWORD or --ari-password-file"
    low, high = map(int, settings.ari_rtp_ports.split("-"))
    if not 1024 <= low < high <= 65_535:
        yield f"--ari-rtp-ports {settings.ari_rtp_ports}; allowed: LOW-HIGH, between 1024 and 65535"


def _handover(settings: Settings) -> Iterator[str]:
    """Two servers cannot have these at the same time, and the old one still has calls on them."""
    others = {"--sip": settings.sip, "--ari-url": bool(settings.ari_url)}
    others |= {"--audiosocket-port": settings.audiosocket_port > 0, "--wyoming-port": settings.wyoming_port > 0}
    if settings.handover_socket and (used := [flag for flag, is_used in others.items() if is_used]):
        yield (
            f"--handover-socket hands over the HTTP port alone, not {', '.join(used)}: start the next server on "
            "ports of its own, and move the calls in front of it"
        )


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port_is_sound = parts.port != 0  # reading it raises where it is no number
    except ValueError:
        return False
    bare = not (parts.query or parts.fragment or parts.username or parts.password)
    path_is_sound = _PATH.fullmatch(parts.path) is not None
    return parts.scheme in {"https", "wss"} and bool(parts.hostname) and bare and port_is_sound and path_is_sound
