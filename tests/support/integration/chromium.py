"""A real Chromium, driven over its DevTools protocol."""

import asyncio
import base64
import itertools
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

CHROMIUM: Final = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), "")
"""Where it is installed, or ""."""

_FLAGS: Final = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run --no-proxy-server "
    "--disable-background-networking --disable-component-update --disable-sync --disable-extensions "
    "--use-fake-device-for-media-stream --remote-debugging-port=0"
).split()


class DevTools:
    """The browser's end of the protocol: commands with answers, and events by session."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    async def read(self) -> None:
        async for message in self._socket:
            body = json.loads(message.data)
            if answer := self._answers.pop(body.get("id", 0), None):
                answer.set_result(body)
            else:
                self.events.append(body)

    async def call(self, method: str, *, session: str = "", **params: object) -> dict[str, Any]:
        """Return the result of a command.

        Raises:
            RuntimeError: the browser refused it.
        """
        number = next(self._numbers)
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        where = {"sessionId": session} if session else {}
        await self._socket.send_str(json.dumps({"id": number, "method": method, "params": params, **where}))
        async with asyncio.timeout(30):
            body = await answer
        if "error" in body:
            raise RuntimeError(f"{method}: {body['error']['message']}")
        result: dict[str, Any] = body["result"]
        return result


class Page:
    """A tab in a profile of its own."""

    def __init__(self, tools: DevTools, session: str, context: str) -> None:
        self._tools, self._session = tools, session
        self.context = context

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        return await self._tools.call(method, session=self._session, **params)

    async def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script says
        """Return the value of a JavaScript expression, awaited; the page takes it for the user's own doing."""
        answer = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def text(self, selector: str) -> str:
        """Return the text of the first element, "" where it is not shown."""
        found = f"document.querySelector({json.dumps(selector)})"
        return str(await self.run(f"{found}?.checkVisibility() ? {found}.innerText : ''"))

    async def texts(self, selector: str) -> list[str]:
        found: list[str] = await self.run(f"[...document.querySelectorAll({selector!r})].map(e => e.textContent)")
        return found

    async def until(self, script: str, *, timeout_s: float = 20.0) -> Any:  # noqa: ANN401 - whatever the script says
        """Wait until a JavaScript expression is true; return its value."""
        look = f"const look = () => {{ const value = {script}; value ? done(value) : setTimeout(look, 30); }}; look();"
        watch = f"new Promise(done => {{ {look} }})"
        try:
            async with asyncio.timeout(timeout_s):
                return await self.run(watch)
        except TimeoutError:
            shown = await self.run("document.body.innerText")
            raise AssertionError(f"{script} did not come true; the page shows:\n{shown}\n{self.complaints}") from None

    async def says(self, status: str) -> None:
        """Wait until the page shows this status."""
        await self.until(f"document.querySelector('#status').textContent === {status!r}")

    async def press(self, key: str, code: int) -> None:
        text = "\r" if key == "Enter" else ""
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text
            )

    async def look(self, *, width: int, dark: bool = False) -> bytes:
        """Return a PNG of the whole page."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        size = {"width": width, "height": 900, "deviceScaleFactor": 2, "mobile": width < 600}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        shot = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    async def picture(self, folder: Path, name: str, *, width: int = 1000) -> None:
        """Picture the page for the eye, and check that nothing sticks out of a phone's screen, on which it stays."""
        for look, wide, dark in (("light", width, False), ("dark", width, True), ("phone", 360, False)):
            (folder / f"{name}-{look}.png").write_bytes(await self.look(width=wide, dark=dark))
        assert await self.run("document.documentElement.scrollWidth") <= 360

    @property
    def complaints(self) -> list[str]:
        """What went wrong in the page's scripts, or was blocked by its policy."""
        mine = [event for event in self._tools.events if event.get("sessionId") == self._session]
        thrown = [event["params"] for event in mine if event["method"] == "Runtime.exceptionThrown"]
        logged = [event["params"]["entry"] for event in mine if event["method"] == "Log.entryAdded"]
        said = [f"{entry['text']} {entry.get('url', '')}" for entry in logged if entry["level"] == "error"]
        return [json.dumps(detail) for detail in thrown] + said


class Browser:
    """A running Chromium."""

    def __init__(self, tools: DevTools) -> None:
        self._tools = tools

    @asynccontextmanager
    async def page(self, url: str, *, before: str = "", denied: bool = False) -> AsyncIterator[Page]:
        """Open `url`; `before` is a script that runs first, `denied` blocks the microphone."""
        call = self._tools.call
        context = (await call("Target.createBrowserContext"))["browserContextId"]
        setting = "denied" if denied else "granted"
        await call(
            "Browser.setPermission", permission={"name": "microphone"}, setting=setting, browserContextId=context
        )
        target = (await call("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        session = (await call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = Page(self._tools, session, context)
        await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        for domain in ("Page", "Runtime", "Log", "DOM"):
            await page.call(f"{domain}.enable")
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        try:
            await page.call("Page.navigate", url=url)
            await page.until("document.readyState === 'complete' && location.href !== 'about:blank'")
            await page.call("Page.bringToFront")
            yield page
        finally:
            await call("Target.disposeBrowserContext", browserContextId=context)


@asynccontextmanager
async def chromium(profile: Path, *flags: str) -> AsyncIterator[Browser]:
    """Start a Chromium with an empty `profile`."""
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *_FLAGS,
        f"--user-data-dir={profile}",
        *flags,
        "about:blank",
        stdout=-1,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(30):
            address = await _address(process)
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            tools = DevTools(socket)
            reading = asyncio.create_task(tools.read())
            yield Browser(tools)
            await tools.call("Browser.close")
            await reading
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    async for line in process.stdout:
        if match := re.search(rb"DevTools listening on (ws://\S+)", line):
            return match[1].decode()
    raise AssertionError("Chromium ended before it was ready")
