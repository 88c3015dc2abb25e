"""The benchmark of phone bots.

python -m phone sounds FOLDER                    make what the callers say, as WAV files
python -m phone run bridge|pipecat|livekit       start the server of that name, and call it
python -m phone run --url wss://... --name MINE  call any server that speaks Twilio's media dialect
python -m phone table FILE...                    the panels of several runs side by side
"""

import argparse
import asyncio
import os
import platform
import signal
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # it ships no types

from phone import material, panel, run, scenarios
from phone.panel import Measured
from phone.play import Played
from phone.processes import KINDS, ROOT, DidNotStart, started
from telephony.signature import SIGNATURE_HEADER


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m phone", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sounds = commands.add_parser("sounds", help="make what the callers say")
    sounds.add_argument("folder", type=Path)
    calling = commands.add_parser("run", help="call a server")
    calling.add_argument("server", nargs="?", choices=KINDS, help="a server that is started here")
    calling.add_argument("--url", help="the WebSocket of a server that runs")
    calling.add_argument("--name", help="what it is called in the table")
    calling.add_argument("--pid", type=int, help="its process, where it runs on this machine")
    calling.add_argument("--transcripts", type=Path, help="where it writes what the caller said, a line of JSON each")
    calling.add_argument(
        "--header", action="append", default=[], metavar="NAME: VALUE", help="of the WebSocket request"
    )
    calling.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the stream")
    calling.add_argument("--sign", metavar="VARIABLE", help="sign the request with the auth token in this variable")
    calling.add_argument("--scenarios", type=Path, default=scenarios.SCENARIOS)
    calling.add_argument("--groups", default="", metavar="A,B", help="of the scenarios; default all")
    calling.add_argument("--quick", action="store_true", help="only the first call of each group")
    calling.add_argument("--json", type=Path, metavar="FILE", help="where to keep it; calls are added to what is there")
    tables = commands.add_parser("table", help="panels side by side")
    tables.add_argument("files", nargs="+", type=Path)
    tables.add_argument("--into", type=Path, metavar="FILE", help="put it between its marks in a document, too")
    options = parser.parse_args()
    # Ended by a time limit, too, it ends its server.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        match options.command:
            case "sounds":
                asyncio.run(make_sounds(options.folder))
            case "run":
                if bool(options.server) == bool(options.url):
                    parser.error("run needs the name of a server or --url")
                asyncio.run(call(options))
            case "table":
                servers = [run.read(path) for path in options.files]
                show(servers)
                if options.into:
                    options.into.write_text(panel.published(options.into.read_text(), servers))
    except (OSError, ValueError, DidNotStart) as error:
        parser.exit(1, f"{error}\n")


async def make_sounds(folder: Path) -> None:
    chosen = scenarios.load()
    print(material.save(await material.Material(chosen.seed).make(chosen.sounds()), folder))


async def call(options: argparse.Namespace) -> None:
    """Call a server as `options` say, and print its panel."""
    public = scenarios.load(options.scenarios)
    chosen = public.of(set(filter(None, options.groups.split(","))))
    if options.quick:
        first = {call.group: call for call in reversed(chosen.calls)}
        chosen = scenarios.ScenarioSet(chosen.seed, tuple(c for c in chosen.calls if first[c.group] is c))
    sounds = await material.Material(public.seed).make(public.sounds())  # all: their hash tells which set it was
    async with AsyncExitStack() as servers:
        target = run.Target(
            name=options.name or options.server or options.url,
            url=options.url or "",
            pid=options.pid,
            transcripts=options.transcripts,
            headers=headers(options),
            parameters=dict(parameter.split("=", 1) for parameter in options.parameter),
        )
        if options.server:
            local = await servers.enter_async_context(started(KINDS[options.server], ROOT / "build" / "bench-phone"))
            target = run.Target(name=target.name, url=local.url, pid=local.pid, transcripts=local.transcripts)
        measured = Measured(target.name, about(options.server, material.fingerprint(sounds)))
        if options.json and options.json.exists():
            measured = run.read(options.json)
        running = run.Run(target, chosen, sounds)
        await running.warm_up()

        def tell(played: Played) -> None:
            late = f"late {played.late_p99_ms:4.1f} ms"
            print(f"{played.call:<18} {played.seconds:5.0f} s  {late}  {played.fault}", flush=True)
            if options.json:
                run.save(measured, options.json)

        await running.measure(measured, tell)
    if all(played.fault for played in measured.calls):
        raise ValueError(f"{target.url}: no call: {measured.calls[-1].fault}")
    show([measured])


def headers(options: argparse.Namespace) -> dict[str, str]:
    """Return the headers of the WebSocket request.

    Raises:
        ValueError: one is no header, or there is no token to sign with.
    """
    found = {}
    for header in options.header:
        name, colon, value = header.partition(":")
        if not colon:
            raise ValueError(f"--header {header!r}: write it as NAME: VALUE")
        found[name.strip()] = value.strip()
    if options.sign:
        if not (token := os.environ.get(options.sign)):
            raise ValueError(f"--sign {options.sign}: there is no such variable")
        found[SIGNATURE_HEADER] = RequestValidator(token).compute_signature(options.url, {})
    return found


def show(servers: list[Measured]) -> None:
    print(f"\n{panel.text(servers)}")


def about(server: str | None, sounds: str) -> dict[str, str]:
    """Return what a run was made on."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    told = {
        "cpu": f"{os.cpu_count()} x {model}",
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "sounds": sounds,
    }
    if server:
        kind = KINDS[server]
        script = f"import importlib.metadata as m; print(m.version({kind.package!r}))"
        done = subprocess.run([str(kind.python), "-c", script], capture_output=True, text=True, check=False)
        told["version"] = f"{kind.package} {done.stdout.strip()}"
    return told


if __name__ == "__main__":
    main()
