"""The dashboard in a real Chromium: forty live calls, hostile words, one call drawn, the numbers of the day."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from integration.call_site import CallSite, call_site, now
from integration.chromium import CHROMIUM, Browser, Page, chromium
from integration.server import serve

from bridge.records.entries import EntryKind
from telephony.codec import decode
from telephony.events import Encoding

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: apt install it"),
]

HOSTILE = """<img src=x onerror="window.hit=1"><script>window.hit=2</script>"'></title>"""
CARDS = "document.querySelectorAll('.card').length"
FRAMES = """new Promise(done => { const took = []; let last = performance.now(); const end = last + %d;
    const next = now => { took.push(now - last); last = now; now < end ? requestAnimationFrame(next) : done(took); };
    requestAnimationFrame(next); })"""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with chromium(tmp_path_factory.mktemp("chromium") / "profile") as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[CallSite]:
    async with call_site() as site:
        yield site


async def shoot(page: Page, shots: Path, name: str) -> None:
    await page.picture(shots, f"dashboard-{name}", width=1100)
    await page.look(width=1100)


def live(site: CallSite, count: int) -> None:
    for index in range(count):
        record = f"r{index:02}"
        site.add(record, caller=f"+4917012345{index:02}", callee="+4930123456", wire="twilio")
        site.say(record, EntryKind.STARTED)


async def talk(site: CallSite, records: list[str]) -> None:
    """Five times a second levels of each call, ten times a second words of one."""
    rng = random.Random(7)
    while True:
        for half in range(2):
            record, side = rng.choice(records), rng.choice([EntryKind.CALLER, EntryKind.BOT])
            site.say(
                record,
                side,
                "when is my order coming, and could you change the address, please?"[: rng.randrange(9, 70)],
            )
            for record in records if not half else ():
                site.level(record, rng.choice([-90, rng.randrange(-50, -5)]), rng.choice([-90, rng.randrange(-50, -5)]))
            await asyncio.sleep(0.1)


async def test_forty_live_calls_move_and_the_page_stays_smooth(site: CallSite, browser: Browser, shots: Path) -> None:
    live(site, 40)
    async with browser.page(f"{site.url}/dashboard") as page:
        await page.until(f"{CARDS} === 40")
        await page.says("Up to date")
        talking = asyncio.create_task(talk(site, list(site.rows)))
        await page.until("[...document.querySelectorAll('.meter b')].some(b => b.style.transform > 'scaleX(0.3')")
        took = sorted((await page.run(FRAMES % 5000))[1:])
        await shoot(page, shots, "live")
        talking.cancel()
        with suppress(asyncio.CancelledError):
            await talking
        site.add("late", caller="+4940999", callee="+4930123456")
        site.say("late", EntryKind.STARTED)
        await page.until(f"{CARDS} === 41")
        assert "(41)" in await page.text("nav")
        assert not page.complaints
    p95, worst = took[int(len(took) * 0.95)], took[-1]
    assert p95 < 50, f"twenty pictures a second, on a machine without a graphics card; worst {worst:.0f} ms"
    assert worst < 400


async def test_words_and_names_of_callers_are_shown_and_never_run(site: CallSite, browser: Browser) -> None:
    site.add("bad", caller=HOSTILE, callee=HOSTILE, route=HOSTILE, wire=HOSTILE, reason=HOSTILE, call_id=HOSTILE)
    for kind in EntryKind:
        if kind is not EntryKind.ENDED:
            data = {
                "unheard": HOSTILE,
                "action": HOSTILE,
                "failed": HOSTILE,
                "peer": HOSTILE,
                "from_ms": 0,
                "to_ms": 500,
            }
            site.say("bad", kind, HOSTILE, data)
    async with browser.page(f"{site.url}/dashboard") as page:
        await page.until("document.querySelectorAll('.card li').length > 4")
        assert HOSTILE in await page.run("document.querySelector('.card').textContent")
        await page.run("document.querySelector('.card a').click()")
        await page.until("document.querySelectorAll('#words li').length > 5 && document.querySelector('#timeline svg')")
        assert HOSTILE in await page.run("document.querySelector('#words').textContent")
        site.rows["bad"]["ended_at"] = now()
        await page.run("location.hash = 'past'")
        await page.until("document.querySelector('#calls tbody tr')")
        assert HOSTILE[:60] in await page.run("document.querySelector('#calls tbody').textContent")
        assert await page.run("document.querySelectorAll('img, main script').length + (window.hit ?? 0)") == 0
        assert not page.complaints


