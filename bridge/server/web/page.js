// What is pressed.

import { $, show, showLanguages, showTrouble } from "./display.js";
import { connect, decodeFile, openSound, Trouble } from "./line.js";
import { Session } from "./session.js";

const LABELS = { talk: "Hang up", ws: "Stop", file: "Stop" };
const NAMES = Object.fromEntries(Object.keys(LABELS).map((kind) => [kind, $(kind).textContent]));
let token = tokenOfAddress(); // of the link that the server prints when it has made a token itself
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
  $("level").value = 0;
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
    else show(kind === "talk" ? "In a call" : "Listening");
    return await session.ended;
  } finally {
    sound.close();
  }
}

async function transcribeFile(file) {
  show("Reading the recording");
  const recording = await decodeFile(file);
  const timed = $("settings").querySelector("[name=speed]").value === "1";
  const session = new Session(await connect("ws", token), recording.sampleRate, { timed });
  running.session = session;
  session.stream(recording);
  if (running.stopped) session.finish();
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

function tokenOfAddress() {
  // Takes the token out of the address bar, so that it is in no bookmark, and keeps it for reloads of this tab.
  const url = new URL(location.href);
  const given = url.searchParams.get("token");
  if (given === null) return sessionStorage.getItem("token") ?? "";
  url.searchParams.delete("token");
  history.replaceState(null, "", url);
  sessionStorage.setItem("token", given);
  return given;
}

async function learnLanguages() {
  // Asked when the settings are opened: without the token it is refused, and the list stays the one of the page.
  const answer = await fetch("languages", { headers: token ? { Authorization: `Bearer ${token}` } : {} });
  if (!answer.ok) return;
  $("settings").ontoggle = null;
  showLanguages(await answer.json());
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
$("settings").ontoggle = () => $("settings").open && learnLanguages().catch(() => {}); // the server may be gone
$("settings").querySelector("form").onsubmit = (event) => event.preventDefault();
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) start("file", file);
};
