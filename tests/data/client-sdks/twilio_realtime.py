"""usage: twilio_realtime.py PORT BRIDGE KEY

A public application that connects Twilio's calls with OpenAI Realtime, set up as its documents say; it finds the bridge
where OpenAI was.
"""

import sys

import uvicorn
from fastapi import FastAPI, WebSocket
from openai import AsyncOpenAI
from realtime_websocket_conversation import handle_websocket_conversation

PORT, BRIDGE, KEY = sys.argv[1:4]
app = FastAPI()
client = AsyncOpenAI(api_key=KEY, base_url=f"http://{BRIDGE}/v1", websocket_base_url=f"ws://{BRIDGE}/v1")


@app.websocket("/media-stream")
async def media_stream(websocket: WebSocket) -> None:
    async def understood(text):
        print("UNDERSTOOD", text, flush=True)

    await handle_websocket_conversation(websocket, client, on_user_message=understood)


uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning")