async def test_a_call_is_listened_to_and_ended_by_keyboard(site: CallSite, browser: Browser) -> None:
    live(site, 2)
    async with browser.page(f"{site.url}/dashboard") as page:
        await page.until(f"{CARDS} === 2")
        await page.run("document.querySelector('.card a').focus()")
        await page.press("Tab", 9)
        assert await page.run("document.activeElement.getAttribute('aria-label')") == (
            "Listen in to +491701234500 → +4930123456"
        )
        await page.press("Enter", 13)
        await page.until("document.activeElement.getAttribute('aria-pressed') === 'true'")
        await site.until(lambda: site.listeners == 1)
        await page.press("Escape", 27)
        await page.until("document.activeElement.getAttribute('aria-pressed') === 'false'")
        await page.press("Tab", 9)
        await page.press("Enter", 13)
        assert await page.run("document.activeElement.textContent") == "Really end?"
        assert not site.ended
        await page.press("Enter", 13)
        await page.until(f"{CARDS} === 1")
        assert site.ended == ["r00"]
        assert await page.run("document.activeElement.textContent") == "+491701234501 → +4930123456", (
            "focus is not lost"
        )
        await site.until(lambda: site.listeners == 0)
        assert not page.complaints


async def test_past_calls_are_found_by_words_number_and_outcome(site: CallSite, browser: Browser, shots: Path) -> None:
    for index in range(60):
        ended_by = "caller" if index % 3 else "bot"
        began = now() - 60 * index
        site.add(
            f"p{index}",
            caller=f"+49170{index:03}",
            callee="+4930",
            began_at=began,
            ended_at=began + 50,
            ended_by=ended_by,
            reason="caller hung up",
            duration_ms=50_000,
            first_audio_ms=700 + index,
        )
    site.say("p7", EntryKind.CALLER, "the parcel was wet")
    rows = "document.querySelectorAll('#calls tbody tr').length"
    search = "((name, value) => { search.elements[name].value = value; search.requestSubmit(); })"
    async with browser.page(f"{site.url}/dashboard#past") as page:
        await page.until(f"{rows} === 25")
        await shoot(page, shots, "past")
        await page.run("older.click()")
        await page.until(f"{rows} === 50")
        await page.run("older.click()")
        await page.until(f"{rows} === 60 && older.hidden")
        await page.run(f"{search}('outcome', 'bot')")
        await page.until(f"{rows} === 20 && older.hidden")
        assert "newest first" in await page.text("#found")
        await page.run(f"{search}('outcome', '')")
        await page.run(f"{search}('phone', '+49170042')")
        await page.until(f"{rows} === 1 && calls.innerText.includes('+49170042')")
        await page.run(f"{search}('phone', '')")
        await page.run(f"{search}('text', 'parcel')")
        await page.until(f"{rows} === 1 && calls.innerText.includes('+49170007')")
        await page.run(f"{search}('text', 'no such words')")
        await page.until("found.textContent === 'No such call.'")
        assert not page.complaints


def answered(site: CallSite, record: str, at: float, *, said: tuple[int, int], cut: bool) -> None:
    span = {"from_ms": said[0], "to_ms": said[1], "language": "English"}
    site.say(record, EntryKind.CALLER, "where is my order", span, at=at)
    parts = {"final_ms": 210, "text_ms": 300, "judged_ms": 420, "made_ms": 480, "sent_ms": 500, "heard_ms": 610}
    site.say(record, EntryKind.LATENCY, "", parts, at=at + 3)
    more = {"unheard": "and leaves today"} if cut else {}
    site.say(record, EntryKind.BOT, "it is packed", {"played_ms": 2000, **more}, at=at + 3)


async def test_one_call_is_drawn_above_its_recording(site: CallSite, browser: Browser, shots: Path) -> None:
    began = now() - 100
    site.add(
        "one",
        caller="+491701",
        callee="+4930",
        began_at=began,
        ended_at=began + 20,
        duration_ms=20_000,
        ended_by="caller",
        reason="caller hung up",
        first_audio_ms=610,
        barge_ins=1,
        wire="sip",
        language="English",
    )
    site.say("one", EntryKind.STARTED, at=began)
    answered(site, "one", began + 4, said=(1000, 3500), cut=True)
    answered(site, "one", began + 10, said=(7000, 9500), cut=False)
    site.say("one", EntryKind.KEYS, "42", at=began + 15)
    site.say("one", EntryKind.RECORDING, "one.wav", at=began + 20)
    site.say("one", EntryKind.ENDED, "caller hung up", {"ended_by": "caller"}, at=began + 20)
    async with browser.page(f"{site.url}/dashboard#call/one") as page:
        await page.until("document.querySelector('audio').duration === 20")
        assert await page.run("document.querySelector('svg').getAttribute('aria-label')") == (
            "2 turns of the caller, 2 replies, 1 of them interrupted, in 0:20"
        )
        counts = "['said', 'spoken', 'wait', 'barge'].map(k => document.querySelectorAll(`svg .${k}`).length)"
        assert await page.run(counts) == [2, 2, 2, 1]
        where = "[...document.querySelectorAll('svg .said')].map(r => r.x.baseVal.value / svgWidth * 20)"
        width = "document.querySelector('svg').width.baseVal.value"
        assert await page.run(where.replace("svgWidth", width)) == pytest.approx([1, 7], abs=0.2)
        told = [text.strip() for text in await page.texts("#waits li:first-child small")]
        assert told == [
            "words settled 210 ms",
            "bot's first words 300 ms",
            "turn judged over 420 ms",
            "first audio made 480 ms",
            "sent 500 ms",
            "heard 610 ms",
        ]
        widths = "[...document.querySelectorAll('#waits li:first-child .parts i')].map(i => parseFloat(i.style.width))"
        shares = [100 * ms / 610 for ms in (210, 90, 120, 60, 20, 110)]
        assert await page.run(widths) == pytest.approx(shares, abs=0.1)
        await page.run("document.querySelectorAll('#waits button')[1].click()")
        await page.until("document.querySelector('audio').currentTime === 9.5")
        await page.until("document.querySelector('.cursor').x1.baseVal.value > 100")
        assert "[interrupted] and leaves today" in await page.text("#words")
        assert "caller: caller hung up" in await page.text("#facts")
        await shoot(page, shots, "call")
        assert not page.complaints


