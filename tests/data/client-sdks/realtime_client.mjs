// usage: realtime_client.mjs HOST:PORT KEY RECORDING  -- pushes to talk, in mu-law, on a session for transcripts or (intent "talk")
// asks the model for a reply to it; prints the events, with the length of audio in its place.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_SDKS + "/");
const { OpenAI } = require("openai");
const { OpenAIRealtimeWS } = require("openai/realtime/ws");
const [home, apiKey, recording, intent] = process.argv.slice(2);
const talks = intent === "talk";
const client = new OpenAI({ apiKey, baseURL: `http://${home}/v1` });
const socket = new OpenAIRealtimeWS({ model: talks ? "gpt-realtime" : "gpt-4o-transcribe" }, client);
const format = { type: "audio/pcmu" };
const input = { format, transcription: { model: "gpt-4o-transcribe", language: "en" }, turn_detection: null };
const greeting = { type: "message", role: "user", content: [{ type: "input_text", text: "Good morning" }] };
const last = talks ? "response.done" : "conversation.item.input_audio_transcription.completed";
let asked = false;

socket.on("event", (event) => {
  if (event.delta && event.type === "response.output_audio.delta") event.delta = Buffer.from(event.delta, "base64").length;
  console.log(JSON.stringify(event));
  if (event.type === last && asked) socket.close();
});
socket.on("error", (error) => console.log(JSON.stringify({ type: "failed", message: error.message })));
socket.socket.on("open", async () => {
  const audio = talks ? { input, output: { format } } : { input };
  socket.send({ type: "session.update", session: { type: talks ? "realtime" : "transcription", audio } });
  if (talks) {  // the greeting comes first
    socket.send({ type: "conversation.item.create", item: greeting });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    asked = true;
    socket.send({ type: "response.create" });
    return;
  }
  const audioBytes = readFileSync(recording);
  for (let at = 0; at < audioBytes.length; at += 4000)
    socket.send({ type: "input_audio_buffer.append", audio: audioBytes.subarray(at, at + 4000).toString("base64") });
  asked = true;
  socket.send({ type: "input_audio_buffer.commit" });
});
socket.socket.on("close", () => process.exit(0));
