"""A server from start to signal: it loads the models, opens the port, carries calls, and ends them cleanly."""

import asyncio
import logging
import signal
import ssl
import sys
from collections.abc import Callable
from importlib.metadata import version

from aiohttp import web

from bridge import logs, settings
from bridge.server import routing, tls
from bridge.server.app import LINES, METRICS, make_app
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
    for warning in settings.warnings(options):
        log.warning("%s", warning)
    secure = tls.context(options)
    engines = await asyncio.to_thread(load, options)  # before the port opens: who connects finds the models warm
    try:
        app = await asyncio.to_thread(make_app, options, engines)  # it reads the page's files
        engines.observe(app[METRICS].decodes)
        await _serve(app, options, engines, tls=secure)
    finally:
        await asyncio.to_thread(engines.close)  # it waits for the decode under way


async def _serve(app: web.Application, options: Settings, engines: Resources, *, tls: ssl.SSLContext | None) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=options.drain_timeout)
    try:
        await runner.setup()
        await web.TCPSite(runner, options.host, options.port, ssl_context=tls).start()
        stop = asyncio.Event()
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, stop.set)
        port = runner.addresses[0][1]
        sys.stdout.write(banner(options, engines, port, secure=tls is not None) + "\n")
        sys.stdout.flush()
        await stop.wait()
        log.info("shutting down: %d calls in progress", app[LINES].taken)
    finally:
        await runner.cleanup()


def banner(options: Settings, engines: Resources, port: int, *, secure: bool) -> str:
    """Return where to connect, which models run, and on what."""
    s = "s" if secure else ""
    host = "localhost" if options.host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else options.host
    public = options.public_url or f"http{s}://{host}:{port}"
    device = getattr(engines.asr, "device", "")
    denoiser = getattr(engines.denoisers, "name", options.denoiser) if engines.denoisers else "off"
    sip = ", ".join(options.sip_transports)
    return "\n".join(
        [
            f"bridge {version('voice-bridge')} is ready",
            f"  page          http{s}://{host}:{port}/",
            f"  transcripts   ws{s}://{host}:{port}/ws",
            f"  Twilio        POST {public}/twilio/voice",
            *([f"  SIP           sip:{options.sip_host}:{options.sip_port} ({sip})"] if options.sip else []),
            *([f"  AudioSocket   {host}:{options.audiosocket_port}"] if options.audiosocket_port else []),
            *([f"  ARI           {options.ari_url} as {options.ari_app}"] if options.ari_url else []),
            f"  health        http{s}://{host}:{port}/healthz   metrics /metrics",
            f"  recogniser    {engines.asr.name}{f' ({device})' if device else ''}",
            f"  VAD, denoiser {options.vad}, {denoiser}",
            f"  voice, bot    {options.tts}, {options.bot}",
        ]
    )
