"""`bridge serve`: answers calls."""

import argparse
import asyncio
from typing import Final

import aiohttp

from bridge import settings
from bridge.cluster.workers.sharing import workers_of
from bridge.plugins import PluginError
from bridge.recording.shelf import NoRecordings
from bridge.records.call_log import NoCallLog
from bridge.server.lifecycle.run import serve
from bridge.server.lifecycle.signals import keep_exit_code
from bridge.server.resources import Resources
from bridge.speech.api import ModelMissing
from bridge.tracing.tracing import NoTracing

FAILURES: Final = {
    settings.SettingsError: 2,
    PluginError: 1,
    ModelMissing: 1,
    NoCallLog: 1,
    NoTracing: 1,
    NoRecordings: 1,
    aiohttp.ClientError: 1,
}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` all options."""
    settings.add_help(parser)
    settings.add_flags(parser)


def run(flags: argparse.Namespace) -> int:
    """Serve until a signal ends it. Return the exit code."""
    options = settings.load(flags)
    if workers_of(options) > 1:
        from bridge.cli.serving.workers import serve_with_workers

        serving = serve_with_workers(options, flags)
    else:
        serving = _serve(options, flags)
    try:
        return asyncio.run(serving)
    finally:
        keep_exit_code()


async def _serve(options: settings.Settings, flags: argparse.Namespace) -> int:
    await serve(options, Resources.load, lambda now: settings.reread(now, flags))
    return 0
