// The page: what is pressed, what is shown. Whatever comes from elsewhere goes into the document as text only.

import { connect, decodeFile, Loudness, openSound, Trouble } from "./line.js";

const $ = (id) => document.getElementById(id);
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
const FINISH_MS = 8000; // silence of the server after which its last final is not waited for any longer
const CHUNK = 1600; // samples of a recording in one message: 100 ms

// ---------------------------------------------------------------- the conversation

class Conversation {
  #turns = [];
  #turn = null; // the caller's newest, until the bot answers it

  constructor() {
    $("lines").replaceChildren();
    $("summary").textContent = "";
    $("hint").hidden = true;
    this.partial("");
  }

  partial(text) {
    $("partial").textContent = text;
  }

  caller({ text, language, timestamp }, endedAt) {
    // `endedAt`: when the caller stopped speaking, null where nobody spoke in real time.
    this.partial("");
    if (!text) return;
    const time = new Date(timestamp * 1000).toLocaleTimeString();
    const line = this.#add("caller", "You", text, [language, time].filter(Boolean).join(" · "));
    if (endedAt === null) return;
    const bar = line.appendChild(document.createElement("div"));
    this.#turn = { endedAt, finalMs: performance.now() - endedAt, heardMs: null, bar };
    this.#turns.push(this.#turn);
    this.#draw();
  }

  bot(text) {
    return this.#add("bot", "Bot", text, "");
  }

  answered(at) {
    // The bot became audible; only the first time after the caller's turn is an answer to it.
    if (!this.#turn) return;
    this.#turn.heardMs = at - this.#turn.endedAt;
    this.#turn = null;
    this.#draw();
  }

  #add(side, who, text, about) {
    const line = document.createElement("li");
    line.className = side;
    for (const [kind, words] of Object.entries({ who, text, about })) {
      const part = line.appendChild(document.createElement(kind === "text" ? "p" : "small"));
      part.className = kind;
      part.textContent = words;
    }
    $("lines").append(line);
    line.scrollIntoView({ block: "nearest" });
    return line;
  }

