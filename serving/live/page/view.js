// Shows one model's document: sentence, cards, charts, tables.

import { drawSecond, drawTarget, shape } from "./chart.js";
import { membersTable, readingsTable, rowsTable } from "./tables.js";
import { WallClock, after, capital, decimalsFor, label, lead, number, percent, plain, spikeWord, trend, withUnit } from "./words.js";

const ARROWS = { rising: "\u2197", falling: "\u2198", steady: "\u2192" };
const byId = (id) => document.getElementById(id);
const put = (id, text) => {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
};

/** What is to be shown of one series, with all that follows from the document and the person's choices. */
export function viewOf(model, series, choices, now) {
  const columns = series.recent ? series.recent.columns : {};
  const levels = columns[model.target] ?? [series.last_value];
  const rows = series.forecast.flatMap((one) => [one.lower, one.upper]);
  const columnDecimals = (name) => (name === model.target ? decimals : decimalsFor(columns[name] ?? []));
  const decimals = decimalsFor([...levels, ...rows]);
  return { model, series, now, levels, decimals, columnDecimals, clock: new WallClock(model.timezone), ...choices };
}

export function show(view) {
  const said = sentence(view);
  put("sentence", said);
  cards(view);
  drawCharts(view);
  rowsTable(byId("rows-table"), view);
  membersTable(byId("members-table"), view);
  if (view.series.recent) readingsTable(byId("readings-table"), view);
  thresholds(view);
  facts(view);
}

/** The state in one sentence. */
export function sentence(view) {
  const { model, series, decimals } = view;
  const last = series.forecast[series.forecast.length - 1];
  const moves = trend(view.levels);
  const unit = after(model.unit);
  const spike = model.spike
    ? ` The risk of a rise by ${model.spike.rise}${unit} or more within ${lead(model.spike.within, model)} is ${spikeWord(series.spike_probability)} (${percent(series.spike_probability)}).`
    : "";
  return `${capital(label(model.target))} is ${number(series.last_value, decimals)}${unit}${moves ? ` and ${moves}` : ""}. `
    + `In ${lead(last.horizon, model)} ${number(last.forecast, decimals)}${unit} is expected, with ${percent(model.band)} probability `
    + `between ${number(last.lower, decimals)} and ${number(last.upper, decimals)}${unit}.${spike}`;
}

function cards(view) {
  const { model, series, decimals, clock, now } = view;
  const last = series.forecast[series.forecast.length - 1];
  const moves = trend(view.levels);
  put("now-value", number(series.last_value, decimals));
  put("now-unit", model.unit);
  put("now-trend", moves ? `${ARROWS[moves]} ${moves}` : "");
  put("now-time", `${label(model.target)} at ${clock.moment(Date.parse(series.origin), now, model.step_seconds)} (${model.timezone})`);
  put("next-title", `In ${lead(last.horizon, model)}`);
  put("next-value", number(last.forecast, decimals));
  put("next-unit", model.unit);
  put("next-band", `${percent(model.band)} between ${number(last.lower, decimals)} and ${number(last.upper, decimals)}${after(model.unit)}`);
  put("next-time", `at ${clock.moment(Date.parse(last.time), now, model.step_seconds)} (${model.timezone})`);
  spike(view);
}

function spike({ model, series }) {
  const probability = series.spike_probability;
  const word = spikeWord(probability);
  put("spike-word", capital(word));
  put("spike-percent", percent(probability));
  const meter = byId("spike-meter");
  meter.dataset.word = word;
  meter.closest(".panel").dataset.word = word;
  meter.setAttribute("aria-valuenow", String(Math.round(probability * 100)));
  meter.setAttribute("aria-valuetext", `${word}, ${percent(probability)}`);
  meter.querySelector(".fill").style.width = `${Math.min(100, probability * 100)}%`;
  const unit = after(model.unit);
  put("spike-meaning", model.spike
    ? `a rise by ${model.spike.rise}${unit} or more within ${lead(model.spike.within, model)}; raised from 20\u00a0%, high from 50\u00a0%`
    : "raised from 20\u00a0%, high from 50\u00a0%");
}

