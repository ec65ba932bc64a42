// The page's life: asks the server every few seconds, shows what is new, and says what is wrong.

import { NeedsKey, NotThere, Refused, ask, hasKey, keepKey, serverNow } from "./api.js";
import { allTable } from "./tables.js";
import { drawCharts, sentence, show, viewOf } from "./view.js";
import { WallClock, capital, label, lead, span, spikeWord, withUnit } from "./words.js";

const POLL_SECONDS = 5;
const LONGEST_WAIT_SECONDS = 30;
const LIST_EVERY = 3;
const byId = (id) => document.getElementById(id);
const parameters = new URLSearchParams(location.search);

const state = {
  models: [], model: parameters.get("model") ?? "", series: parameters.get("series") ?? "",
  document: null, etag: null, path: "", polls: 0, failures: 0, lostSince: null, timer: 0, said: "", drawn: 0,
};

function remembered(name, otherwise) {
  return localStorage.getItem(`sluice-${name}`) ?? otherwise;
}

function remember(name, value) {
  localStorage.setItem(`sluice-${name}`, value);
}

async function poll() {
  clearTimeout(state.timer);
  let wait = POLL_SECONDS;
  try {
    await refresh();
    state.failures = 0;
    state.lostSince = null;
  } catch (error) {
    wait = failed(error);
  }
  status();
  if (wait && !document.hidden) state.timer = setTimeout(poll, wait * 1000);
}

async function refresh() {
  if (state.polls % LIST_EVERY === 0 || !state.models.length) {
    state.models = (await ask("v1/forecasts")).document.models;
    chooseModel();
  }
  state.polls += 1;
  byId("key-form").hidden = true;
  if (!state.model) return;
  try {
    await refreshModel();
  } catch (error) {
    if (!(error instanceof NotThere) || !state.series) throw error;
    // That series is known no longer: the server was started anew, perhaps.
    state.series = "";
    await refreshModel();
  }
}

async function refreshModel() {
  const path = pathNow();
  const answer = await ask(path, path === state.path ? state.etag : null);
  if (path !== pathNow()) return;
  if (answer) {
    Object.assign(state, { document: answer.document, etag: answer.etag, path });
    if (!state.series && answer.document.series.length > 1) {
      state.series = answer.document.all_series[0];
      await refreshModel();
      return;
    }
    render();
  }
}

function pathNow() {
  const series = state.series ? `&series=${encodeURIComponent(state.series)}` : "";
  return `v1/forecasts/${encodeURIComponent(state.model)}?hours=${byId("hours").value}${series}`;
}

function failed(error) {
  if (error instanceof NeedsKey) {
    byId("key-problem").textContent = hasKey() ? "The server doesn't accept that key." : "";
    byId("key-form").hidden = false;
    byId("live").hidden = true;
    byId("empty").hidden = true;
    return 0;
  }
  state.failures += 1;
  state.lostSince ??= serverNow();
  const wait = Math.min(POLL_SECONDS * state.failures, LONGEST_WAIT_SECONDS);
  if (error instanceof Refused) {
    lost(`The server can't answer now (${error.message}); trying again.`);
    return Math.max(wait, error.retrySeconds);
  }
  if (!(error instanceof TypeError || error.name === "TimeoutError")) console.error(error);
  lost("Connection to the server lost; trying again. What you see may be out of date.");
  return wait;
}

function lost(text) {
  if (byId("lost").textContent !== text) byId("lost").textContent = text;
}

function render() {
  const { document: model } = state;
  const series = model.series[0];
  byId("title").textContent = series && model.all_series.length > 1 ? `${capital(label(model.target))}, ${series.series}` : `${capital(label(model.target))} forecast`;
  byId("subtitle").textContent = model.description || `model ${model.model}`;
  document.title = series ? `${spikeWord(series.spike_probability) === "high" ? "\u26A0 " : ""}${capital(label(model.target))}: ${model.model}` : model.model;
  byId("api-link").href = byId("api-link").textContent = `v1/forecasts/${encodeURIComponent(model.model)}`;
  byId("live").hidden = !series;
  byId("empty").hidden = Boolean(series);
  seriesChoice(model);
  if (!series) return empty(model);
  choicesOf(model, series);
  show(view());
  state.drawn = serverNow();
  return announce();
}

function view() {
  const { document: model } = state;
  const choices = {
    hours: Number(byId("hours").value),
    companion: byId("companion").value || null,
    horizon: Number(byId("horizon").value),
  };
  return viewOf(model, model.series[0], choices, serverNow());
}

/** Told to a screen reader only when it is news: another risk, or another level by a quarter of a spike. */
function announce() {
  const { document: model } = state;
  const series = model.series[0];
  const last = series.forecast[series.forecast.length - 1];
  const grain = (model.spike ? model.spike.rise : Math.abs(last.upper - last.lower) || 1) / 4;
  const key = [model.model, series.series, spikeWord(series.spike_probability)].join();
  const moved = state.saidForecast === undefined || Math.abs(last.forecast - state.saidForecast) > grain;
  if (key === state.said && !moved) return;
  Object.assign(state, { said: key, saidForecast: last.forecast });
  byId("announcement").textContent = sentence(view());
}

