// What is shown. Whatever comes from elsewhere goes into the document as text only.

export const $ = (id) => document.getElementById(id);
export const median = (values) => {
  const [sorted, half] = [values.toSorted((a, b) => a - b), values.length / 2];
  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
};
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

// ---------------------------------------------------------------- the conversation

export class Conversation {
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

  get shown() {
    return Boolean($("partial").textContent);
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
    // Returns the sentence as it stands there; those of one reply stand in one line.
    const newest = $("lines").lastElementChild;
    const line = newest?.className === "bot" ? newest : this.#add("bot", "Bot", "", "");
    const sentence = document.createElement("span");
    sentence.textContent = text;
    sentence.dir = "auto";
    line.querySelector(".text").append(sentence, " ");
    line.scrollIntoView({ block: "nearest" });
    return sentence;
  }

  cut(sentence) {
    sentence.className = "cut";
    sentence.closest("li").querySelector(".about").textContent = "interrupted";
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
      part.dir = "auto"; // Arabic and Hebrew go from right to left
    }
    $("lines").append(line);
    line.scrollIntoView({ block: "nearest" });
    return line;
  }

  #draw() {
    const longest = Math.max(2000, ...this.#turns.map((turn) => turn.heardMs ?? turn.finalMs));
    for (const turn of this.#turns) drawTurn(turn, longest);
    const [finals, answers] = [this.#turns.map((t) => t.finalMs), this.#turns.map((t) => t.heardMs).filter(Boolean)];
    const parts = [`final ${seconds(median(finals))}`];
    if (answers.length) parts.push(`bot heard ${seconds(median(answers))}`);
    const turns = finals.length > 1 ? `, median of ${finals.length} turns` : "";
    $("summary").textContent = `From the end of your speech${turns}: ${parts.join(", ")}. A tick is half a second.`;
  }
}

function drawTurn({ finalMs, heardMs, bar }, longestMs) {
  // end of speech |== final ==|-- bot heard --|, on the same scale for all turns
  const track = document.createElement("div");
  track.style.setProperty("--tick", `${50000 / longestMs}%`);
  bar.className = "turn";
  bar.replaceChildren(track);
  const piece = (kind, ms, words) => {
    const [part, legend] = [document.createElement("i"), document.createElement("small")];
    part.className = legend.className = kind;
    part.style.width = `${Math.min(100, (100 * ms) / longestMs)}%`;
    legend.textContent = words;
    track.append(part);
    bar.append(legend);
  };
  piece("final", finalMs, `final ${seconds(finalMs)}`);
  if (heardMs) piece("answer", Math.max(0, heardMs - finalMs), `bot heard ${seconds(heardMs)}`);
}

export function showLanguages({ heard, callers, spoken, voice, scripts }) {
  // What may be chosen is what the recogniser knows, those that callers speak first.
  const names = [...new Set([...callers, ...heard])];
  if (names.length) {
    $("languages").replaceChildren(...names.map((name) => Object.assign(document.createElement("option"), { value: name })));
  }
  for (const option of document.querySelectorAll("[name=script] option")) {
    option.disabled = Boolean(option.value) && !scripts.includes(option.value);
  }
  const hears = heard.length > 5 ? `${heard.length} languages` : heard.join(", ");
  $("abilities").textContent = [hears && `The server hears ${hears}.`, spoken.length && `Its voice ${voice} speaks ${spoken.join(", ")}.`]
    .filter(Boolean)
    .join(" ");
}

// ---------------------------------------------------------------- status and trouble

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
  token: ["The server wants a token", "It was started with BRIDGE_API_TOKEN, or printed a token at its start. Enter that token here."],
  wrongToken: ["The server does not know this token", "Enter BRIDGE_API_TOKEN as the server has it, or the token that it printed at its start."],
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

export function show(status) {
  if ($("status").textContent !== status) $("status").textContent = status;
}

export function showTrouble(trouble) {
  $("problem").hidden = !trouble;
  if (!trouble) return;
  const [title, way] = WAYS_OUT[trouble.kind] ?? WAYS_OUT.other;
  $("problem").querySelector("h2").textContent = title;
  const [text, detail] = $("problem").querySelectorAll("p");
  text.textContent = typeof way === "function" ? way() : way;
  detail.textContent = trouble.message;
  $("token").hidden = !["token", "wrongToken"].includes(trouble.kind);
  if (!$("token").hidden) $("token").querySelector("input").focus();
}
