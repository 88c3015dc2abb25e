// Calls that were: looked for by words, number, outcome and day.

import { getCalls } from "./calls_data.js";
import { $ } from "./display.js";
import { clock, element, milliseconds, number, outcome } from "./words.js";

const PAGE = 25; // calls that are added at a time
const DAY_MS = 86400000;

export class PastCalls {
  #before = "";
  #asked = 0; // counts searches: an answer to an older one is dropped

  constructor({ onTrouble }) {
    this.onTrouble = onTrouble;
    $("search").onsubmit = (event) => {
      event.preventDefault();
      this.search();
    };
    $("older").onclick = () => this.#more();
  }

  search() {
    this.#before = "";
    $("calls").tBodies[0].replaceChildren();
    return this.#more();
  }

  async #more() {
    const asked = ++this.#asked;
    $("found").textContent = "Searching";
    $("older").hidden = true;
    try {
      await this.#look(asked);
    } catch (error) {
      if (asked !== this.#asked) return;
      $("found").textContent = "";
      this.onTrouble(error);
    }
  }

  async #look(asked) {
    const wanted = { ...inRequest(Object.fromEntries(new FormData($("search")))), before: this.#before, limit: PAGE };
    const rows = await getCalls(wanted);
    if (asked !== this.#asked) return;
    const body = $("calls").tBodies[0];
    body.append(...rows.map(line));
    this.#before = rows.at(-1)?.record ?? "";
    const more = rows.length === PAGE;
    $("older").hidden = !more;
    const shown = body.rows.length;
    $("found").textContent = shown ? `${shown} calls, the newest first${more ? "; there may be more" : ""}.` : "No such call.";
  }
}

function inRequest({ text, phone, outcome: how, since, until }) {
  // Days are the browser's; the last one is meant as a whole.
  const day = (value, add = 0) => (value ? new Date(new Date(`${value}T00:00`).getTime() + add).toISOString() : "");
  const found = ["ours", "remote"].includes(how) ? { fault: how } : { ended_by: how };
  return { ...found, text: text.trim(), phone: phone.trim(), since: day(since), until: day(until, DAY_MS) };
}

function line(row) {
  const began = new Date(row.began_at);
  const link = element("a", { href: `#call/${encodeURIComponent(row.record)}`, textContent: began.toLocaleString() });
  const cells = [
    element("td", {}, link),
    element("td", { textContent: number(row.caller) }),
    element("td", { textContent: number(row.callee) }),
    element("td", { textContent: row.duration_ms == null ? "-" : clock(row.duration_ms / 1000) }),
    element("td", { textContent: milliseconds(row.first_audio_ms) }),
    element("td", { textContent: outcome(row), className: row.fault ? "fault" : "" }),
  ];
  return element("tr", {}, ...cells);
}
