"""The page's files: what is served, to whom nothing is, and what the browser may do with it."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from serving import served
from yarl import URL

from bridge.server.pages import Pages


@pytest_asyncio.fixture
async def site() -> AsyncIterator[str]:
    pages = Pages()
    app = web.Application()
    app.add_routes(
        [web.get("/", pages.front), web.get("/dashboard", pages.dashboard), web.get("/web/{name}", pages.file)]
    )
    async with served(app) as url:
        yield url


@pytest_asyncio.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def test_the_front_is_a_page(site: str, http: ClientSession) -> None:
    async with http.get(site) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert (await response.text()).startswith("<!doctype html>")


async def test_everything_the_files_refer_to_is_served_from_here(site: str, http: ClientSession) -> None:
    wanted: set[str] = set()
    for page in ("/", "/dashboard"):
        async with http.get(f"{site}{page}") as response:
            wanted |= set(re.findall(r'(?:src|href)="(web/[^"]+)"', await response.text()))
    assert wanted == {"web/page.css", "web/page.js", "web/dashboard.css", "web/dashboard.js"}
    seen: set[str] = set()
    while new := wanted - seen:
        seen.add(name := new.pop())
        async with http.get(f"{site}/{name}") as response:
            assert response.status == 200
            text = (await response.text()).replace("http://www.w3.org/2000/svg", "a name, which nobody fetches")
        assert not re.search(r"""["'(]\s*(https?:)?//\w""", text)
        wanted |= {f"web/{file}" for file in re.findall(r'(?:from "\./|URL\(")([\w.]+\.js)"', text)}
    assert "web/worklet.js" in seen
    assert seen == {f"web/{file}" for file in Pages()._files if not file.endswith(".html")}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("page.css", "text/css"), ("page.js", "text/javascript"), ("worklet.js", "text/javascript")],
)
async def test_files_have_their_type(site: str, http: ClientSession, name: str, kind: str) -> None:
    async with http.get(f"{site}/web/{name}") as response:
        assert response.headers["Content-Type"] == f"{kind}; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/web/",
        "/web/nothing.js",
        "/web/../pages.py",
        "/web/%2e%2e/pages.py",
        "/web/..%2fpages.py",
        "/web/..%5cpages.py",
        "/web/%2e%2e%2f%2e%2e%2fpyproject.toml",
        "/web//etc/passwd",
        "/web/%2fetc%2fpasswd",
        "/web/page.js%00.html",
        "/web/__init__.py",
        "/web/.",
    ],
)
async def test_there_is_nothing_else(site: str, http: ClientSession, path: str) -> None:
    async with http.get(URL(site + path, encoded=True)) as response:
        assert response.status == 404
        assert "default-src 'none'" in response.headers.get("Content-Security-Policy", "default-src 'none'")


@pytest.mark.parametrize("path", ["/", "/web/page.js"])
async def test_an_unchanged_file_is_not_sent_twice(site: str, http: ClientSession, path: str) -> None:
    async with http.get(site + path) as response:
        tag = response.headers["ETag"]
        assert response.headers["Cache-Control"] == "no-cache"
    for known, status in ((tag, 304), (f'"other", {tag}', 304), ("*", 304), ('"other"', 200), ("nonsense", 200)):
        async with http.get(site + path, headers={"If-None-Match": known}) as response:
            assert response.status == status, known
            assert response.headers["ETag"] == tag
            assert bool(await response.read()) == (status == 200)


async def test_files_differ_in_their_tags(site: str, http: ClientSession) -> None:
    tags = []
    for path in ("/", "/web/page.js", "/web/page.css"):
        async with http.head(site + path) as response:
            tags.append(response.headers["ETag"])
    assert len(set(tags)) == 3


async def test_the_browser_runs_nothing_but_our_own_files(site: str, http: ClientSession) -> None:
    async with http.get(site) as response:
        policy = response.headers["Content-Security-Policy"]
        html = await response.text()
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert {directives[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert {directives[name] for name in ("frame-ancestors", "base-uri", "form-action")} == {"'none'"}
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)


def test_text_gets_into_the_page_as_text_only() -> None:
    scripts = [body.decode() for name, body in Pages()._files.items() if name.endswith(".js")]
    assert len(scripts) == 15
    for script in scripts:
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function", script)
