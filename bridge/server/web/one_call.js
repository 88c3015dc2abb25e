// One call: what is known of it, its timeline above its recording, its waits, and every word.

import { getCall, getRecording } from "./calls_data.js";
import { $ } from "./display.js";
import { arm } from "./live_calls.js";
import { spansOf, Timeline, waitLine } from "./timeline.js";
import { clock, element, engineUse, milliseconds, outcome, sayEntry, secondsIn, takeBack, title } from "./words.js";

const FACTS = [
  ["Began", (row) => new Date(row.began_at).toLocaleString()],
  ["Took", (row) => (row.duration_ms == null ? "" : clock(row.duration_ms / 1000))],
  ["Ended", (row) => (row.ended_at ? outcome(row) : "")],
  ["Median wait", (row) => (row.first_audio_ms == null ? "" : milliseconds(row.first_audio_ms))],
  ["Interrupted", (row) => (row.ended_at ? `${row.barge_ins} times` : "")],
  ["Faults", (row) => row.faults || ""],
  ["Engines", (row) => (row.heard_ms == null ? "" : engineUse(row).map(([name, value]) => `${name.toLowerCase()} ${value}`).join(", "))],
  ["Language", (row) => row.language],
  ["Wire", (row) => row.wire],
  ["Direction", (row) => row.direction],
  ["Route", (row) => row.route],
  ["Bot", (row) => row.bot],
  ["Machine", (row) => row.node],
  ["Call", (row) => row.call_id],
  ["Record", (row) => row.record],
];

export class OneCall {
  record = ""; // of the call that is shown, "" for none
  #row = null;
  #entries = [];
  #early = []; // events that came before the record did
  #audio = $("recording");
  #audioUrl = "";
  #timeline = new Timeline($("timeline"), (seconds) => this.#seek(seconds));
  #redrawing = 0;

  constructor({ listening, onTrouble }) {
    Object.assign(this, { listening, onTrouble });
    const show = () => this.#timeline.point(this.#audio.currentTime);
    this.#audio.ontimeupdate = this.#audio.onseeked = show;
    new ResizeObserver(() => this.#row && this.#redraw()).observe($("timeline"));
  }

  async show(record) {
    this.hide();
    this.record = record;
    $("call-title").textContent = "Looking it up";
    const { entries, ...row } = await getCall(record);
    if (this.record !== record) return; // another one was asked for meanwhile
    this.#row = row;
    $("call-title").textContent = title(row);
    this.#showFacts();
    this.#showControls();
    for (const entry of [...entries, ...this.#early.splice(0)]) this.#add(entry);
    this.#draw();
    await this.#showRecording();
  }

  hide() {
    this.record = "";
    this.#row = null;
    this.#entries = [];
    this.#early = [];
    for (const id of ["facts", "timeline", "waits", "words", "call-controls"]) $(id).replaceChildren();
    $("no-recording").textContent = "";
    this.#audio.pause();
    this.#audio.hidden = true;
    this.#audio.removeAttribute("src");
    if (this.#audioUrl) URL.revokeObjectURL(this.#audioUrl);
    this.#audioUrl = "";
  }

  take(event) {
    if (event.record !== this.record || event.kind === "level") return;
    if (!this.#row) return this.#early.push(event);
    if (!this.#add(event)) return;
    this.#redraw();
    if (event.kind !== "ended") return;
    const { at, text, data } = event;
    Object.assign(this.#row, data, { ended_at: at, reason: text });
    this.#showFacts();
    this.#showControls();
  }

  pressed(record) {
    $("call-controls").querySelector("[aria-pressed]")?.setAttribute("aria-pressed", String(record === this.record));
  }

  #add(entry) {
    // Returns whether it is new.
    if (this.#entries.some((known) => known.number === entry.number)) return false;
    this.#entries.push(entry);
    if (takeBack($("words"), entry)) return true;
    const said = sayEntry(entry);
    if (!said) return true;
    const [side, who, text, cut] = said;
    const words = element("p", { className: "text" }, text);
    if (cut) words.append(element("span", { className: "cut", textContent: ` [interrupted] ${cut}` }));
    const line = element("li", { className: side },
      this.#seekButton(this.#begin(entry)), element("small", { className: "who", textContent: who }), words);
    line.dataset.number = entry.number;
    $("words").append(line);
    return true;
  }

  #begin({ kind, at, data = {} }) {
    if (["caller", "target"].includes(kind) && Number.isFinite(data.from_ms)) return data.from_ms / 1000;
    return secondsIn(this.#row, at) - (kind === "bot" ? (data.played_ms ?? 0) / 1000 : 0);
  }

  #redraw() {
    this.#redrawing ||= requestAnimationFrame(() => {
      this.#redrawing = 0;
      if (this.#row) this.#draw();
    });
  }

  #draw() {
    const spans = spansOf(this.#row, this.#entries);
    this.#timeline.draw(spans);
    const longestMs = Math.max(1, ...spans.waits.map(({ parts }) => parts.at(-1).ms));
    $("waits").replaceChildren(...spans.waits.map((wait) => waitLine(wait, longestMs, (at) => this.#seekButton(at))));
    $("waits-none").hidden = spans.waits.length > 0;
  }

  #showFacts() {
    const known = FACTS.map(([name, of]) => [name, of(this.#row)]).filter(([, value]) => value);
    $("facts").replaceChildren(...known.map(([name, value]) =>
      element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value }))));
  }

  #showControls() {
    $("call-controls").replaceChildren();
    if (this.#row.ended_at) return;
    const listen = element("button", { type: "button", textContent: "Listen in",
      aria: { pressed: String(this.listening.record === this.record) } });
    listen.onclick = () => this.listening.toggle(this.record);
    const end = element("button", { type: "button", textContent: "End the call" });
    arm(end, this.record, this.onTrouble);
    $("call-controls").append(listen, end);
  }

  async #showRecording() {
    const record = this.record;
    const told = this.#entries.find((entry) => entry.kind === "recording");
    if (!told) {
      $("no-recording").textContent = "This call was not recorded.";
      return;
    }
    try {
      const sound = await getRecording(record);
      if (this.record !== record) return;
      this.#audio.src = this.#audioUrl = URL.createObjectURL(sound);
      this.#audio.hidden = false;
    } catch (error) {
      if (this.record === record) $("no-recording").textContent = `There is no sound: ${error.message}`;
    }
  }

  #seek(seconds) {
    if (!this.#audio.hidden) this.#audio.currentTime = Math.max(0, seconds);
  }

  #seekButton(seconds) {
    const at = clock(seconds);
    const button = element("button", { type: "button", className: "seek", textContent: at, aria: { label: `Go to ${at}` } });
    button.onclick = () => this.#seek(seconds);
    return button;
  }
}
