"""A server from start to signal: takes the port, loads the models, opens the port, carries calls, ends them cleanly."""

import asyncio
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import SecretStr

from bridge import logs, settings
from bridge.server import routing, tls
from bridge.server.access import listener
from bridge.server.access.doors import who_comes_in
from bridge.server.access.http_log import HttpLog
from bridge.server.app import CONNECTIONS, LINES, METRICS, REFUSALS, make_app
from bridge.server.auth import with_api_token
from bridge.server.resources import Resources
from bridge.settings import Settings, SettingsError

log = logging.getLogger(__name__)


async def serve(options: Settings, load: Callable[[Settings], Resources]) -> None:
    """Serve until SIGINT or SIGTERM, then let the running calls end well.

    Raises:
        SettingsError: `options` would be unsafe or contradict each other.
        PluginError, ModelMissing: something named is not installed. OSError: the port or a file is not to be had.
    """
    logs.setup(options.log_level, json=options.log_json)
    if refusals := [*settings.refusals(options), *routing.unreachable(options.route)]:
        raise SettingsError("\n".join(refusals))
    given, options = options, with_api_token(options)
    for warning in settings.warnings(options):
        log.warning("%s", warning)
    secure = await asyncio.to_thread(tls.context, options)
    sockets = await _bind(options)
    try:
        resources = await asyncio.to_thread(load, options)  # before the port opens: who connects finds the models warm
        try:
            app = await asyncio.to_thread(make_app, options, resources)  # it reads the page's files
            resources.observe(app[METRICS].decodes)
            made = options.api_token if given.api_token is None else None
            await _serve(app, options, resources, sockets, tls=secure, made=made)
        finally:
            await asyncio.to_thread(resources.close)  # it waits for the decode under way
    finally:
        listener.close(sockets)


async def _bind(options: Settings) -> list[socket.socket]:
    """Take the port, so that a busy one is told now and not after a minute of loading; AudioSocket's is only tried."""
    if options.audiosocket_port:
        listener.close(await listener.bind(options.host, options.audiosocket_port))
    return await listener.bind(options.host, options.port)


async def _serve(
    app: web.Application,
    options: Settings,
    resources: Resources,
    sockets: Sequence[socket.socket],
    *,
    tls: ssl.SSLContext | None,
    made: SecretStr | None,
) -> None:
    runner = make_runner(app, drain_s=options.drain_timeout)
    asyncio.get_running_loop().set_exception_handler(listener.Scarcity().handle)
    try:
        await runner.setup()
        assert runner.server
        async with listener.Listener(sockets, runner.server, app[CONNECTIONS], tls=tls):
            stop = asyncio.Event()
            for signum in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(signum, stop.set)
            port = sockets[0].getsockname()[1]
            sys.stdout.write(banner(options, resources, port, secure=tls is not None, made=made) + "\n")
            sys.stdout.flush()
            await stop.wait()
            log.info("shutting down: %d calls in progress", app[LINES].taken)
    finally:
        await runner.cleanup()


def make_runner(app: web.Application, *, drain_s: float) -> web.AppRunner:
    """Return what speaks HTTP: it inflates nothing that strangers send, and logs their faults as refusals."""
    http_log = HttpLog(logging.getLogger("aiohttp.server"), app[REFUSALS])
    return web.AppRunner(app, access_log=None, shutdown_timeout=drain_s, auto_decompress=False, logger=http_log)


def banner(options: Settings, resources: Resources, port: int, *, secure: bool, made: SecretStr | None = None) -> str:
    """Return where to connect, who may come in, which models run, and on what.

    `made`: the API token that nobody set, which is in the address of the page.
    """
    s = "s" if secure else ""
    host = "localhost" if options.host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else options.host
    public = options.public_url or f"http{s}://{host}:{port}"
    device = getattr(resources.asr, "device", "")
    denoiser = getattr(resources.denoisers, "name", options.denoiser) if resources.denoisers else "off"
    sip = ", ".join(options.sip_transports)
    token = f"?token={made.get_secret_value()}" if made else ""
    outside = [f"https://{urlsplit(options.public_url).netloc}/{token}"] if options.public_url else []
    doors = [f"{door}: {who}" for door, who in who_comes_in(options)]
    return "\n".join(
        [
            f"bridge {version('voice-bridge')} is ready",
            f"  page          http{s}://{host}:{port}/{token}",
            *(f"                {page}" for page in outside),
            f"  transcripts   ws{s}://{host}:{port}/ws",
            f"  Twilio        POST {public}/twilio/voice",
            *([f"  SIP           sip:{options.sip_host}:{options.sip_port} ({sip})"] if options.sip else []),
            *([f"  AudioSocket   {host}:{options.audiosocket_port}"] if options.audiosocket_port else []),
            *([f"  ARI           {options.ari_url} as {options.ari_app}"] if options.ari_url else []),
            f"  health        http{s}://{host}:{port}/healthz   metrics /metrics",
            f"  recogniser    {resources.asr.name}{f' ({device})' if device else ''}",
            f"  VAD, denoiser {options.vad}, {denoiser}",
            *(f"  {'' if number else 'who comes in':<13} {door}" for number, door in enumerate(doors)),
            f"  voice, bot    {options.tts}, {options.bot}",
        ]
    )
