// What is asked of the server: calls as JSON, and what happens on them as it happens. Nothing here touches the page.

import { keepToken, tokenOfAddress } from "./token.js";

const RETRY_MS = [500, 1000, 2000, 5000]; // between two tries to follow the events
const PAGE = 100;

let token = tokenOfAddress();

export class Refused extends Error {
  // `status`: of the answer, 0 where there was none.
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const theToken = () => token;
export function giveToken(given) {
  token = given;
  keepToken(given);
}

async function request(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let answer;
  try {
    answer = await fetch(new URL(path, document.baseURI), { cache: "no-store", ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "the server does not answer");
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let said = text.trim();
  try {
    said = JSON.parse(text).error ?? said;
  } catch {
    // plain words
  }
  throw new Refused(answer.status, said || `the server answers ${answer.status}`);
}

const path = (record) => `calls/${encodeURIComponent(record)}`;
export async function getCall(record) {
  // Returns its row with `entries`; a call that was ordered and has not begun has none.
  const answer = await (await request(path(record))).json();
  const found = answer.entries ? answer : answer.record;
  if (!found?.entries) throw new Refused(404, "the call has not begun");
  return found;
}
export const endCall = (record) => request(path(record), { method: "DELETE" });
export const getRecording = async (record) => (await request(`${path(record)}/recording`)).blob();
export const listenPath = (record) => `${path(record)}/listen`;

export async function getCalls(wanted) {
  // Returns rows, the newest first; what is empty in `wanted` is not asked for.
  const asked = Object.entries({ limit: PAGE, ...wanted }).filter(([, value]) => value !== "" && value != null);
  return (await (await request(`calls?${new URLSearchParams(asked)}`)).json()).calls;
}

export async function* pagesOf(wanted, most) {
  // Yields pages of calls until there are no more, at most `most`.
  let before = wanted.before ?? "";
  for (let page = 0; page < most; page++) {
    const rows = await getCalls({ ...wanted, before });
    if (!rows.length) return;
    yield rows;
    before = rows.at(-1).record;
  }
}

export function follow(stream, { onEvents, onState, signal }) {
  // Calls `onEvents` with what comes on `stream`, in lists, until `signal`; onState(true) on each connection, onState(false) on
  // its loss. A refusal for want of rights ends it: onState(error).
  (async () => {
    for (let failed = 0; !signal.aborted; failed++) {
      try {
        const answer = await request(stream, { signal });
        onState(true);
        failed = 0;
        await readEvents(answer.body, onEvents);
      } catch (error) {
        if (signal.aborted) return;
        if ([401, 403, 404].includes(error.status)) return onState(error);
      }
      onState(false);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(failed, RETRY_MS.length - 1)]));
    }
  })();
}

async function readEvents(body, onEvents) {
  // Server-sent events: lines "data: ...", an empty line ends one.
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let data = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    const events = [];
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line.startsWith("data:")) data.push(line.slice(5));
      if (line || !data.length) continue;
      try {
        events.push(JSON.parse(data.join("\n")));
      } catch {
        // a server of another version: what is no JSON is no event of ours
      }
      data = [];
    }
    if (events.length) onEvents(events);
  }
}
