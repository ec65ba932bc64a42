// Tables of the page: lead times, members, readings, all series.

import { shape } from "./chart.js";
import { label, lead, number, percent, spikeWord, withUnit } from "./words.js";

const TABLE_READINGS = 60;

function cell(kind, content, attributes = {}) {
  const element = document.createElement(kind);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(content);
  return element;
}

function fillTable(table, caption, heads, rows) {
  const head = document.createElement("thead");
  head.append(row(heads.map((text) => cell("th", text, { scope: "col" }))));
  const body = document.createElement("tbody");
  body.append(...rows);
  const title = cell("caption", caption, { class: "unseen" });
  table.replaceChildren(title, head, body);
}

function row(cells) {
  const element = document.createElement("tr");
  element.append(...cells);
  return element;
}

export function rowsTable(table, view) {
  const { model, series, clock, decimals, now } = view;
  const rows = series.forecast.map((one, index) => {
    const element = row([
      cell("th", lead(one.horizon, model), { scope: "row" }),
      cell("td", clock.moment(Date.parse(one.time), now, model.step_seconds)),
      cell("td", number(one.forecast, decimals)),
      cell("td", `${number(one.lower, decimals)} to ${number(one.upper, decimals)}`),
    ]);
    if (index === series.forecast.length - 1) element.className = "strong";
    return element;
  });
  fillTable(table, "Forecast by lead time", ["Lead time", "Time", withUnit(model.target, model.unit), `${percent(model.band)} band`], rows);
}

export function membersTable(table, view) {
  const { series, decimals, model } = view;
  const one = series.forecast.find((candidate) => candidate.horizon === view.horizon) ?? series.forecast[0];
  const names = Object.keys(one.members).sort((a, b) => one.weights[b] - one.weights[a]);
  const largest = Math.max(...Object.values(one.weights), 1e-9);
  const rows = names.map((name) => {
    const bar = shape("svg", { "aria-hidden": "true", preserveAspectRatio: "none", viewBox: "0 0 100 10" });
    bar.append(shape("rect", { x: 0, y: 0, height: 10, width: Math.max(0, (one.weights[name] / largest) * 100) }));
    const both = cell("div", cell("span", percent(one.weights[name])));
    both.append(bar);
    const weight = cell("td", both, { class: "weight" });
    return row([
      cell("th", label(name), { scope: "row" }),
      weight,
      cell("td", number(one.members[name], decimals)),
    ]);
  });
  fillTable(table, `Members in ${lead(one.horizon, model)}`, ["Member", "Weight", withUnit("Its forecast", model.unit)], rows);
}

export function readingsTable(table, view) {
  const { model, series, clock, now } = view;
  const names = [model.target, view.companion].filter(Boolean);
  const times = series.recent.time;
  const rows = [];
  for (let i = times.length - 1; i >= 0 && rows.length < TABLE_READINGS; i -= 1) {
    const cells = names.map((name) => cell("td", number(series.recent.columns[name][i], view.columnDecimals(name))));
    rows.push(row([cell("th", clock.moment(Date.parse(times[i]), now, model.step_seconds), { scope: "row" }), ...cells]));
  }
  const heads = names.map((name) => withUnit(name, model.columns[name]));
  fillTable(table, `The last ${rows.length} readings, newest first`, [`Time, ${model.timezone}`, ...heads], rows);
}

export function allTable(table, summary, choose) {
  const sorted = [...summary.series].sort((a, b) => b.spike_probability - a.spike_probability);
  const rows = sorted.map((one) => {
    const button = cell("button", one.series, { type: "button" });
    button.addEventListener("click", () => choose(one.series));
    return row([
      cell("th", button, { scope: "row" }),
      cell("td", number(one.last_value, 2)),
      cell("td", `${percent(one.spike_probability)}, ${spikeWord(one.spike_probability)}`),
    ]);
  });
  fillTable(table, "All series, the likeliest spike first", ["Series", withUnit(summary.target, summary.unit), "Spike"], rows);
}