export function drawCharts(view) {
  const { model, series, clock } = view;
  const origin = Date.parse(series.origin);
  const times = (series.recent?.time ?? []).map((time) => Date.parse(time));
  const points = (name) => times.map((time, i) => ({ time, value: series.recent.columns[name][i] }));
  const rows = series.forecast.map((one) => ({ time: Date.parse(one.time), value: one.forecast, lower: one.lower, upper: one.upper, row: one }));
  const end = rows[rows.length - 1].time;
  const start = Math.max(origin - view.hours * 3600000, times[0] ?? origin - (end - origin));
  const shared = { clock, origin, start, end, now: view.now, step: model.step_seconds * 1000 };
  const first = { time: origin, value: series.last_value, lower: series.last_value, upper: series.last_value };
  const earlier = (series.earlier?.time ?? []).map((time, i) => ({ time: Date.parse(time), value: series.earlier.forecast[i] }));
  drawTarget(byId("chart"), {
    ...shared,
    label: `Chart of ${label(model.target)}. ${sentence(view)}`,
    readings: times.length ? points(model.target).filter((point) => point.time <= origin) : [first],
    forecast: [first, ...rows],
    // Only what can be compared with a reading.
    earlier: earlier.filter((point) => point.time >= start && point.time <= origin),
    thresholds: model.thresholds.map((one) => ({ value: one.value, text: `${plain(one.value)}${after(model.unit)} ${one.label}` })),
    spike: model.spike ? { value: series.last_value + model.spike.rise, end: origin + model.spike.within * shared.step } : null,
    point: (point) => readout(view, point, model.target),
  });
  const second = view.companion && series.recent ? view.companion : null;
  byId("companion-chart").hidden = second === null;
  if (second) {
    const name = second;
    drawSecond(byId("companion-chart"), {
      ...shared,
      label: `Chart of ${label(name)} over the same time`,
      readings: points(name).filter((point) => point.time <= end),
      point: (point) => readout(view, point, name),
    });
  }
  legend(view, earlier.some((point) => point.time >= start && point.time <= origin));
}

function readout(view, point, name) {
  const { model, clock, now } = view;
  if (!point) return put("readout", "");
  const unit = after(model.columns[name]);
  const decimals = view.columnDecimals(name);
  const band = point.row ? `, ${percent(model.band)} between ${number(point.lower, decimals)} and ${number(point.upper, decimals)}` : "";
  return put("readout", `${clock.moment(point.time, now, model.step_seconds)}: ${label(name)} ${number(point.value, decimals)}${unit}${band}`);
}

function legend(view, withEarlier) {
  const { model, series } = view;
  const entries = [
    ["line", "reading", withUnit(model.target, model.unit)],
    ["line", "forecast", "forecast"],
    ["rect", "band", `${percent(model.band)} band`],
  ];
  if (model.spike) entries.push(["line", "spike", `${model.spike.rise}${after(model.unit)} above now: a spike`]);
  if (withEarlier) entries.push(["line", "earlier", `forecast made ${lead(series.earlier.horizon, model)} earlier`]);
  byId("legend").replaceChildren(...entries.map(([kind, name, text]) => {
    const item = document.createElement("li");
    const key = shape("svg", { viewBox: "0 0 26 12" });
    key.append(kind === "rect"
      ? shape("rect", { class: name, x: 0, y: 1, width: 26, height: 10 })
      : shape("path", { class: name, d: "M0 6H26" }));
    item.append(key, text);
    return item;
  }));
}

function thresholds({ model }) {
  const unit = after(model.unit);
  byId("thresholds-panel").hidden = !model.thresholds.length;
  byId("thresholds").replaceChildren(...model.thresholds.map((one) => {
    const item = document.createElement("li");
    const value = document.createElement("strong");
    value.append(`${plain(one.value)}${unit}`);
    item.append(value, ` ${one.label}${one.when ? `, when ${one.when}` : ""}`);
    return item;
  }));
}

function facts({ model, series, clock, now }) {
  const since = model.champion_at ? `, champion since ${clock.moment(Date.parse(model.champion_at), now)}` : "";
  const other = series.version !== model.version ? ` (this forecast is by version ${series.version})` : "";
  put("facts", `Model ${model.model}, version ${model.version}${since}${other}. One step is ${lead(1, model)}; times are of ${model.timezone}.`);
}
