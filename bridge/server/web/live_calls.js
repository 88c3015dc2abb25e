// The calls that are on now: a card each, with meters and the newest words of both sides.

import { endCall, getCall, getCalls } from "./calls_data.js";
import { $ } from "./display.js";
import { clock, element, sayEntry, takeBack, title } from "./words.js";

const LINES = 6; // of a card; older ones are on the call's own view
const QUIETEST_DB = -60;
const AT_ONCE = 4; // requests, when the page opens on many calls
const ARMED_MS = 4000; // a button that ends a call asks for a second press, so long

export class LiveCalls {
  #cards = new Map(); // by record
  #coming = new Set(); // records that are being asked for
  #levels = new Map(); // not drawn yet: record -> {caller_db, bot_db}
  #drawing = 0;

  constructor({ listening, onTrouble }) {
    // `listening`: {toggle(record, row), record}; onTrouble(error) where a call could not be ended.
    Object.assign(this, { listening, onTrouble });
    setInterval(() => this.#tick(), 1000);
  }

  async load() {
    // Shows what is on now; what began or ended meanwhile comes as events.
    const rows = await getCalls({ live: "true", limit: 500 });
    const on = new Set(rows.map((row) => row.record));
    for (const record of this.#cards.keys()) if (!on.has(record)) this.#remove(record);
    for (const row of rows.reverse()) this.#add(row);
    const records = [...on];
    const ask = async () => {
      for (let record; (record = records.pop()); ) await this.#fetch(record);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
  }

  row(record) {
    return this.#cards.get(record)?.row;
  }

  take(event) {
    const { record, kind, data } = event;
    if (kind === "level") {
      this.#levels.set(record, data);
      this.#drawing ||= requestAnimationFrame(() => this.#draw());
    } else if (kind === "started") {
      this.#add({ ...data, record, began_at: event.at });
      this.#say(record, event);
    } else if (kind === "ended") {
      this.#remove(record);
    } else if (this.#cards.has(record)) {
      this.#say(record, event);
    } else {
      this.#fetch(record);
    }
  }

  pressed(record) {
    // Shows which call is listened to, "" for none.
    for (const [name, card] of this.#cards) card.listen.setAttribute("aria-pressed", String(name === record));
  }

  async #fetch(record) {
    if (this.#coming.has(record)) return;
    this.#coming.add(record);
    try {
      const { entries, ...row } = await getCall(record);
      if (row.ended_at) return;
      this.#add(row);
      for (const entry of entries.slice(-200)) this.#say(record, entry);
    } catch {
      // it is gone already, or its words come as they are said
    } finally {
      this.#coming.delete(record);
    }
  }

  #add(row) {
    if (this.#cards.has(row.record)) return;
    const card = makeCard(row);
    card.listen.onclick = () => this.listening.toggle(row.record, row);
    card.listen.setAttribute("aria-pressed", String(this.listening.record === row.record));
    arm(card.end, row.record, this.onTrouble);
    this.#cards.set(row.record, card);
    $("cards").append(card.root);
    this.#count();
  }

  #remove(record) {
    const card = this.#cards.get(record);
    if (!card) return;
    const focused = card.root.contains(document.activeElement);
    const next = card.root.nextElementSibling ?? card.root.previousElementSibling;
    card.root.remove();
    this.#cards.delete(record);
    this.#levels.delete(record);
    if (focused) (next?.querySelector("a") ?? document.querySelector("main")).focus();
    this.#count();
  }

  #count() {
    $("live-count").textContent = this.#cards.size ? `(${this.#cards.size})` : "";
    $("live-none").hidden = this.#cards.size > 0;
  }

  #say(record, entry) {
    const card = this.#cards.get(record);
    if (entry.number <= card.last) return; // an event that was in the record already, or came twice
    card.last = entry.number;
    if (takeBack(card.words, entry)) return;
    const said = sayEntry(entry);
    if (!said || !(said[2] || said[3])) return;
    const [side, who, text, cut] = said;
    const line = element("li", { className: side }, element("span", { className: "who", textContent: who }),
      element("span", { className: "text" }, text));
    line.dataset.number = entry.number;
    if (cut) line.append(element("span", { className: "cut", textContent: ` [interrupted] ${cut}` }));
    card.words.append(line);
    while (card.words.children.length > LINES) card.words.firstElementChild.remove();
  }

  #draw() {
    this.#drawing = 0;
    for (const [record, { caller_db, bot_db }] of this.#levels) {
      const card = this.#cards.get(record);
      if (!card) continue;
      card.callerBar.style.transform = `scaleX(${share(caller_db)})`;
      card.botBar.style.transform = `scaleX(${share(bot_db)})`;
    }
    this.#levels.clear();
  }

  #tick() {
    if (document.hidden) return;
    const now = Date.now();
    for (const { age, began } of this.#cards.values()) age.textContent = clock((now - began) / 1000);
  }
}

function makeCard(row) {
  const name = title(row);
  const link = element("a", { href: `#call/${encodeURIComponent(row.record)}`, textContent: name, title: name });
  const age = element("span", { className: "age" });
  const [callerBar, botBar] = [element("b"), element("b")];
  const meter = (side, bar) =>
    element("div", { className: `meter ${side.toLowerCase()}`, aria: { hidden: "true" } },
      element("span", { textContent: side }), element("i", {}, bar));
  const words = element("ol", { aria: { label: `What was said last in ${name}` } });
  const listen = element("button", { type: "button", textContent: "Listen in", aria: { label: `Listen in to ${name}` } });
  const end = element("button", { type: "button", textContent: "End", aria: { label: `End the call ${name}` } });
  const root = element("article", { className: "card" },
    element("h3", {}, link, age), meter("Caller", callerBar), meter("Bot", botBar), words,
    element("div", { className: "buttons" }, listen, end));
  return { root, row, age, callerBar, botBar, words, listen, end, began: Date.parse(row.began_at), last: 0 };
}

const share = (db) => Math.min(1, Math.max(0, (db - QUIETEST_DB) / -QUIETEST_DB)).toFixed(2);

export function arm(button, record, onTrouble) {
  // Makes `button` end a call on its second press: the first one asks.
  const [words, label] = [button.textContent, button.getAttribute("aria-label")];
  const armed = (yes) => {
    button.classList.toggle("armed", yes);
    button.textContent = yes ? "Really end?" : words;
    if (label) button.setAttribute("aria-label", yes ? `Really ${label[0].toLowerCase()}${label.slice(1)}?` : label);
  };
  let timer = 0;
  button.onclick = async () => {
    if (button.hasAttribute("aria-disabled")) return;
    clearTimeout(timer);
    if (!button.classList.contains("armed")) {
      armed(true);
      timer = setTimeout(() => armed(false), ARMED_MS);
      return;
    }
    armed(false);
    button.setAttribute("aria-disabled", "true"); // a button that is disabled would lose the focus
    try {
      await endCall(record);
    } catch (error) {
      button.removeAttribute("aria-disabled");
      onTrouble(error);
    }
  };
}
