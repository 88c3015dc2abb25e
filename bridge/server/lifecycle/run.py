"""A server from start to end: takes the port, loads the models, opens the port, carries calls, ends them cleanly."""

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

from pydantic import SecretStr

from bridge import logs, settings
from bridge.recording.recordings import recorded_in
from bridge.records.call_log import describe
from bridge.redaction.redactor import Redactor
from bridge.server import routing, tls
from bridge.server.access import listener
from bridge.server.access.doors import who_comes_in
from bridge.server.app import make_app
from bridge.server.app_keys import METRICS
from bridge.server.auth import with_api_token
from bridge.server.lifecycle.handover import Predecessor, find_predecessor
from bridge.server.lifecycle.memory import keep_for_good
from bridge.server.lifecycle.reload import Reread
from bridge.server.lifecycle.server import RunningServer
from bridge.server.resources import Resources
from bridge.server.siblings.membership import Membership
from bridge.server.siblings.supervision import Supervision
from bridge.server.siblings.worker import ServingWorker
from bridge.settings import Settings, SettingsError
from bridge.settings import reread as reread_files
from bridge.speaking.voices.voices import Voices

log = logging.getLogger(__name__)


async def serve(
    options: Settings, load: Callable[[Settings], Resources], reread: Reread = lambda now: reread_files(now, {})
) -> None:
    """Serve until SIGTERM, then until the calls have ended or their time is over; SIGINT ends them at once.

    `reread` is asked at SIGHUP for what has changed.

    Raises:
        SettingsError: `options` would be unsafe or contradict each other.
        PluginError, ModelMissing: something named is not installed. OSError: the port or a file is not to be had.
    """
    given, options = options, checked(options)
    certificates = await asyncio.to_thread(tls.Certificates, options)
    before = await predecessor(options)
    sockets = await take_port(options, before)
    made = options.api_token if given.api_token is None else None

    def tell(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    async with _serving(
        options,
        load=load,
        reread=reread,
        certificates=certificates,
        sockets=sockets,
        before=before,
        made=made,
        tell=tell,
    ) as server:
        await server.time_to_end()


async def serve_as_worker(
    worker: ServingWorker,
    line: Supervision,
    load: Callable[[Settings], Resources],
    reread: Reread,
    *,
    made: SecretStr | None,
) -> None:
    """Serve as one of several processes, until a signal or the supervisor at the end of `line` says so.

    `made`: the API token that nobody set. Raises as `serve` does, but for `SettingsError`.
    """
    options = worker.settings
    _set_up_logs(options, worker=worker.number)
    certificates = await asyncio.to_thread(tls.Certificates, options)
    membership = await asyncio.to_thread(Membership.of, worker)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            _serving(
                options,
                load=load,
                reread=reread,
                certificates=certificates,
                sockets=worker.sockets,
                membership=membership,
                made=made,
                stand_by=line.stand_by,
                tell=line.ready,
            )
        )
        obeying = asyncio.create_task(_obey(line, server, membership))
        stack.callback(obeying.cancel)
        await server.time_to_end()


async def _obey(line: Supervision, server: RunningServer, membership: Membership) -> None:
    """Do what the supervisor says; without one, leave the port to the next server and drain."""
    give_way = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(line.live())
        obeying = tasks.create_task(line.obey(siblings=membership.siblings.set, give_way=give_way.set))
        obeying.add_done_callback(lambda _: give_way.set())
        await give_way.wait()
        why = (
            "the supervisor of the workers is gone" if obeying.done() else "another worker takes the place of this one"
        )
        await server.give_way(why)


def _set_up_logs(options: Settings, *, worker: int = 0) -> None:
    redactor = Redactor(options.redact, options.redact_pattern)
    redact, said = (redactor.text, redactor.said) if redactor.active else (str, str)
    logs.setup(options.log_level, json=options.log_json, redact=redact, redact_said=said, worker=worker)


def checked(options: Settings) -> Settings:
    """Set the logs up, and return `options` with the API token that they need and do not have.

    Raises:
        SettingsError: they would be unsafe or contradict each other.
    """
    _set_up_logs(options)
    if refusals := [*settings.refusals(options), *routing.unreachable(options.route)]:
        raise SettingsError("\n".join(refusals))
    options = with_api_token(options)
    for warning in settings.warnings(options):
        log.warning("%s", warning)
    return options


