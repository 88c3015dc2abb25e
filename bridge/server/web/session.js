// One session: a microphone or a recording on one side, the server's /ws or /talk on the other.

import { $, Conversation, show, showTrouble } from "./display.js";
import { Loudness, Trouble } from "./line.js";

const FINISH_MS = 8000; // silence of the server after which its last final is not waited for any longer
const CHUNK = 1600; // samples of a recording in one message: 100 ms

export class Session {
  #conversation = new Conversation();
  #loudness = new Loudness();
  #replies = []; // the bot's sentences: {text, written}, `written` once their audio has begun
  #unheard = new Set(); // sentences of the bot whose audio has begun and not ended
  #era = 0; // counts clears: a sentence from before one is not begun any more
  #endedAt = 0; // the end of speech before the newest final
  #finishing = null; // the timer, once there is nothing more to send
  #trouble = null;

  constructor(socket, sampleRate, { sound = null, timed = true }) {
    // `sound`: the loudspeaker, none for a recording. `timed`: what is heard arrives as fast as it was spoken.
    Object.assign(this, { socket, sound, timed });
    this.ended = new Promise((resolve) => {
      socket.onclose = (event) => resolve(this.#trouble ?? whyClosed(event));
    });
    socket.onmessage = ({ data }) => this.#receive(data);
    const { context, language, script, chunk_size_sec } = Object.fromEntries(new FormData($("settings").querySelector("form")));
    const options = { context, language: language.trim() || null, chunk_size_sec: Number(chunk_size_sec) };
    if (script) options.script = script;
    this.#send({ type: "config", ...options, sample_rate: sampleRate });
  }

  get #open() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  hear(frame) {
    if (!this.#open || this.#finishing) return;
    this.#loudness.hear(frame, performance.now());
    $("level").value = this.#loudness.level;
    this.socket.send(frame);
  }

  async stream({ samples, sampleRate }) {
    // Sends a recording at its own speed, or so that little waits in the socket.
    const began = performance.now();
    show("Sending the recording");
    for (let at = 0; at < samples.length && this.#open && !this.#finishing; at += CHUNK) {
      const due = began + (at / sampleRate) * 1000;
      const wait = () => (this.timed ? performance.now() < due : this.socket.bufferedAmount > 1 << 20);
      while (wait()) await new Promise((resolve) => setTimeout(resolve, this.timed ? due - performance.now() : 20));
      this.hear(samples.slice(at, at + CHUNK));
    }
    this.finish();
  }

  noted(note) {
    // What the loudspeaker has come to.
    const reply = this.#replies[note.reply];
    if (note.mark !== undefined) {
      this.#unheard.delete(reply?.written);
      this.#send({ type: "mark", name: note.mark });
    } else if (note.audible) {
      this.#conversation.answered(note.at);
    } else if (!note.cleared && note.era === this.#era) {
      this.#unheard.add((reply.written = this.#conversation.bot(reply.text)));
    }
  }

  finish() {
    // Asks for what is still to come; an empty final says that there is no more.
    if (this.#finishing || !this.#open) return;
    if (this.sound?.talks) return this.socket.close(1000);
    show("Waiting for the last words");
    this.#send({ type: "finalize" });
    this.#wait();
  }

  #wait() {
    clearTimeout(this.#finishing);
    this.#finishing = setTimeout(() => this.socket.close(1000), FINISH_MS);
  }

  fail(trouble) {
    this.#trouble = trouble;
    this.socket.close(1000);
  }

  #send(message) {
    if (this.#open) this.socket.send(JSON.stringify(message));
  }

  #receive(data) {
    if (data instanceof ArrayBuffer) return this.sound?.play(new Float32Array(data));
    if (this.#finishing) this.#wait();
    const message = JSON.parse(data);
    const receivers = {
      partial: () => this.#conversation.partial(message.text),
      final: () => this.#final(message),
      reply: () => this.#speak(message.text),
      mark: () => this.sound?.play({ mark: message.name, reply: this.#replies.length - 1 }),
      clear: () => this.#clear(),
      error: () => this.#error(message.message),
    };
    receivers[message.type]?.();
  }

  #speak(text) {
    this.#replies.push({ text, written: null });
    this.sound?.play({ reply: this.#replies.length - 1, era: this.#era, listen: true });
  }

  #final(message) {
    const shown = this.#conversation.shown;
    const endedAt = this.#loudness.speechEnd(performance.now());
    const known = this.timed && endedAt > this.#endedAt; // else it was cut out of speech that still goes on
    this.#conversation.caller(message, known ? (this.#endedAt = endedAt) : null);
    if (!this.#finishing) return;
    // An empty final takes back what was shown; where nothing was, it is the answer to our finalize.
    if (message.text || shown) this.#send({ type: "finalize" });
    else this.socket.close(1000);
  }

  #clear() {
    this.#era++;
    this.sound?.clear();
    for (const sentence of this.#unheard) this.#conversation.cut(sentence);
    this.#unheard.clear();
  }

  #error(text) {
    // Only our config has fields; a session whose settings were refused would go on with others.
    if (text.startsWith("field")) this.fail(new Trouble("settings", text));
    else showTrouble(new Trouble("server", text));
  }
}

function whyClosed({ code, reason }) {
  if (code === 1000) return null;
  return new Trouble(code === 1001 ? "shutdown" : code === 1006 ? "lost" : "server", reason || `close code ${code}`);
}
