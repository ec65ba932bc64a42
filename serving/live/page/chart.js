// Line charts as SVG, drawn anew with each forecast.

import { extent, linear, ticks, timeTicks } from "./scale.js";
import { number } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 52;
const RIGHT = 10;
const TOP = 12;
const BOTTOM = 24;

export function shape(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/**
 * Draws the target: readings, forecast with its band, thresholds.
 * spec: { label, clock, start, end, origin, now, step, readings, forecast, earlier, thresholds, decimals }
 */
export function drawTarget(host, spec) {
  const frame = begin(host, spec);
  const values = [spec.readings, spec.earlier, spec.forecast].flatMap((points) => points.map((point) => point.value));
  const bounds = spec.forecast.flatMap((point) => [point.lower, point.upper]);
  const marks = spec.spike ? [spec.spike.value] : [];
  const [low, high] = extent([...values, ...bounds, ...marks], spec.thresholds.map((one) => one.value));
  const y = axes(frame, spec, low, high, 6);
  const { svg, x } = frame;
  spikeLine(svg, spec, x, y);
  band(svg, spec.forecast, x, y);
  svg.append(shape("line", { class: "origin", x1: x(spec.origin), x2: x(spec.origin), y1: TOP, y2: frame.height - BOTTOM }));
  line(svg, "earlier", spec.earlier, x, y, spec.step * 5);
  line(svg, "reading", spec.readings, x, y, spec.step * 5);
  line(svg, "forecast", spec.forecast, x, y, Infinity);
  for (const point of spec.forecast.slice(1)) {
    if (spec.forecast.length <= 14) svg.append(shape("circle", { class: "point", cx: x(point.time), cy: y(point.value), r: 4 }));
  }
  thresholds(frame, spec, y, low, high);
  nowLine(frame, spec);
  finish(frame, spec, y);
}

/** Draws the column beside the target over the same time. */
export function drawSecond(host, spec) {
  const frame = begin(host, spec);
  const values = spec.readings.map((point) => point.value);
  let [low, high] = extent(values);
  const fromZero = values.every((value) => value === null || value >= 0) && low < high / 3;
  if (fromZero) low = 0;
  if (fromZero && values.every((value) => !value)) high = 1;
  const y = axes(frame, spec, low, high, 3);
  if (fromZero) fill(frame.svg, spec.readings, frame.x, y, spec.step * 5);
  line(frame.svg, "second", spec.readings, frame.x, y, spec.step * 5);
  nowLine(frame, spec);
  finish(frame, spec, y);
}

function begin(host, spec) {
  const width = Math.max(host.clientWidth, 200);
  const height = Math.max(host.clientHeight, 80);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": spec.label });
  return { host, svg, width, height, x: linear(spec.start, spec.end, LEFT, width - RIGHT) };
}

function spikeLine(svg, spec, x, y) {
  if (!spec.spike) return;
  const end = Math.min(spec.spike.end, spec.end);
  svg.append(shape("line", { class: "spike", x1: x(spec.origin), x2: x(end), y1: y(spec.spike.value), y2: y(spec.spike.value) }));
}

function axes(frame, spec, low, high, count) {
  const { svg, x, width, height } = frame;
  const y = linear(low, high, height - BOTTOM, TOP);
  const ahead = Math.max(0, width - RIGHT - x(spec.origin));
  svg.append(shape("rect", { class: "future", x: x(spec.origin), y: TOP, width: ahead, height: height - BOTTOM - TOP }));
  const found = ticks(low, high, count);
  for (const tick of found.values) {
    svg.append(shape("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }));
    svg.append(shape("text", { x: LEFT - 7, y: y(tick) + 4, "text-anchor": "end" }, number(tick, found.decimals)));
  }
  for (const tick of timeTicks(spec.start, spec.end, Math.max(2, Math.floor(width / 75)), spec.clock)) {
    const at = x(tick.instant);
    svg.append(shape("line", { class: "grid", x1: at, x2: at, y1: TOP, y2: height - BOTTOM }));
    if (at > LEFT + 12 && at < width - 22) svg.append(shape("text", { x: at, y: height - 7, "text-anchor": "middle" }, tick.text));
  }
  svg.append(shape("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: height - BOTTOM, y2: height - BOTTOM }));
  return y;
}

function line(svg, kind, points, x, y, longest) {
  let path = "";
  let before = null;
  for (const point of points) {
    if (point.value === null) {
      before = null;
      continue;
    }
    const joined = before !== null && point.time - before <= longest;
    path += `${joined ? "L" : "M"}${x(point.time).toFixed(1)} ${y(point.value).toFixed(1)}`;
    before = point.time;
  }
  if (path) svg.append(shape("path", { class: kind, d: path }));
}

function fill(svg, points, x, y, longest) {
  const base = y(0);
  let run = [];
  const close = () => {
    if (run.length > 1) {
      const top = run.map((point) => `L${x(point.time).toFixed(1)} ${y(point.value).toFixed(1)}`).join("");
      const d = `M${x(run[0].time).toFixed(1)} ${base}${top}L${x(run[run.length - 1].time).toFixed(1)} ${base}Z`;
      svg.append(shape("path", { class: "second-fill", d }));
    }
    run = [];
  };
  for (const point of points) {
    if (run.length && (point.value === null || point.time - run[run.length - 1].time > longest)) close();
    if (point.value !== null) run.push(point);
  }
  close();
}

function band(svg, points, x, y) {
  if (points.length < 2) return;
  const up = points.map((point) => `${x(point.time).toFixed(1)} ${y(point.upper).toFixed(1)}`);
  const down = points.map((point) => `${x(point.time).toFixed(1)} ${y(point.lower).toFixed(1)}`).reverse();
  svg.append(shape("path", { class: "band", d: `M${[...up, ...down].join("L")}Z` }));
}

function thresholds(frame, spec, y, low, high) {
  const { svg, width, height } = frame;
  for (const one of spec.thresholds) {
    if (one.value < low || one.value > high) continue;
    const at = y(one.value);
    svg.append(shape("line", { class: "threshold", x1: LEFT, x2: width - RIGHT, y1: at, y2: at }));
    const start = spec.readings.slice(0, Math.ceil(spec.readings.length / 4)).filter((point) => point.value !== null);
    const over = start.filter((point) => point.value >= one.value).length > start.length / 2;
    const above = at > TOP + 16 && !(over && at + 16 < height - BOTTOM);
    svg.append(shape("text", { class: "threshold-label", x: LEFT + 6, y: above ? at - 5 : at + 14 }, one.text));
  }
}

function nowLine(frame, spec) {
  const { svg, x, height } = frame;
  if (spec.now <= spec.origin || spec.now >= spec.end) return;
  svg.append(shape("line", { class: "now", x1: x(spec.now), x2: x(spec.now), y1: TOP, y2: height - BOTTOM }));
}

function finish(frame, spec, y) {
  const { host, svg, x, width, height } = frame;
  const cursor = shape("line", { class: "cursor", y1: TOP, y2: height - BOTTOM, visibility: "hidden" });
  const dot = shape("circle", { class: "cursor-dot", r: 3.5, visibility: "hidden" });
  svg.append(cursor, dot);
  const points = [...spec.readings.filter((point) => point.value !== null), ...(spec.forecast ?? []).slice(1)];
  const show = (point) => {
    for (const mark of [cursor, dot]) mark.setAttribute("visibility", point ? "visible" : "hidden");
    if (point) {
      const at = x(point.time);
      cursor.setAttribute("x1", at);
      cursor.setAttribute("x2", at);
      dot.setAttribute("cx", at);
      dot.setAttribute("cy", y(point.value));
    }
    spec.point(point);
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * width;
    show(nearest(points, at, x));
  });
  svg.addEventListener("pointerleave", () => show(null));
  host.replaceChildren(svg);
}

function nearest(points, at, x) {
  let best = null;
  for (const point of points) {
    if (best === null || Math.abs(x(point.time) - at) < Math.abs(x(best.time) - at)) best = point;
  }
  return best;
}
