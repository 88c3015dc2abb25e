"""What the SIP stack runs with, in baresip's words: its configuration and its accounts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import baresip

from bridge.legs.sip.media.intake import HELD_MS, HELD_PACKETS
from bridge.legs.sip.media.streams import PLAIN
from bridge.legs.sip.options import StackOptions, Transport
from bridge.legs.sip.uri import bracketed, host_of, parameter, user_of

_CODECS: Final = {
    "pcmu": "pcmu/8000/1",
    "pcma": "pcma/8000/1",
    "g722": "g722/16000/1",
    "opus": "opus/48000/1",
}
_TRANSPORTS: Final[Mapping[str, Transport]] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}
_ENCRYPTION: Final = {"off": f"mediaenc={PLAIN}", "optional": "mediaenc=srtp", "required": "mediaenc=srtp-mand"}


def config(options: StackOptions, folder: Path) -> baresip.Config:
    """Return what the whole stack runs with; what it has to read lies in `folder`."""
    lines = {
        "sip_listen": f"{bracketed(options.host)}:{options.port}",
        "sip_transports": ",".join(options.transports),
        "sip_verify_server": "yes",
        "rtp_ports": options.rtp_ports,
        "call_hold_other_calls": "no",
        "audio_jitter_buffer_type": "fixed",  # never asked to play: `Intake` takes out what comes in
        "audio_jitter_buffer_ms": f"{HELD_MS}-{HELD_MS}",
        "audio_jitter_buffer_size": str(HELD_PACKETS),
        "opus_stereo": "no",
        "opus_sprop_stereo": "no",
        "opus_inbandfec": "yes",
    }
    if options.certificate:
        lines["sip_certificate"] = _certificate(options, folder)
    if options.cafile:
        lines["sip_cafile"] = options.cafile
    anywhere = options.host in {"0.0.0.0", "::"}
    return baresip.Config(
        net_interface=None if anywhere else options.host,
        expose_headers=options.headers,
        max_concurrent_calls=None,
        rtp_timeout=options.media_timeout_s,
        extra_config_text="".join(f"{name} {value}\n" for name, value in lines.items()),
    )


def _certificate(options: StackOptions, folder: Path) -> str:
    """Return the path of one file with certificate and key, as the stack wants them; others cannot read it."""
    path = folder / "certificate.pem"
    path.touch(mode=0o600)
    path.write_text(options.certificate)
    return str(path)


def _common(options: StackOptions) -> tuple[str, ...]:
    # Without the first, a call answered without video is re-negotiated at once, which simple peers do not survive.
    return ("video_codecs=none", _ENCRYPTION[options.media_encryption])


def _codecs(options: StackOptions) -> tuple[str, ...]:
    return tuple(_CODECS[name] for name in options.codecs)


def own_account(options: StackOptions, transport: Transport) -> baresip.Account:
    """Return the account that calls over one transport come in at: the stack asks none of another transport."""
    return baresip.Account(
        "bridge",
        bracketed(options.host),
        "",
        reg_interval=0,
        transport=transport,
        audio_codecs=_codecs(options),
        dtmf_mode=_dtmf(options.dtmf),
        extra_params=(*_common(options), "catchall=yes"),
    )


def trunk_account(options: StackOptions) -> baresip.Account:
    """Return the account at the trunk."""
    return baresip.Account(
        user_of(options.trunk),
        host_of(options.trunk),
        options.trunk_password,
        reg_interval=options.register_s,
        transport=_TRANSPORTS.get(parameter(options.trunk, "transport"), options.transports[0]),
        audio_codecs=_codecs(options),
        dtmf_mode=_dtmf(options.dtmf),
        auth_user=options.trunk_user or None,
        extra_params=_common(options),
    )


def _dtmf(mode: Literal["auto", "rtp", "info"]) -> Literal["auto", "rtpevent", "info"]:
    return "rtpevent" if mode == "rtp" else mode
