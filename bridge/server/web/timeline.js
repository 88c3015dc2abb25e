// One call as a drawing: who spoke when, what was cut, how long the caller waited, and where those milliseconds went.

import { clock, drawn, element, milliseconds, secondsIn } from "./words.js";

const LANES = { caller: 16, wait: 42, bot: 52 }; // y of each
const [HIGH, BASE, HEIGHT] = [22, 96, 118];
const PX_PER_S = 4; // at least: a long call is scrolled
const WIDEST = 20000;
const TICKS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
const STAGES = {
  final: "words settled",
  judged: "turn judged over",
  text: "bot's first words",
  made: "first audio made",
  sent: "sent",
  heard: "heard",
};

export function spansOf(row, entries) {
  // Returns {said, spoken, waits, marks, length}, all in seconds since the call began.
  const [said, spoken, waits, marks] = [[], [], [], []];
  for (const { at, kind, text, data = {} } of entries) {
    const now = secondsIn(row, at);
    if (kind === "caller" && Number.isFinite(data.to_ms)) {
      said.push({ from: (data.from_ms ?? data.to_ms) / 1000, to: data.to_ms / 1000, text });
    } else if (kind === "bot") {
      const played = (data.played_ms ?? 0) / 1000;
      spoken.push({ from: Math.max(0, now - played), to: now, text, cut: Boolean(data.unheard) });
    } else if (kind === "latency") {
      const from = said.at(-1)?.to ?? now; // it is told after the words that it belongs to, and before the next ones
      const parts = partsOf(data);
      if (parts.length) waits.push({ from, to: from + parts.at(-1).ms / 1000, parts });
    } else if (["keys", "action", "fault", "listener", "operator", "tool"].includes(kind)) {
      marks.push({ at: now, kind, text });
    }
  }
  const ends = [...said, ...spoken, ...waits].map((span) => span.to);
  const length = Math.max(1, (row.duration_ms ?? 0) / 1000, ...ends, ...marks.map((mark) => mark.at));
  return { said, spoken, waits, marks, length };
}

function partsOf(data) {
  // The stages of one answer in the order in which they came: a reply may be begun before the turn is judged over.
  const came = Object.keys(STAGES).map((stage) => ({ stage, ms: data[`${stage}_ms`] }));
  return came.filter(({ ms }) => Number.isFinite(ms)).sort((a, b) => a.ms - b.ms);
}

export class Timeline {
  #cursor = null;
  #scale = 0;

  constructor(box, onSeek) {
    Object.assign(this, { box, onSeek });
  }

  draw(spans) {
    const { said, spoken, waits, marks, length } = spans;
    const width = Math.max(this.box.clientWidth || 600, Math.min(WIDEST, length * PX_PER_S));
    this.#scale = (width - 8) / length;
    const x = (seconds) => 4 + seconds * this.#scale;
    const cut = spoken.filter((span) => span.cut).length;
    const words = `${said.length} turns of the caller, ${spoken.length} replies, ${cut} of them interrupted, in ${clock(length)}`;
    const svg = drawn("svg", { width, height: HEIGHT, role: "img", "aria-label": words });
    const span = (kind, lane, { from, to, text }, high = HIGH) =>
      svg.append(drawn("rect", { class: kind, x: x(from), y: lane, width: Math.max(1.5, (to - from) * this.#scale), height: high, rx: 2 },
        drawn("title", {}, text ?? "")));
    for (const one of said) span("said", LANES.caller, one);
    for (const one of spoken) span("spoken", LANES.bot, one);
    for (const one of waits) span("wait", LANES.wait, { ...one, text: waitInWords(one) }, 6);
    for (const { to } of spoken.filter((one) => one.cut)) {
      svg.append(drawn("line", { class: "barge", x1: x(to), x2: x(to), y1: LANES.caller, y2: LANES.bot + HIGH }));
    }
    for (const { at, kind, text } of marks) {
      const dot = { class: kind === "fault" ? "dot alarm" : "dot", cx: x(at), cy: 86, r: 4 };
      svg.append(drawn("circle", dot, drawn("title", {}, `${kind} ${text}`)));
    }
    const step = TICKS_S.find((tick) => tick * this.#scale > 60) ?? 3600;
    for (let at = 0; at <= length; at += step) {
      svg.append(drawn("line", { class: "axis", x1: x(at), x2: x(at), y1: 8, y2: BASE }));
      svg.append(drawn("text", { x: Math.min(x(at) + 2, width - 30), y: HEIGHT - 8 }, clock(at)));
    }
    this.#cursor = drawn("line", { class: "cursor", x1: -9, x2: -9, y1: 4, y2: BASE });
    svg.append(this.#cursor);
    svg.onclick = (event) => this.onSeek((event.clientX - svg.getBoundingClientRect().left - 4) / this.#scale);
    this.box.replaceChildren(svg);
  }

  point(seconds) {
    // Shows where the recording is.
    if (!this.#cursor) return;
    for (const end of ["x1", "x2"]) this.#cursor.setAttribute(end, 4 + seconds * this.#scale);
  }
}

const waitInWords = ({ parts }) => parts.map(({ stage, ms }) => `${STAGES[stage]} ${milliseconds(ms)}`).join(", ");

export function waitLine({ from, parts }, longestMs, seek) {
  // A line of the list of waits: all bars have one scale, a piece is the time that a stage took after the one before.
  const bar = element("div", { className: "parts", aria: { hidden: "true" } });
  const line = element("li", {}, seek(from), bar);
  let before = 0;
  for (const { stage, ms } of parts) {
    const piece = element("i", { className: stage, title: `${STAGES[stage]}: ${milliseconds(ms - before)}` });
    piece.style.width = `${(100 * Math.max(0, ms - before)) / longestMs}%`;
    bar.append(piece);
    line.append(element("small", { className: stage, textContent: `${STAGES[stage]} ${milliseconds(ms)}` }), " ");
    before = Math.max(before, ms);
  }
  return line;
}