function status() {
  const model = state.document;
  const series = model?.series[0];
  byId("lost").hidden = state.lostSince === null;
  const notice = model?.notice ?? "";
  byId("notice").hidden = !notice;
  if (byId("notice").textContent !== notice) byId("notice").textContent = notice;
  freshness(model, series);
  // The line of the present moves on even without news.
  if (series && state.lostSince === null && serverNow() - state.drawn > 30000) {
    drawCharts(view());
    state.drawn = serverNow();
  }
}

function freshness(model, series) {
  const pill = byId("freshness");
  const stale = byId("stale");
  stale.hidden = true;
  let [kind, text] = ["waiting", "No readings yet"];
  if (!byId("key-form").hidden) text = "Waiting for a key";
  else if (!model) text = "Waiting for the server";
  if (series) {
    const age = (serverNow() - Date.parse(series.origin)) / 1000;
    kind = age > model.stale_after_seconds ? "stale" : "fresh";
    text = age < -model.step_seconds ? `Newest reading ${span(age)} ahead of the clock` : `Newest reading ${span(Math.max(age, 0))} ago`;
    if (kind === "stale") {
      stale.hidden = false;
      const clock = new WallClock(model.timezone);
      const warning = `No new reading since ${clock.moment(Date.parse(series.origin), serverNow(), model.step_seconds)} (${model.timezone}): the forecast below starts there.`;
      if (stale.textContent !== warning) stale.textContent = warning;
    }
  }
  if (state.lostSince !== null) kind = "lost";
  pill.dataset.state = kind;
  byId("freshness-text").textContent = kind === "lost" ? `Connection lost. ${series ? text : ""}` : text;
}

function empty(model) {
  const columns = Object.keys(model.columns);
  const record = [`"${model.time_column}": "2026-01-01T00:00:00Z"`, ...(model.series_column ? [`"${model.series_column}": "a"`] : []),
    ...columns.map((name) => `"${name}": 0.0`)].join(", ");
  byId("serve-example").textContent = "sluice serve --readings READINGS.csv";
  byId("empty-needs").textContent = `Or send it the last ${model.window} steps (one each ${lead(1, model)}) of readings, and again whenever there are new ones:`;
  byId("post-example").textContent = `curl ${location.origin}/v1/models/${model.model}:predict \\\n  -d '{"instances": [{${record}}, ...]}'`;
}

function chooseModel() {
  const names = state.models.map((one) => one.model);
  if (!names.includes(state.model)) {
    Object.assign(state, { model: state.models.find((one) => one.series.length)?.model ?? names[0] ?? "", series: "" });
  }
  options(byId("model"), names.map((name) => [name, name]), state.model);
  byId("model-choice").hidden = names.length < 2;
  const summary = state.models.find((one) => one.model === state.model);
  byId("all").hidden = !summary || summary.series.length < 2;
  if (!byId("all").hidden && !byId("all-table").contains(document.activeElement)) allTable(byId("all-table"), summary, chooseSeries);
}

function seriesChoice(model) {
  byId("series-choice").hidden = model.all_series.length < 2;
  options(byId("series"), model.all_series.map((name) => [name, name]), model.series[0]?.series ?? "");
}

function choicesOf(model, series) {
  const others = Object.keys(model.columns).filter((name) => name !== model.target);
  const known = remembered(`companion-${model.model}`, model.companion ?? "");
  options(byId("companion"), others.map((name) => [name, withUnit(name, model.columns[name])]),
    others.includes(known) ? known : model.companion ?? "");
  byId("companion").closest(".bar").hidden = !others.length || !series.recent;
  const horizons = series.forecast.map((one) => one.horizon);
  const chosen = Number(remembered(`horizon-${model.model}`, horizons[horizons.length - 1]));
  options(byId("horizon"), horizons.map((steps) => [String(steps), lead(steps, model)]),
    String(horizons.includes(chosen) ? chosen : horizons[horizons.length - 1]));
}

function options(select, entries, value) {
  const key = JSON.stringify(entries);
  if (select.dataset.entries !== key) {
    select.replaceChildren(...entries.map(([name, text]) => new Option(text, name)));
    select.dataset.entries = key;
  }
  if (select.value !== value) select.value = value;
}

function chooseSeries(name) {
  state.series = name;
  address();
}

function address() {
  const query = new URLSearchParams();
  if (state.models.length > 1) query.set("model", state.model);
  if (state.series) query.set("series", state.series);
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
  poll();
}

function rerender(name, select) {
  remember(`${name}-${state.model}`, select.value);
  show(view());
}

byId("model").addEventListener("change", (event) => {
  Object.assign(state, { model: event.target.value, series: "" });
  chooseModel();
  address();
});
byId("series").addEventListener("change", (event) => chooseSeries(event.target.value));
byId("companion").addEventListener("change", (event) => rerender("companion", event.target));
byId("horizon").addEventListener("change", (event) => rerender("horizon", event.target));
byId("hours").addEventListener("change", (event) => {
  remember("hours", event.target.value);
  poll();
});
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey(byId("key").value.trim());
  byId("key").value = "";
  poll();
});
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(state.timer) : poll()));
new ResizeObserver(() => {
  if (state.document?.series[0] && !byId("live").hidden) drawCharts(view());
}).observe(byId("main"));

byId("hours").value = remembered("hours", innerWidth < 600 ? "3" : "6");
setInterval(status, 1000);
poll();
