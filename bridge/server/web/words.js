// Calls and their entries in words, and elements made of them. Text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export function element(name, properties = {}, ...children) {
  // `properties`: of the element; `data` and `aria` of their kind.
  const { aria = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  for (const [key, value] of Object.entries(aria)) made.setAttribute(`aria-${key}`, value);
  made.append(...children);
  return made;
}

export function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export const clock = (seconds) => {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
};
export const milliseconds = (ms) => (ms == null || ms === "" ? "-" : `${Math.round(ms)} ms`);
export const number = (text) => String(text || "unknown").slice(0, 100);
export const title = (row) => `${number(row.caller)} → ${number(row.callee)}`;
export const outcome = (row) => {
  if (!row.ended_at) return "not yet, or its server died";
  const who = { caller: "caller", bot: "bot", bridge: "bridge", operator: "operator" }[row.ended_by] ?? "";
  const fault = { ours: "our fault", remote: "fault of the far side" }[row.fault];
  return [who, fault, row.reason].filter(Boolean).join(": ");
};
export const secondsIn = (row, at) => (Date.parse(at) - Date.parse(row.began_at)) / 1000;

export function takeBack(list, { kind, text, data = {} }) {
  // Has a line of `list` say what the entry says now that an event tells was amended. Returns whether it is such an event.
  if (kind !== "redacted") return false;
  const line = list.querySelector(`[data-number="${Number(data.of)}"]`);
  if (!line) return true;
  const [said, cut] = [line.querySelector(".text"), line.querySelector(".cut")];
  if (said) said.firstChild.data = text;
  if (cut && data.unheard) cut.textContent = ` [interrupted] ${data.unheard}`;
  return true;
}

export function sayEntry(entry) {
  // Returns [class, who, text], null for what is shown elsewhere.
  const { kind, text, data = {} } = entry;
  switch (kind) {
    case "caller":
      return ["caller", data.to === "target" ? "Caller to target" : "Caller", text];
    case "target":
      return ["other", "Target", text];
    case "bot":
      return ["bot", "Bot", text, data.unheard];
    case "keys":
      return ["caller", "Keys", text];
    case "fault":
      return ["fault", "Fault", text];
    case "action":
      return [data.failed ? "fault" : "other", text, data.failed ? `failed: ${data.failed}` : String(data.action ?? "")];
    case "operator":
      return ["other", "Operator", [data.by, data.what, text].filter(Boolean).join(": ")];
    case "listener":
      return ["other", "Listener", `${[data.by, data.peer].filter(Boolean).join(" at ") || "somebody"} ${text === "began" ? "listens in" : "listens no longer"}`];
    case "ended":
      return ["other", "Ended", [data.ended_by, text].filter(Boolean).join(": ")];
    case "latency":
    case "level":
    case "redacted":
    case "started":
      return null;
    default:
      return ["other", String(kind), String(text ?? "")];
  }
}

export function engineUse({ heard_ms, spoken_chars, input_tokens, output_tokens, cost }) {
  // What recogniser, voice and language model did, and what it costs where prices are set: [[name, value]].
  const count = (value) => Number(value).toLocaleString();
  return [
    ["Speech heard", clock(heard_ms / 1000)],
    ["Letters spoken", count(spoken_chars)],
    ...(input_tokens || output_tokens ? [["Tokens in / out", `${count(input_tokens)} / ${count(output_tokens)}`]] : []),
    ...(cost == null ? [] : [["Cost", Number(cost).toFixed(cost < 1 ? 4 : 2)]]),
  ];
}
