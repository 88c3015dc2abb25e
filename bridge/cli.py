"""The `bridge` command: serve, config."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version

from aiohttp import web

from bridge import logs, settings, tls
from bridge.engines import Engines
from bridge.plugins import PluginError
from bridge.server import LINES, make_app
from bridge.settings import Settings, SettingsError
from bridge.speech.api import ModelMissing

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0 done, 1 cannot run, 2 wrong options."""
    parser = argparse.ArgumentParser(prog="bridge", description="Voice bots on the telephone line.")
    parser.add_argument("--version", action="version", version=f"bridge {version('voice-bridge')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, about in (("serve", "answer calls"), ("config", "print the options in force, secrets masked")):
        settings.add_flags(commands.add_parser(name, help=about, description=about))
    flags = parser.parse_args(argv)
    try:
        options = settings.load(flags)
        return _config(options) if flags.command == "config" else _serve(options)
    except SettingsError as error:
        print(f"bridge: {error}", file=sys.stderr)
        return 2
    except (PluginError, ModelMissing, OSError) as error:
        print(f"bridge: {error}", file=sys.stderr)
        return 1


def _config(options: Settings) -> int:
    print(settings.as_toml(options), end="")
    return 0


def _serve(options: Settings) -> int:
    logs.setup(options.log_level, json=options.log_json)
    if refusals := settings.refusals(options):
        raise SettingsError("\n".join(refusals))
    for warning in settings.warnings(options):
        log.warning("%s", warning)
    engines = Engines.load(options)  # before the port opens: whoever connects finds the models warm
    try:
        asyncio.run(_run(options, engines))
    finally:
        engines.close()
    return 0


async def _run(options: Settings, engines: Engines) -> None:
    """Serve until SIGINT or SIGTERM, then let the running calls end well."""
    runner = web.AppRunner(
        make_app(options, engines), access_log=None, shutdown_timeout=options.drain_timeout, handle_signals=False
    )
    await runner.setup()
    secure = tls.context(options)
    try:
        await web.TCPSite(runner, options.host, options.port, ssl_context=secure).start()
        stop = asyncio.Event()
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, stop.set)
        print(_banner(options, engines, runner.addresses[0][1], secure=secure is not None), flush=True)
        await stop.wait()
        log.info("shutting down: %d calls in progress", runner.app[LINES].taken)
    finally:
        await runner.cleanup()


def _banner(options: Settings, engines: Engines, port: int, *, secure: bool) -> str:
    s = "s" if secure else ""
    host = "localhost" if options.host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else options.host
    public = options.public_url or f"http{s}://{host}:{port}"
    denoiser = f"{options.dfn_model}, {options.dfn_attenuation_limit:g} dB" if engines.denoisers else "off"
    return "\n".join(
        [
            f"bridge {version('voice-bridge')} is ready",
            f"  transcripts   ws{s}://{host}:{port}/ws",
            f"  Twilio        POST {public}/twilio/voice",
            f"  health        http{s}://{host}:{port}/healthz   metrics /metrics",
            f"  recogniser    {engines.asr.name}",
            f"  VAD, denoiser {options.vad}, {denoiser}",
            f"  voice, bot    {options.tts}, {options.bot}",
        ]
    )
