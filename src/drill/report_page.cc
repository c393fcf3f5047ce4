#include "drill/report_page.h"

#include <string_view>

namespace aurora_global::drill {
namespace {

constexpr std::string_view kHole = "@DATA@";

constexpr std::string_view kPage = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Drill report</title>
<style>
:root {
  --ground: #f6f7f9; --card: #ffffff; --ink: #1b2330; --soft: #667085; --line: #e3e7ee;
  --good: #1a9f5f; --bad: #d9363e; --odd: #e8890c; --shade: rgba(217, 54, 62, .11);
  --r0: #98a2b3; --r1: #3b76d6; --r2: #12a594; --r3: #8e4ec6; --r4: #c2660a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #10141b; --card: #181e28; --ink: #e6eaf2; --soft: #94a0b4; --line: #2a3342;
    --good: #3cc784; --bad: #ff6369; --odd: #f5a524; --shade: rgba(255, 99, 105, .16);
    --r1: #5b93ee; --r2: #2cc5b2; --r3: #b07ae6; --r4: #e5934a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 28px 20px 60px; }
header { display: flex; gap: 16px; align-items: flex-start; margin-bottom: 20px; }
header > div:first-child { flex: 1; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 17px; margin: 0 0 2px; }
p { margin: 0; }
.soft { color: var(--soft); }
.small { font-size: 13px; }
.badge { font-weight: 700; letter-spacing: .04em; padding: 8px 16px; border-radius: 8px;
  color: #fff; background: var(--good); white-space: nowrap; }
.badge.bad { background: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px;
  margin-bottom: 16px; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.tile { padding: 14px 16px; }
.tile b { display: block; font-size: 24px; line-height: 1.25; font-weight: 650;
  font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.card { padding: 18px 20px; margin-bottom: 16px; overflow-x: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 6px 0 4px; font-size: 13px;
  color: var(--soft); }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px;
  margin-right: 6px; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 11px; font-family: inherit; }
svg .name { fill: var(--ink); }
.tabs { display: flex; flex-wrap: wrap; gap: 6px; margin: 10px 0; }
.tabs button { font: inherit; font-size: 13px; padding: 3px 12px; border-radius: 999px;
  cursor: pointer; border: 1px solid var(--line); background: none; color: var(--soft); }
.tabs button.on { background: var(--ink); color: var(--card); border-color: var(--ink); }
table { border-collapse: collapse; width: 100%; font-size: 14px;
  font-variant-numeric: tabular-nums; margin-top: 8px; }
th { text-align: right; font-weight: 500; color: var(--soft); font-size: 12.5px;
  padding: 4px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
td.l { white-space: normal; }
td.l:first-child { white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
th.l, td.l { text-align: left; }
td.l:first-child, th.l:first-child { padding-left: 0; }
.good { color: var(--good); } .bad { color: var(--bad); } .odd { color: var(--odd); }
.num { display: inline-flex; align-items: center; justify-content: center; min-width: 20px;
  height: 20px; padding: 0 5px; border-radius: 10px; background: var(--ink); color: var(--card);
  font-size: 12px; margin-right: 8px; }
#tip { position: fixed; pointer-events: none; display: none; background: var(--ink);
  color: var(--card); padding: 8px 11px; border-radius: 8px; font-size: 12.5px; line-height: 1.45;
  max-width: 320px; z-index: 9; white-space: pre-line; font-variant-numeric: tabular-nums; }
@media (max-width: 640px) {
  main { padding: 16px 10px 40px; }
  header { flex-wrap: wrap; }
  .card { padding: 14px 12px; }
  .tiles { grid-template-columns: 1fr 1fr; }
  /* A row of a table is a block; each cell has its heading beside it. */
  table, tr, td, td.l { display: block; }
  tr:first-child { display: none; }
  table.bare tr:first-child { display: block; }
  tr { border-bottom: 1px solid var(--line); padding: 6px 0; }
  tr:last-child { border-bottom: 0; }
  td, td.l, td.l:first-child { display: flex; justify-content: space-between; gap: 14px;
    padding: 2px 0; border: 0; white-space: normal; text-align: right; }
  td::before { content: attr(data-head); color: var(--soft); text-align: left; }
  td.l:first-child { font-weight: 600; text-align: left; }
  td[data-head=""]::before { content: none; }
}
@media print {
  @page { margin: 12mm; }
  body { background: #fff; font-size: 12px; }
  main { max-width: none; padding: 0; }
  .card, .tile { break-inside: avoid; overflow: visible; border-color: #ccc; }
  .card { padding: 10px 12px; margin-bottom: 10px; }
  .tiles { grid-template-columns: repeat(4, 1fr); gap: 8px; }
  .tile b { font-size: 17px; }
  .badge { color: var(--good); background: none; border: 2px solid; }
  .badge.bad { color: var(--bad); background: none; }
  .legend i, rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .tabs { display: none; }
  table { font-size: 10px; }
  th { font-size: 9px; padding: 3px 4px; white-space: normal; vertical-align: bottom; }
  td { padding: 3px 4px; }
}
</style>
</head>
<body>
<main id="page"><noscript>This page draws itself with a script; results.json beside it has the
numbers.</noscript></main>
<div id="tip"></div>
<script id="data" type="application/json">@DATA@</script>
<script>
"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const page = document.getElementById("page"), tip = document.getElementById("tip");
const SVG = "http://www.w3.org/2000/svg";

function node(name, attributes, parent, text) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.append(e);
  return e;
}
function draw(name, attributes, parent, text) {
  const e = document.createElementNS(SVG, name);
  for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  parent.append(e);
  return e;
}
function time(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return (ms * 1000).toFixed(0) + " µs";
  if (ms < 10) return ms.toFixed(2) + " ms";
  if (ms < 1000) return ms.toFixed(ms < 100 ? 1 : 0) + " ms";
  return (ms / 1000).toFixed(ms < 10000 ? 2 : 1) + " s";
}
const count = n => n.toLocaleString("en-US");
const colour = i => `var(--r${i === 0 ? 0 : (i - 1) % 4 + 1})`;
const regionName = i => D.regions[i] || "server did not say";
function hint(element, text) {
  element.addEventListener("mousemove", e => {
    tip.textContent = typeof text === "function" ? text(e) : text;
    if (!tip.textContent) { tip.style.display = "none"; return; }
    tip.style.display = "block";
    const wide = tip.offsetWidth, high = tip.offsetHeight;
    tip.style.left = Math.min(e.clientX + 14, innerWidth - wide - 8) + "px";
    tip.style.top = Math.max(8, Math.min(e.clientY + 14, innerHeight - high - 8)) + "px";
  });
  element.addEventListener("mouseleave", () => { tip.style.display = "none"; });
}
// About `wanted` round values that cover [low, high].
function ticks(low, high, wanted) {
  const raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 5, 10].map(f => f * power).find(s => s >= raw) || power;
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step / 1e6; v += step) out.push(v);
  return out;
}
const LEFT = 62, RIGHT = 12;
let W = 1080;  // As wide as its place, so that its text has its own size.
function canvas(parent, height) {
  return draw("svg", {viewBox: `0 0 ${W} ${height}`, role: "img"}, parent);
}
function scaleX(from, to) {
  return ms => LEFT + (ms - from) / Math.max(to - from, 1e-9) * (W - LEFT - RIGHT);
}
function axisX(svg, x, from, to, top, bottom, seconds) {
  for (const v of ticks(from, to, Math.max(3, Math.floor(W / 105)))) {
    draw("line", {x1: x(v), x2: x(v), y1: top, y2: bottom, stroke: "var(--line)"}, svg);
    const label = seconds ? +(v / 1000).toFixed(3) + " s" : Math.round(v) + " ms";
    draw("text", {x: x(v), y: bottom + 15, "text-anchor": "middle"}, svg, label);
  }
}
function shadeWindows(svg, x, from, to, top, bottom) {
  for (const s of D.steps) {
    const w = s.write_unavailability;
    if (!w || !s.moves || w.to_ms < from || w.from_ms > to) continue;
    const a = x(Math.max(w.from_ms, from)), b = x(Math.min(w.to_ms, to));
    draw("rect", {x: a, y: top, width: Math.max(b - a, 1.5), height: bottom - top,
      fill: "var(--shade)"}, svg);
  }
}
function legend(parent, entries) {
  const box = node("div", {class: "legend"}, parent);
  for (const [fill, text] of entries) {
    const span = node("span", {}, box);
    node("i", {style: `background:${fill}`}, span);
    span.append(text);
  }
}
function card(title, text) {
  const box = node("section", {class: "card"}, page);
  node("h2", {}, box, title);
  if (text) node("p", {class: "soft small"}, box, text);
  return box;
}
const usedRegions = D.regions.map((_, i) => i).filter(i => D.bins.some(b => b[1][i] > 0));
const regionLegend = usedRegions.map(i => [colour(i), "served by " + regionName(i)]);
D.steps.forEach((s, i) => {
  s.moves = s.do === "switchover" || s.do === "failover";
  s.number = i + 1;
});

// The first connections of every load, one lane each.
const loadName = l => `${l.client_region || "here"} through ${l.endpoint}`;
const lanesOf = D.loads.flatMap(l => {
  const few = Math.min(l.connections, Math.max(1, Math.floor(32 / D.loads.length)));
  return Array.from({length: few}, (_, i) => l.first_worker + i);
});
const laneOf = new Map(lanesOf.map((worker, i) => [worker, i]));

function heading() {
  document.title = "Drill: " + D.drill;
  const head = node("header", {}, page), left = node("div", {}, head);
  node("h1", {}, left, D.drill);
  if (D.description) node("p", {}, left, D.description);
  for (const n of D.notes) node("p", {class: "small"}, left, "Note: " + n);
  node("p", {class: "soft small"}, left,
    `${D.target === "aws" ? "AWS · " : ""}${D.connections} connections, ${D.operation_type} operations, from ` +
    (D.loads.length > 1 ? D.loads.map(loadName).join(" and ") + " · "
      : `${D.client_region || "here"} through the ${D.endpoint} endpoint · `) +
    `${D.began.replace("T", " ").replace(/\..*/, " UTC")} · ${time(D.length_ms)} · run ${D.run}`);
  node("div", {class: "badge" + (D.passed ? "" : " bad")}, head, D.passed ? "PASSED" : "FAILED");
}
function tiles() {
  const box = node("div", {class: "tiles"}, page), v = D.verification;
  const tile = (name, value, note, kind) => {
    const t = node("div", {class: "tile"}, box);
    node("span", {class: "soft small"}, t, name);
    node("b", {class: kind || ""}, t, value);
    node("span", {class: "soft small"}, t, note);
  };
  tile("Write unavailability", time(D.write_unavailability && D.write_unavailability.ms),
    D.steps.filter(s => s.moves).length > 1 ? "the longest of all moves" : "longest gap, all connections");
  tile("Lost writes", v ? count(v.lost_writes) : "?",
    v ? `of ${count(v.acknowledged_writes)} acknowledged` : "could not be counted",
    !v || v.lost_writes ? "bad" : "good");
  const bad = D.total.failed + D.total.unknown;
  tile("Success rate",
    D.total.success_rate === null ? "–" : (Math.floor(D.total.success_rate * 1e5) / 1e3) + " %",
    `${count(D.total.failed)} failed, ${count(D.total.unknown)} unknown`, bad ? "bad" : "good");
  tile("Retries", count(D.total.retries),
    `in ${count(D.total.retried_operations)} operations`);
  tile("Reconnects", count(D.total.reconnects), "connections opened anew for an operation");
  tile("Operations", count(D.total.operations),
    `${count(Math.round(D.total.operations_per_second))} per second`);
  tile("Write latency", time(D.total.writes.p50_ms),
    `median; p99 ${time(D.total.writes.p99_ms)}, max ${time(D.total.writes.max_ms)}`);
}
function stepLane(svg, x, y, from, to) {
  let lastEnd = -1e9, lane = 0;
  for (const s of D.steps) {
    if (s.ended_ms < from || s.started_ms > to) continue;
    const a = x(s.started_ms), b = Math.max(x(s.ended_ms), a + 4);
    lane = a < lastEnd + 4 ? (lane + 1) % 2 : 0;
    lastEnd = Math.max(b, a + 18);
    const fill = s.error ? "var(--bad)" : s.moves ? "var(--ink)" : "var(--odd)";
    const bar = draw("rect", {x: a, y: y + lane * 15, width: b - a, height: 11, rx: 3, fill}, svg);
    hint(bar, `${s.number}. ${s.title}\nat ${time(s.started_ms)}, took ` +
      `${time(s.ended_ms - s.started_ms)}` + (s.error ? "\n" + s.error : ""));
    draw("text", {x: b + 3, y: y + lane * 15 + 10, class: "name"}, svg, s.number);
  }
}
function overview() {
  const box = card("Operations over time",
    "Completed operations per second, by the region that served them. Bars on top are the steps of " +
    "the drill; shaded: no write was acknowledged.");
  legend(box, [...regionLegend, ["var(--bad)", "failed"], ["var(--odd)", "unknown"]]);
  const H = 290, TOP = 42, BOTTOM = H - 24, svg = canvas(box, H), end = D.length_ms;
  const x = scaleX(0, end), perSecond = 1000 / D.bin_ms;
  const total = b => b[1].reduce((s, n) => s + n, 0) + b[2] + b[3];
  const top = Math.max(1, ...D.bins.map(total)) * perSecond * 1.05;
  const y = v => BOTTOM - v / top * (BOTTOM - TOP);
  axisX(svg, x, 0, end, TOP, BOTTOM, true);
  for (const v of ticks(0, top, 4)) {
    draw("line", {x1: LEFT, x2: W - RIGHT, y1: y(v), y2: y(v), stroke: "var(--line)"}, svg);
    draw("text", {x: LEFT - 8, y: y(v) + 4, "text-anchor": "end"}, svg, count(Math.round(v)) + "/s");
  }
  shadeWindows(svg, x, 0, end, TOP, BOTTOM);
  const wide = (W - LEFT - RIGHT) * D.bin_ms / Math.max(end, D.bin_ms);
  for (const b of D.bins) {
    let base = 0;
    const part = (n, fill) => {
      if (!n) return;
      const low = y(base * perSecond), high = y((base + n) * perSecond);
      draw("rect", {x: x(b[0]), y: Math.min(high, BOTTOM - 2), width: Math.max(Math.min(wide, W - RIGHT - x(b[0])) - .6, .8),
        height: Math.max(low - high, fill === "var(--bad)" ? 3 : 2), fill}, svg);
      base += n;
    };
    usedRegions.forEach(i => part(b[1][i], colour(i)));
    part(b[3], "var(--odd)");
    part(b[2], "var(--bad)");
  }
  stepLane(svg, x, 8, 0, end);
  const glass = draw("rect", {x: LEFT, y: TOP, width: W - LEFT - RIGHT, height: BOTTOM - TOP,
    fill: "transparent"}, svg);
  hint(glass, e => {
    const r = glass.getBoundingClientRect();
    const b = D.bins[Math.floor((e.clientX - r.left) / r.width * end / D.bin_ms)];
    if (!b) return "";
    const lines = [`${time(b[0])} to ${time(b[0] + D.bin_ms)}`];
    usedRegions.forEach(i => {
      if (b[1][i]) lines.push(`${regionName(i)}: ${count(Math.round(b[1][i] * perSecond))}/s`);
    });
    if (b[2]) lines.push(`failed: ${b[2]}`);
    if (b[3]) lines.push(`unknown: ${b[3]}`);
    if (b[4]) lines.push(`needed a retry: ${b[4]}`);
    lines.push(b[6] ? `latency: median ${time(b[5])}, max ${time(b[6])}` : "nothing completed");
    return lines.join("\n");
  });
}
function latency() {
  const box = card("Latency",
    "Each dot is an operation (a sample of the plain ones, all that needed a retry), where it " +
    "ended; retries count into it. The line is the median. Logarithmic.");
  legend(box, [...regionLegend, ["var(--odd)", "needed a retry"], ["var(--bad)", "failed"]]);
  const H = 270, TOP = 10, BOTTOM = H - 24, svg = canvas(box, H), end = D.length_ms;
  const x = scaleX(0, end), all = D.points.map(p => Math.max(p[2] - p[1], .02));
  const low = Math.log10(Math.min(.5, ...all)), high = Math.log10(Math.max(1, ...all) * 1.3);
  const y = ms => BOTTOM - (Math.log10(Math.max(ms, .02)) - low) / (high - low) * (BOTTOM - TOP);
  axisX(svg, x, 0, end, TOP, BOTTOM, true);
  for (let p = Math.ceil(low); p <= high; ++p) {
    const v = 10 ** p;
    draw("line", {x1: LEFT, x2: W - RIGHT, y1: y(v), y2: y(v), stroke: "var(--line)"}, svg);
    draw("text", {x: LEFT - 8, y: y(v) + 4, "text-anchor": "end"}, svg,
      v < 1 ? v * 1000 + " µs" : v < 1000 ? v + " ms" : v / 1000 + " s");
  }
  shadeWindows(svg, x, 0, end, TOP, BOTTOM);
  for (const p of D.points) {
    const odd = p[5] !== 0 ? "var(--bad)" : p[6] > 1 ? "var(--odd)" : null;
    const dot = draw("circle", {cx: x(p[2]).toFixed(1), cy: y(p[2] - p[1]).toFixed(1),
      r: odd ? 3.2 : 1.7, fill: odd || colour(p[4]), "fill-opacity": odd ? .9 : .38}, svg);
    if (odd) hint(dot, `${p[3] ? "write" : "read"} of connection ${p[0] + 1}\n` +
      `${time(p[2] - p[1])}, ${p[6]} attempts`);
  }
  let path = "", last = -Infinity;  // The line bridges short pauses between few operations.
  for (const b of D.bins) {
    if (!b[5]) continue;
    const pen = b[0] - last <= Math.max(5 * D.bin_ms, 250) ? "L" : "M";
    path += `${pen}${x(b[0] + D.bin_ms / 2).toFixed(1)} ${y(b[5]).toFixed(1)}`;
    last = b[0];
  }
  draw("path", {d: path, fill: "none", stroke: "var(--ink)", "stroke-width": 1.6}, svg);
}
function zoomed(box, zoom) {
  const s = D.steps[zoom.step], w = s.write_unavailability;
  const phases = s.phases.filter(p => p.from_ms + p.ms >= zoom.from && p.from_ms <= zoom.to);
  const lanes = lanesOf.length, LANE = lanes > 16 ? 9 : 15;
  const TOP = 14, GANTT = 19, middle = TOP + phases.length * GANTT + (phases.length ? 12 : 0);
  const BOTTOM = middle + lanes * LANE + 4, svg = canvas(box, BOTTOM + 24);
  const zero = w ? w.from_ms : s.started_ms;  // The clock of this picture starts at the last write.
  const x = scaleX(zoom.from - zero, zoom.to - zero);
  axisX(svg, x, zoom.from - zero, zoom.to - zero, TOP, BOTTOM, zoom.to - zoom.from > 20000);
  if (w) {
    draw("rect", {x: x(0), y: TOP - 6, width: Math.max(x(w.ms) - x(0), 1.5),
      height: BOTTOM - TOP + 6, fill: "var(--shade)"}, svg);
    draw("text", {x: (x(0) + x(w.ms)) / 2, y: 8, "text-anchor": "middle", class: "name",
      "font-weight": 600}, svg, "no write for " + time(w.ms));
  }
  phases.forEach((p, i) => {
    const a = Math.max(x(p.from_ms - zero), LEFT), b = Math.min(x(p.from_ms + p.ms - zero), W - RIGHT);
    const bar = draw("rect", {x: a, y: TOP + i * GANTT + 3, width: Math.max(b - a, 2), height: 13,
      rx: 3, fill: "var(--ink)", "fill-opacity": .82}, svg);
    hint(bar, `${p.step}: ${time(p.ms)}` + (p.note ? "\n" + p.note : ""));
    const right = b < W - 190;
    draw("text", {x: right ? b + 6 : a - 6, y: TOP + i * GANTT + 13, class: "name",
      "text-anchor": right ? "start" : "end"}, svg, `${p.step} ${time(p.ms)}`);
  });
  for (let i = 0; i < lanes; ++i) {
    if (LANE > 10 || i % 4 === 0) draw("text", {x: LEFT - 8, y: middle + i * LANE + LANE / 2 + 4,
      "text-anchor": "end"}, svg, "conn. " + (lanesOf[i] + 1));
    draw("line", {x1: LEFT, x2: W - RIGHT, y1: middle + i * LANE + LANE / 2,
      y2: middle + i * LANE + LANE / 2, stroke: "var(--line)"}, svg);
  }
  for (const p of zoom.ops) {
    const lane = laneOf.get(p[0]);
    if (lane === undefined) continue;
    const a = Math.max(x(p[1] - zero), LEFT), b = Math.min(x(p[2] - zero), W - RIGHT);
    const fill = p[5] !== 0 ? "var(--bad)" : p[6] > 1 ? "var(--odd)" : colour(p[4]);
    const bar = draw("rect", {x: a.toFixed(1), y: middle + lane * LANE + (p[3] ? 2 : LANE * .3),
      width: Math.max(b - a - .5, 1).toFixed(1), height: p[3] ? LANE - 4 : LANE * .4, rx: 1.5, fill,
      "fill-opacity": p[3] ? .95 : .55}, svg);
    hint(bar, `${p[3] ? "write" : "read"} of connection ${p[0] + 1}: ${time(p[2] - p[1])}\n` +
      `${["acknowledged", "failed", "unknown"][p[5]]} by ${regionName(p[4])}` +
      (p[6] > 1 ? `, ${p[6]} attempts` : ""));
  }
}
function zooms() {
  if (!D.zooms.length) return;
  const box = card("What each connection felt",
    "Time counts from the last write before the gap. Above: what the platform did. Below: one row " +
    "per connection, one bar per operation (tall: write, flat: read).");
  legend(box, [...regionLegend, ["var(--odd)", "needed a retry"], ["var(--bad)", "failed or unknown"]]);
  const tabs = node("div", {class: "tabs"}, box), place = node("div", {}, box), buttons = [];
  const show = i => {
    place.replaceChildren();
    buttons.forEach((b, k) => b.classList.toggle("on", k === i));
    zoomed(place, D.zooms[i]);
  };
  D.zooms.forEach((z, i) => {
    const s = D.steps[z.step];
    const b = node("button", {}, tabs, `${s.number}. ${s.title}`);
    b.onclick = () => show(i);
    buttons.push(b);
  });
  show(0);
}
function table(parent, heads, rows) {
  const bare = heads.every(([text]) => !text);
  const t = node("table", bare ? {class: "bare"} : {}, parent);
  const h = node("tr", bare ? {hidden: ""} : {}, t);
  heads.forEach(([text, left]) => node("th", {class: left ? "l" : ""}, h, text));
  for (const row of rows) {
    const r = node("tr", {}, t);
    row.forEach((cell, i) => {
      const c = node("td", {class: heads[i][1] ? "l" : "", "data-head": i ? heads[i][0] : ""}, r);
      if (cell instanceof Node) c.append(cell); else c.textContent = cell;
    });
  }
}
function steps() {
  if (!D.steps.length) return;
  const box = card("Steps", "“No writes”: the longest time between two successive acknowledged " +
    "writes over all connections around the step. “Worst connection”: the same for the single " +
    "connection that had it worst.");
  table(box, [["Step", 1], ["at"], ["took"], ["no writes"], ["worst connection"], ["", 1]],
    D.steps.map(s => {
      const name = node("span");
      node("span", {class: "num"}, name, s.number);
      name.append(s.title);
      const note = node("span", {class: s.error ? "bad small" : "soft small"}, null, s.error ||
        s.phases.map(p => `${p.step} ${time(p.ms)}`).join(" · "));
      return [name, time(s.started_ms), time(s.ended_ms - s.started_ms),
        time(s.write_unavailability && s.write_unavailability.ms),
        time(s.worst_connection && s.worst_connection.ms), note];
    }));
}
function numbers() {
  const box = card("Before, during, after", D.steps.length ?
    "During: from the beginning of a step until the platform is available again and a write has " +
    "been acknowledged. An operation counts where it ended." : "");
  const row = (name, s) => [name, count(s.operations), count(s.failed), count(s.unknown),
    count(s.retries), count(s.reconnects), count(Math.round(s.operations_per_second)), time(s.reads.p50_ms),
    time(s.reads.p99_ms), time(s.writes.p50_ms), time(s.writes.p90_ms), time(s.writes.p99_ms),
    time(s.writes.max_ms)];
  const rows = D.steps.length ? [row("before", D.before), row("during", D.during),
    row("after", D.after), row("total", D.total)] : [row("total", D.total)];
  const heads = [["", 1], ["operations"], ["failed"], ["unknown"], ["retries"], ["reconnects"], ["per second"],
    ["read p50"], ["p99"], ["write p50"], ["p90"], ["p99"], ["max"]];
  table(box, heads, rows);
  if (D.explanation) node("p", {class: "small", style: "margin-top: 10px"}, box, D.explanation);
  if (D.loads.length < 2) return;
  for (const l of D.loads) {
    const own = card(`From ${loadName(l)}`, `${l.connections} connections · no write for ` +
      time(l.write_unavailability && l.write_unavailability.ms) + " · " + (l.verification ?
      `${count(l.verification.lost_writes)} of ${count(l.verification.acknowledged_writes)} ` +
      "acknowledged writes lost" : "losses could not be counted"));
    table(own, heads, D.steps.length ? [row("before", l.before), row("during", l.during),
      row("after", l.after), row("total", l.total)] : [row("total", l.total)]);
  }
}
function verification() {
  const v = D.verification, box = card("Was anything lost?",
    "Counted by SQL in the database against the client’s own log, after the load; no server is " +
    "asked for its opinion.");
  if (!v) { node("p", {class: "bad"}, box, "It could not be counted."); return; }
  const mark = (n, bad) => node("b", {class: n ? (bad ? "bad" : "odd") : "good"}, null, count(n));
  table(box, [["", 1], ["", 1]], [
    ["writes that the client was told are stored", count(v.acknowledged_writes)],
    ["of these, absent from the database: lost", mark(v.lost_writes, true)],
    ["writes without an answer", count(v.unknown_writes)],
    ["of these, stored", count(v.unknown_writes_committed)],
    ["writes whose answer was lost and that were read back", count(D.total.read_back)],
    ["stored, but not in the client’s log", mark(v.writes_nobody_asked_for, true)],
    ["rows compared with what the client was told", count(v.rows_checked)],
    ["of these, different", mark(v.rows_wrong, true)],
    ["reads that did not see the connection’s own last write", mark(D.total.stale_reads)],
    ["reads that did not see one of before a reconnection",
      mark(D.total.stale_reads_after_reconnect)],
    ["counted in region", v.checked_in || "(server did not say)"]]);
}
function cloudwatch() {
  if (!D.cloudwatch) return;
  const box = card("CloudWatch", `Everything that was published from ${D.cloudwatch.from} to ` +
    `${D.cloudwatch.to}. A metric that has not arrived is absent, which is not 0.`);
  const number = v => v === null ? "absent" : String(Math.round(v * 1000) / 1000);
  table(box, [["metric", 1], ["of", 1], ["region", 1], ["samples"], ["average"], ["min"], ["max"],
    ["", 1]], D.cloudwatch.metrics.map(m => [m.metric,
    m.dimensions.FunctionName || m.dimensions.DBClusterIdentifier, m.region, number(m.samples),
    number(m.average), number(m.minimum), number(m.maximum), m.error || m.unit || ""]));
}
function expectations() {
  if (!D.expectations.length && !D.failures.length) return;
  const box = card("Expectations");
  table(box, [["", 1], ["expected"], ["got"], [""]], D.expectations.map(c => [c.name, c.expected,
    c.actual, node("b", {class: c.held ? "good" : "bad"}, null, c.held ? "held" : "FAILED")]));
  for (const f of D.failures) node("p", {class: "bad small"}, box, f);
}
function render(width) {
  W = Math.max(300, Math.min(1080, width));
  page.replaceChildren();
  heading(); tiles(); overview(); zooms(); latency(); steps(); numbers(); verification();
  cloudwatch(); expectations();
}
const room = () => page.clientWidth - (innerWidth <= 640 ? 46 : 84);
let drawn = 0;
render(room());
addEventListener("resize", () => {
  clearTimeout(drawn);
  drawn = setTimeout(() => render(room()), 150);
});
addEventListener("beforeprint", () => render(700));
addEventListener("afterprint", () => render(room()));
</script>
</body>
</html>
)page";

}  // namespace

std::string fill_page(const std::string& json) {
  std::string page(kPage.substr(0, kPage.find(kHole)));
  // Nothing in the data may look like the end of its element.
  for (const char c : json) {
    if (c == '<') {
      page += "\\u003c";
    } else {
      page += c;
    }
  }
  page += kPage.substr(kPage.find(kHole) + kHole.size());
  return page;
}

}  // namespace aurora_global::drill
