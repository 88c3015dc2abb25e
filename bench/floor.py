"""The least a call can cost: a bare aiohttp server that parses every frame and sends it back. `calls.py` runs it."""

import base64
import json
import sys

from aiohttp import web


async def echo(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        body = json.loads(message.data)
        if body["event"] == "media":
            payload = base64.b64encode(base64.b64decode(body["media"]["payload"])).decode()
            await socket.send_str(json.dumps({"event": "media", "media": {"payload": payload}}))
    return socket


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.get("/twilio/stream", echo)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
