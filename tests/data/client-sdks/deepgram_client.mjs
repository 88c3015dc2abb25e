// usage: deepgram_client.mjs HOST:PORT KEY RECORDING  -- streams mu-law as an application of Deepgram's would; prints what it is told.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_SDKS + "/");
const { DeepgramClient } = require("@deepgram/sdk");
const [home, key, recording] = process.argv.slice(2);
const environment = { base: `http://${home}`, production: `ws://${home}`, agent: `ws://${home}`, agentRest: `http://${home}` };
const client = new DeepgramClient({ apiKey: key, environment });
const told = (message) => console.log(JSON.stringify(message));

const connection = await client.listen.v1.connect({
  model: "nova-3", encoding: "mulaw", sample_rate: 8000, language: "en", interim_results: "true", vad_events: "true",
  reconnectAttempts: 0,
});
connection.on("message", told);
connection.on("close", (event) => { told({ type: "closed", code: event.code }); process.exit(0); });
connection.on("error", (error) => { told({ type: "error", message: error.message }); process.exit(0); });
connection.connect();
await connection.waitForOpen();
const audio = readFileSync(recording);
for (let at = 0; at < audio.length; at += 800) {
  connection.sendMedia(audio.subarray(at, at + 800));
  await new Promise((resolve) => setTimeout(resolve, 100));
}
connection.sendCloseStream({ type: "CloseStream" });
