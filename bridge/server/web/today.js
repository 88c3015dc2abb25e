// The numbers of today, from the calls that began since midnight, as small plots.

import { pagesOf } from "./calls_data.js";
import { $ } from "./display.js";
import { drawn, element, engineUse, milliseconds } from "./words.js";

const MOST_PAGES = 20;
const PAGE = 500;
const [WIDTH, HEIGHT, LEFT, BASE] = [340, 120, 34, 100];
const OUTCOMES = { caller: "caller hung up", bot: "bot ended it", bridge: "bridge ended it", operator: "operator ended it", ours: "our fault", remote: "far side's fault", "": "not ended" };

export function percentile(sorted, share) {
  // The nearest rank; null of nothing.
  return sorted.length ? sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] : null;
}

export async function countToday() {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const rows = [];
  for await (const page of pagesOf({ since: midnight.toISOString(), limit: PAGE }, MOST_PAGES)) rows.push(...page);
  return summed(rows);
}

export function summed(rows) {
  const hours = Array.from({ length: 24 }, () => ({ calls: 0, bargeIns: 0, faults: 0, waits: [] }));
  const outcomes = Object.fromEntries(Object.keys(OUTCOMES).map((key) => [key, 0]));
  const waits = [];
  const used = { heard_ms: 0, spoken_chars: 0, input_tokens: 0, output_tokens: 0, cost: null };
  for (const row of rows) {
    const hour = hours[new Date(row.began_at).getHours()];
    hour.calls++;
    hour.bargeIns += row.barge_ins || 0;
    hour.faults += row.faults || 0;
    for (const name of Object.keys(used)) if (row[name] != null) used[name] += row[name];
    const outcome = row.fault || row.ended_by || "";
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (row.first_audio_ms != null) {
      hour.waits.push(row.first_audio_ms);
      waits.push(row.first_audio_ms);
    }
  }
  for (const list of [waits, ...hours.map((hour) => hour.waits)]) list.sort((a, b) => a - b);
  const total = (name) => hours.reduce((sum, hour) => sum + hour[name], 0);
  return { hours, outcomes, waits, calls: rows.length, bargeIns: total("bargeIns"), faults: total("faults"), used };
}

export function showToday(sum) {
  const { hours, outcomes, waits } = sum;
  const figures = {
    Calls: sum.calls,
    "First audio, p50": milliseconds(percentile(waits, 0.5)),
    "First audio, p95": milliseconds(percentile(waits, 0.95)),
    "Barge-ins": sum.bargeIns,
    Faults: sum.faults,
    ...Object.fromEntries(engineUse(sum.used)),
  };
  $("figures").replaceChildren(...Object.entries(figures).map(([name, value]) =>
    element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value }))));
  $("plots").replaceChildren(
    figure("Calls by the hour", bars(hours.map((hour) => hour.calls))),
    figure("Outcomes", outcomeBars(outcomes)),
    figure("First audio by the hour, ms: p50 solid, p95 dashed", lines({
      p50: hours.map((hour) => percentile(hour.waits, 0.5)),
      p95: hours.map((hour) => percentile(hour.waits, 0.95)),
    })),
    figure("Barge-ins by the hour", bars(hours.map((hour) => hour.bargeIns))),
    figure("Faults by the hour", bars(hours.map((hour) => hour.faults), "alarm")),
  );
  const half = sum.calls >= MOST_PAGES * PAGE ? ` Only the newest ${sum.calls} calls were counted.` : "";
  $("today-note").textContent = `First audio is what a call's log has as its median wait, from the end of speech to the
    answer as heard, or as sent where the wire has no marks; p50 and p95 are over calls.${half}`;
}

function figure(caption, [svg, words]) {
  svg.setAttribute("aria-label", `${caption}: ${words || "nothing yet"}`);
  return element("figure", {}, element("figcaption", { textContent: caption }), svg);
}

const plot = (height = HEIGHT) => drawn("svg", { viewBox: `0 0 ${WIDTH} ${height}`, width: "100%", role: "img" });
const x = (hour) => LEFT + ((WIDTH - LEFT) * hour) / 24;

function axes(svg, most) {
  svg.append(drawn("line", { class: "axis", x1: LEFT, x2: WIDTH, y1: BASE, y2: BASE }));
  for (const hour of [0, 6, 12, 18]) svg.append(drawn("text", { x: x(hour), y: HEIGHT - 4 }, `${hour}:00`));
  svg.append(drawn("text", { x: 0, y: 14 }, String(most)), drawn("text", { x: 0, y: BASE }, "0"));
}

function bars(values, kind = "") {
  const [svg, most] = [plot(), Math.max(1, ...values)];
  axes(svg, most);
  for (const [hour, value] of values.entries()) {
    const high = (90 * value) / most;
    if (value) svg.append(drawn("rect", { class: `bar ${kind}`, x: x(hour) + 1, y: BASE - high, width: x(1) - x(0) - 2, height: high },
      drawn("title", {}, `${hour}:00: ${value}`)));
  }
  const told = values.flatMap((value, hour) => (value ? [`${value} at ${hour}:00`] : []));
  return [svg, told.join(", ")];
}

function lines(named) {
  const [svg, most] = [plot(), Math.max(1, ...Object.values(named).flat())];
  axes(svg, most);
  const told = [];
  for (const [name, values] of Object.entries(named)) {
    const known = values.flatMap((value, hour) => (value == null ? [] : [[hour, value]]));
    const at = ([hour, value]) => [(x(hour) + x(hour + 1)) / 2, BASE - (90 * value) / most];
    svg.append(drawn("polyline", { class: `line ${name}`, points: known.map((one) => at(one).join(",")).join(" ") }));
    for (const one of known) {
      const [cx, cy] = at(one);
      svg.append(drawn("circle", { class: `dot ${name}`, cx, cy, r: 3 }, drawn("title", {}, `${name} at ${one[0]}:00: ${one[1]} ms`)));
    }
    if (known.length) told.push(`${name} ${known.map(([hour, value]) => `${value} at ${hour}:00`).join(", ")}`);
  }
  return [svg, told.join("; ")];
}

function outcomeBars(outcomes) {
  const known = Object.entries(outcomes).filter(([, count]) => count);
  const [svg, most] = [plot(Math.max(1, known.length) * 20), Math.max(1, ...known.map(([, count]) => count))];
  for (const [at, [key, count]] of known.entries()) {
    svg.append(drawn("text", { x: 0, y: at * 20 + 14 }, OUTCOMES[key] ?? key));
    svg.append(drawn("rect", { class: `bar ${["ours", "remote"].includes(key) ? "alarm" : ""}`, x: 110, y: at * 20 + 3, width: (180 * count) / most, height: 14 }));
    svg.append(drawn("text", { x: 116 + (180 * count) / most, y: at * 20 + 14 }, String(count)));
  }
  return [svg, known.map(([key, count]) => `${OUTCOMES[key] ?? key} ${count}`).join(", ")];
}