  #draw() {
    const longest = Math.max(2000, ...this.#turns.map((turn) => turn.heardMs ?? turn.finalMs));
    for (const turn of this.#turns) drawTurn(turn, longest);
    const [finals, answers] = [this.#turns.map((t) => t.finalMs), this.#turns.map((t) => t.heardMs).filter(Boolean)];
    const parts = [`to the final ${seconds(median(finals))}`];
    if (answers.length) parts.push(`to the bot's voice ${seconds(median(answers))}`);
    $("summary").textContent = `From the end of your speech, median of ${finals.length}: ${parts.join(", ")}`;
  }
}

function drawTurn({ finalMs, heardMs, bar }, longestMs) {
  // end of speech |== final ==|-- bot heard --|, on the same scale for all turns
  const words = [`final ${seconds(finalMs)}`, ...(heardMs ? [`bot heard ${seconds(heardMs)}`] : [])];
  const pieces = [["final", finalMs], ["answer", Math.max(0, (heardMs ?? 0) - finalMs)]].map(([kind, ms]) => {
    const piece = document.createElement("i");
    piece.className = kind;
    piece.style.width = `${Math.min(100, (100 * ms) / longestMs)}%`;
    return piece;
  });
  const track = document.createElement("span");
  track.style.setProperty("--second", `${100000 / longestMs}%`);
  track.append(...pieces);
  const legend = document.createElement("small");
  legend.textContent = words.join(" · ");
  bar.className = "turn";
  bar.replaceChildren(track, legend);
}

// ---------------------------------------------------------------- one session

class Session {
  // A microphone or a recording on one side, the server's /ws or /talk on the other.
  #conversation = new Conversation();
  #loudness = new Loudness();
  #replies = []; // the bot's sentences: {text, written}, `written` once their audio has begun
  #unheard = new Set(); // lines of the bot whose audio has begun and not ended
  #era = 0; // counts clears: a sentence from before one is not begun any more
  #finishing = null; // the timer, once there is nothing more to send
  #trouble = null;

  constructor(socket, sampleRate, { sound = null, timed = true }) {
    Object.assign(this, { socket, sound, timed });
    this.ended = new Promise((resolve) => {
      socket.onclose = (event) => resolve(this.#trouble ?? whyClosed(event));
    });
    socket.onmessage = ({ data }) => this.#receive(data);
    const { context, language, chunk_size_sec } = Object.fromEntries(new FormData($("settings").querySelector("form")));
    const options = { context, language: language.trim() || null, chunk_size_sec: Number(chunk_size_sec) };
    this.#send({ type: "config", ...options, sample_rate: sampleRate });
  }

  hear(frame, at = performance.now()) {
    this.#loudness.hear(frame, at);
    $("level").value = this.#loudness.level;
    if (this.socket.readyState === WebSocket.OPEN && !this.#finishing) this.socket.send(frame);
  }

  async stream({ samples, sampleRate }) {
    // Sends a recording at its own speed, or so that little waits in the socket.
    const began = performance.now();
    for (let at = 0; at < samples.length && this.socket.readyState === WebSocket.OPEN; at += CHUNK) {
      const due = began + (at / sampleRate) * 1000;
      const wait = () => (this.timed ? performance.now() < due : this.socket.bufferedAmount > 1 << 20);
      while (wait()) await new Promise((resolve) => setTimeout(resolve, this.timed ? due - performance.now() : 20));
      this.hear(samples.slice(at, at + CHUNK));
      show(`Sending the recording: ${Math.round((100 * at) / samples.length)} %`);
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
    if (this.#finishing || this.socket.readyState !== WebSocket.OPEN) return;
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
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
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
    this.#conversation.caller(message, this.timed ? this.#loudness.speechEnd(performance.now()) : null);
    if (!this.#finishing) return;
    if (message.text) this.#send({ type: "finalize" });
    else this.socket.close(1000);
  }

  #clear() {
    this.#era++;
    this.sound?.clear();
    for (const line of this.#unheard) line.classList.add("cut");
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

// ---------------------------------------------------------------- what is shown

const WAYS_OUT = {
  insecure: ["No microphone on this address", () => `Browsers give the microphone only to pages from https or from
    this machine. Open http://localhost:${location.port || 80}/ on the machine that runs the server, or start it with
    bridge serve --generate-self-signed-cert and open https://${location.host}/ here.`],
  permission: ["The microphone is blocked", "Allow it: press the icon to the left of the address, switch the " +
    "microphone on, and start again."],
  microphone: ["No microphone was found", "Plug one in or switch it on in the system's settings, and start again."],
  occupied: ["The microphone cannot be opened", "Another program may hold it. Close that program and start again."],
  unplugged: ["The microphone is gone", "Plug it in again and start again."],
  file: ["This file cannot be read as audio", "The browser could not decode it. WAV, MP3, Ogg, FLAC and M4A work."],
  token: ["The server wants a token", "It was started with BRIDGE_API_TOKEN. Enter that token here."],
  forbidden: ["The server refuses this page", "It says why below."],
  busy: ["All lines are busy", "Try again in a few seconds. bridge serve --max-calls raises the number of lines."],
  socket: ["The connection was refused", "Try again. If a proxy stands between here and the server, it must pass " +
    "WebSockets on."],
  unreachable: ["The server does not answer", "Is it running? Start it with make serve or bridge serve."],
  lost: ["The connection was lost", "The network or the server went away. Start again."],
  shutdown: ["The server is shutting down", "Start again when it is back."],
  settings: ["The server did not accept the settings", "Change them under Settings and start again."],
  server: ["The server reports a problem", "Its log says more."],
  other: ["This did not work", "The browser says why below."],
};

function show(status) {
  if ($("status").textContent !== status) $("status").textContent = status;
}

function showTrouble(trouble) {
  $("problem").hidden = !trouble;
  if (!trouble) return;
  const [title, way] = WAYS_OUT[trouble.kind] ?? WAYS_OUT.other;
  const wrong = trouble.kind === "token" && token;
  $("problem").querySelector("h2").textContent = wrong ? "The server does not know this token" : title;
  const [text, detail] = $("problem").querySelectorAll("p");
  text.textContent = typeof way === "function" ? way() : way;
  detail.textContent = trouble.kind === "token" ? "" : trouble.message;
  $("token").hidden = trouble.kind !== "token";
  if (trouble.kind === "token") $("token").querySelector("input").focus();
}

// ---------------------------------------------------------------- what is pressed

const LABELS = { talk: "Hang up", ws: "Stop", file: "Stop" };
const NAMES = Object.fromEntries(Object.keys(LABELS).map((kind) => [kind, $(kind).textContent]));
let token = "";
let running = null; // {kind, session}, session null while it is being opened
let last = null; // what to start once there is a token

async function start(kind, file = null) {
  if (running) return;
  if (!$("settings").querySelector("form").checkValidity()) {
    $("settings").open = true;
    $("settings").querySelector("form").reportValidity();
    return;
  }
  running = { kind, session: null };
  last = () => start(kind, file);
  showTrouble(null);
  showRunning(kind);
  let trouble = null;
  try {
    trouble = await (file ? transcribeFile(file) : converse(kind));
  } catch (error) {
    trouble = error instanceof Trouble ? error : new Trouble("other", `${error.name}: ${error.message}`);
  }
  running = null;
  showRunning(null);
  show(trouble ? "Stopped" : kind === "talk" ? "The call is over" : "Done");
  if (trouble) showTrouble(trouble);
}

async function converse(kind) {
  show("Opening the microphone");
  let session = null; // frames that come before it are dropped
  const sound = await openSound({
    onFrame: (frame) => session?.hear(frame),
    onNote: (note) => session?.noted(note),
    onLost: () => session?.fail(new Trouble("unplugged")),
  });
  try {
    show("Connecting");
    const socket = await connect(kind, token);
    running.session = session = new Session(socket, sound.sampleRate, { sound: { ...sound, talks: kind === "talk" } });
    if (running.stopped) session.finish();
    else show(kind === "talk" ? "In a call: speak, interrupt it as you like" : "Listening");
    return await session.ended;
  } finally {
    sound.close();
    $("level").value = 0;
  }
}

async function transcribeFile(file) {
  show("Reading the recording");
  const recording = await decodeFile(file);
  const timed = $("settings").querySelector("select").value === "1";
  const session = new Session(await connect("ws", token), recording.sampleRate, { timed });
  running.session = session;
  session.stream(recording);
  return session.ended;
}

function stop() {
  if (!running) return;
  running.stopped = true;
  running.session?.finish();
}

function showRunning(kind) {
  for (const name of Object.keys(LABELS)) {
    $(name).textContent = name === kind ? LABELS[name] : NAMES[name];
    $(name).disabled = kind !== null && name !== kind;
  }
  document.body.classList.toggle("live", kind !== null);
}

for (const kind of ["talk", "ws"]) $(kind).onclick = () => (running ? stop() : start(kind));
$("file").onclick = () => (running ? stop() : $("picker").click());
$("picker").onchange = () => {
  const [file] = $("picker").files;
  if (file) start("file", file);
  $("picker").value = "";
};
$("token").onsubmit = (event) => {
  event.preventDefault();
  token = $("token").querySelector("input").value.trim();
  last();
};
$("settings").querySelector("form").onsubmit = (event) => event.preventDefault();
document.onkeydown = (event) => event.key === "Escape" && stop();
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) start("file", file);
};
