// The page for operators: which view is shown, and what goes to it.

import { follow, giveToken, Refused } from "./calls_data.js";
import { $ } from "./display.js";
import { Listening } from "./listen_in.js";
import { LiveCalls } from "./live_calls.js";
import { OneCall } from "./one_call.js";
import { PastCalls } from "./past_calls.js";
import { countToday, showToday } from "./today.js";
import { element } from "./words.js";

const VIEWS = ["live", "past", "today", "call"];
const TODAY_AGAIN_MS = 15000; // the plots are made anew so often at most, as calls end

let following = null; // what ends the stream of events
let todayTimer = 0;

const listening = new Listening({
  onChange: (record) => {
    live.pressed(record);
    one.pressed(record);
  },
  onTrouble: showTrouble,
});
const live = new LiveCalls({ listening, onTrouble: showTrouble });
const one = new OneCall({ listening, onTrouble: showTrouble });
const past = new PastCalls({ onTrouble: showTrouble });

function showTrouble(error) {
  const wants = error.status === 401 || ["token", "wrongToken"].includes(error.kind);
  const titles = { 403: "You may not do this", 404: "Not found", 0: "The server does not answer" };
  $("problem").hidden = false;
  $("problem").querySelector("h2").textContent = wants ? "The server wants a token" : (titles[error.status] ?? "This did not work");
  $("problem").querySelector("p").textContent = wants
    ? "It was started with BRIDGE_API_TOKEN, or printed a token at its start. A token for the API needs the scope read; to listen in and to end calls it needs calls."
    : error.message || error.kind || "";
  $("token").hidden = !wants;
  if (wants) $("token").querySelector("input").focus();
  if (!(error instanceof Refused) && !error.kind) throw error; // a fault of this page: let the console have it
}

async function attempt(work) {
  try {
    await work();
  } catch (error) {
    showTrouble(error);
  }
}

function connect() {
  following?.abort();
  following = new AbortController();
  const { signal } = following;
  follow("events/levels", {
    signal,
    onEvents: (events) => events.forEach((event) => live.take(event)),
    onState: () => {}, // without them the meters stand still, and the events say why
  });
  follow("events", {
    signal,
    onEvents: (events) => {
      for (const event of events) {
        live.take(event);
        one.take(event);
        if (event.kind === "ended") countSoon();
      }
    },
    onState: (state) => {
      if (state instanceof Error) showTrouble(state);
      $("status").textContent = state === true ? "Up to date" : state === false ? "Connecting again" : "Stopped";
      document.body.classList.toggle("live", state === true);
      if (state === true) {
        $("problem").hidden = true;
        attempt(() => live.load());
      }
    },
  });
}

// ---------------------------------------------------------------- views

async function show() {
  const [name, record] = location.hash.slice(1).split("/");
  const view = VIEWS.includes(name) ? name : "live";
  for (const id of VIEWS) $(id).hidden = id !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  $("problem").hidden = true;
  if (view !== "call") one.hide();
  if (view === "past") await past.search();
  if (view === "today") await attempt(count);
  if (view === "call") await attempt(() => one.show(decodeURIComponent(record ?? "")));
}

async function count() {
  showToday(await countToday());
}

function countSoon() {
  todayTimer ||= setTimeout(() => {
    todayTimer = 0;
    if (!$("today").hidden) attempt(count);
  }, TODAY_AGAIN_MS);
}

$("legend").append("Move the pointer over a piece to read it. ", ...[["said", "caller"], ["spoken", "bot"],
  ["wait", "the caller waits"], ["barge", "interrupted"]].map(([kind, words]) => element("span", {}, element("i", { className: kind }), words)));
$("token").onsubmit = (event) => {
  event.preventDefault();
  giveToken($("token").querySelector("input").value.trim());
  $("token").querySelector("input").value = "";
  connect();
  show();
};
window.addEventListener("hashchange", () => {
  show();
  document.querySelector("main").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") listening.stop();
});
connect();
show();