@asynccontextmanager
async def _serving(
    options: Settings,
    *,
    load: Callable[[Settings], Resources],
    reread: Reread,
    certificates: tls.Certificates,
    sockets: Sequence[socket.socket],
    membership: Membership | None = None,
    before: Predecessor | None = None,
    made: SecretStr | None = None,
    stand_by: Callable[[], Awaitable[None]] | None = None,
    tell: Callable[[str], None],
) -> AsyncIterator[RunningServer]:
    """Serve on `sockets` inside the block, and close them after it; `tell` gets the banner once all is ready.

    `stand_by` is awaited once the models are loaded: no port of ours is open before it returns.
    """
    membership = membership or Membership.alone()
    try:
        resources = await asyncio.to_thread(load, options)  # before the port opens: who connects finds the models warm
        try:
            if stand_by:
                await stand_by()
            app = await asyncio.to_thread(make_app, options, resources, membership)  # it reads the page's files
            resources.observe(app[METRICS].decodes)
            resources.follow()
            resources.voices.observers.add(app[METRICS].voices)
            keep_for_good()
            server = RunningServer(
                app,
                options,
                sockets,
                certificates=certificates,
                reread=reread,
                patience_s=membership.patience_s,
            )
            async with server.running(before or Predecessor()), membership.reachable(app, server.make_protocol):
                port = sockets[0].getsockname()[1]
                tell(banner(options, resources, port, secure=certificates.context is not None, made=made))
                yield server
        finally:
            await asyncio.to_thread(resources.close)  # it waits for the decode under way
    finally:
        listener.close(sockets)


async def predecessor(options: Settings) -> Predecessor:
    """Return the server whose port we take over, if there is one.

    Raises:
        OSError: it has another port.
    """
    before = await find_predecessor(options.handover_socket)
    if before.sockets and not await listener.serves(before.sockets, options.host, options.port):
        before.leave()
        listener.close(before.sockets)
        raise OSError(
            f"the server that waits at {options.handover_socket} does not listen on {options.host}, port "
            f"{options.port}: give this one a --handover-socket of its own"
        )
    return before


async def take_port(options: Settings, before: Predecessor) -> Sequence[socket.socket]:
    """Take the port, so that a busy one is told now and not after a minute of loading; others are only tried.

    Raises:
        OSError: one of them is not to be had.
    """
    if before.sockets:
        log.info("the port is taken over from another server once the models are warm")
        return before.sockets
    for port in filter(None, (options.audiosocket_port, options.wyoming_port)):
        listener.close(await listener.bind(options.host, port))
    return await listener.bind(options.host, options.port)


def banner(options: Settings, resources: Resources, port: int, *, secure: bool, made: SecretStr | None = None) -> str:
    """Return where to connect, who may come in, which models run, and on what.

    `made`: the API token that nobody set, which is in the address of the page.
    """
    s = "s" if secure else ""
    host = "localhost" if options.host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else options.host
    public = options.public_url.rstrip("/") or f"http{s}://{host}:{port}"
    device = getattr(resources.asr, "device", "")
    denoiser = getattr(resources.denoisers, "name", options.denoiser) if resources.denoisers else "off"
    sip = ", ".join(options.sip_transports)
    token = f"?token={made.get_secret_value()}" if made else ""
    outside = [f"https://{options.public_url.partition('://')[2].rstrip('/')}/{token}"] if options.public_url else []
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
            *([f"  Wyoming       tcp://{host}:{options.wyoming_port}"] if options.wyoming_port else []),
            *([f"  ARI           {options.ari_url} as {options.ari_app}"] if options.ari_url else []),
            f"  health        http{s}://{host}:{port}/healthz   metrics /metrics",
            f"  recogniser    {resources.asr.name}{f' ({device})' if device else ''}",
            f"  VAD, denoiser {options.vad}, {denoiser}",
            *(f"  {'' if number else 'who comes in':<13} {door}" for number, door in enumerate(doors)),
            *(f"  {'' if number else 'limits':<13} {limit}" for number, limit in enumerate(_limits(options))),
            *(f"  {'' if number else 'voices':<13} {voice}" for number, voice in enumerate(_voices(resources))),
            f"  voice, bot    {options.tts}, {options.bot}",
            f"  call log      {describe(options)}",
            *(f"  {'' if number else 'recordings':<13} {place}" for number, place in enumerate(recorded_in(options))),
        ]
    )


def _voices(resources: Resources) -> list[str]:
    """Return which voices there are and what they speak, a line each: the default, and those of languages."""
    profiles = [resources.tts, *(profile.tts for profile in resources.profiles)]
    return list(dict.fromkeys(line for tts in profiles for line in Voices.of(tts).summary()))


def _limits(options: Settings) -> list[str]:
    """Return how many may come in, and what keeps new ones out."""
    bounds = (("address", options.max_clients_per_address), ("token", options.max_clients_per_token))
    each = [f"{bound} of one {what}" for what, bound in bounds if bound]
    idle_s = options.client_idle_timeout
    each += [f"closed after {idle_s:g} s without audio"] if idle_s else []
    clients = f"{options.max_clients} clients" + (f" ({', '.join(each)})" if each else "")
    wait_s, lag_s = options.load_final_wait, options.load_loop_lag
    past = [f"finals that wait {wait_s:g} s"] if wait_s else []
    past += [f"an event loop {lag_s:g} s late"] if lag_s else []
    loads = [f"new ones are refused at {' or '.join(past)}"] if past else []
    return [f"{options.max_calls} calls, {clients}", *loads]
