"""GET /openapi.json: the API in the words of OpenAPI 3.1, from a file that a test holds to the routes."""

from importlib import resources

from aiohttp import web


def routes() -> list[web.RouteDef]:
    """Return the route of the description."""
    text = (resources.files("bridge.server.api") / "openapi.json").read_bytes()

    async def describe(_: web.Request) -> web.Response:
        return web.Response(body=text, content_type="application/json")

    return [web.get("/openapi.json", describe)]
