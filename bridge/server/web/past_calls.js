// Calls that were: looked for by words, number, outcome and day.

import { pagesOf } from "./calls_data.js";
import { $ } from "./display.js";
import { clock, element, milliseconds, number, outcome } from "./words.js";

const WANTED = 25; // calls that are added at a time
const MOST_PAGES = 20; // looked through for them, where an outcome is asked for
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
    const { outcome: wanted, ...form } = Object.fromEntries(new FormData($("search")));
    const body = $("calls").tBodies[0];
    let [found, looked, more] = [0, 0, false];
    for await (const rows of pagesOf({ ...inRequest(form), before: this.#before }, MOST_PAGES)) {
      if (asked !== this.#asked) return;
      for (const row of rows) {
        this.#before = row.record;
        looked++;
        if (wanted && ![row.ended_by, row.fault].includes(wanted)) continue;
        body.append(line(row));
        more = ++found === WANTED;
        if (more) break;
      }
      if (more) break;
    }
    const shown = body.rows.length;
    const unfinished = more || looked >= MOST_PAGES * 100;
    $("older").hidden = !unfinished;
    $("found").textContent = shown ? `${shown} calls, the newest first${unfinished ? "; there may be more" : ""}.` : "No such call.";
  }
}

function inRequest({ text, phone, since, until }) {
  // Days are the browser's; the last one is meant as a whole.
  const day = (value, add = 0) => (value ? new Date(new Date(`${value}T00:00`).getTime() + add).toISOString() : "");
  return { text: text.trim(), phone: phone.trim(), since: day(since), until: day(until, DAY_MS) };
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