async def test_the_numbers_of_today_are_counted(site: CallSite, browser: Browser, shots: Path) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0).timestamp()
    for index in range(20):
        site.add(
            f"t{index}",
            began_at=midnight + index,
            ended_at=midnight + 900,
            ended_by="bot" if index % 2 else "caller",
            first_audio_ms=100 * (index + 1),
            barge_ins=index % 2,
            faults=1 if index == 3 else 0,
            fault="ours" if index == 3 else "",
            heard_ms=30_000,
            spoken_chars=100,
            input_tokens=900,
            output_tokens=50,
            cost=0.02 if index < 10 else None,
        )
    async with browser.page(f"{site.url}/dashboard#today") as page:
        await page.until("document.querySelectorAll('#plots svg').length === 5")
        figures = dict(zip(await page.texts("#figures dt"), await page.texts("#figures dd"), strict=True))
        assert figures == {
            "Calls": "20",
            "First audio, p50": "1000 ms",
            "First audio, p95": "1900 ms",
            "Barge-ins": "10",
            "Faults": "1",
            "Speech heard": "10:00",
            "Letters spoken": "2,000",
            "Tokens in / out": "18,000 / 1,000",
            "Cost": "0.2000",
        }
        labels = await page.run("[...document.querySelectorAll('#plots svg')].map(s => s.getAttribute('aria-label'))")
        assert any("our fault 1" in label and "bot ended it 9" in label for label in labels)
        await shoot(page, shots, "today")
        assert not page.complaints


async def test_a_token_is_asked_for_and_the_events_are_followed_again_after_a_loss(browser: Browser) -> None:
    async with call_site("open sesame") as site:
        live(site, 1)
        async with browser.page(f"{site.url}/dashboard") as page:
            await page.until("!document.querySelector('#token').hidden")
            assert await page.run("document.activeElement.type") == "password"
            assert await page.run(CARDS) == 0
            await page.run("token.querySelector('input').value = 'open sesame'; token.requestSubmit()")
            await page.until(f"{CARDS} === 1")
            assert await page.run("problem.hidden")
        async with browser.page(f"{site.url}/dashboard?token=open%20sesame") as page:
            await page.until(f"{CARDS} === 1")
            assert await page.run("location.search") == "", "it is in no bookmark"


async def test_a_call_of_the_real_server_is_watched_heard_and_ended(browser: Browser, tmp_path: Path) -> None:
    """Levels name the call, who listens hears the bot, the record says that somebody did, and the page ends it."""
    quiet = np.zeros(1600, np.float32).tobytes()
    async with (
        serve("--greeting", "Hello there, how are you today?", "--state-dir", str(tmp_path)) as server,
        aiohttp.ClientSession(server.http) as http,
        http.get("/events/levels") as levels,
        http.ws_connect("/talk") as caller,
        browser.page(f"{server.http}/dashboard") as page,
    ):
        await caller.send_json({"type": "config", "sample_rate": 16_000})
        speaking = asyncio.create_task(feed(caller, quiet))
        told = await level_of(levels, "bot_db")
        async with http.ws_connect(f"/calls/{told['record']}/listen") as listener:
            heard = [decode((await listener.receive(5)).data, Encoding.L16) for _ in range(10)]
        assert max(np.abs(part).max() for part in heard) > 0.05
        assert sum(map(len, heard)) == pytest.approx(8000, abs=3000)
        await server.logged("listens in to call")
        await page.until("cards.textContent.includes('listens no longer')")
        await page.run("document.querySelectorAll('.card button')[1].click()")
        await page.run("document.querySelectorAll('.card button')[1].click()")
        await page.until(f"{CARDS} === 0")
        await page.run(f"location.hash = 'call/{told['record']}'")
        await page.until("words.textContent.includes('listens in') && facts.textContent.includes('operator')")
        assert not page.complaints
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


async def feed(caller: aiohttp.ClientWebSocketResponse, audio: bytes) -> None:
    """Send 100 ms of float samples at 16 kHz over and over, in real time."""
    while True:
        await caller.send_bytes(audio)
        await asyncio.sleep(0.1)


async def level_of(levels: aiohttp.ClientResponse, side: str) -> dict[str, Any]:
    """Return the first event that tells that a side is to be heard."""
    async with asyncio.timeout(20):
        async for line in levels.content:
            event = json.loads(line[6:]) if line.startswith(b"data: ") else {"data": {side: -90}}
            if event["data"][side] > -60:
                return dict(event)
    raise AssertionError("the levels ended")
