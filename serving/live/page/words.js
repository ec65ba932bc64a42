// Numbers, times and states as words.

export const RAISED = 0.2;
export const HIGH = 0.5;

/** "low", "raised" or "high", for a probability. */
export function spikeWord(probability) {
  if (probability >= HIGH) return "high";
  return probability >= RAISED ? "raised" : "low";
}

/** A probability or share; a space that doesn't break keeps number and sign together. */
export function percent(share) {
  if (share > 0 && share < 0.01) return "under\u00a01\u00a0%";
  if (share < 1 && share > 0.99) return "over\u00a099\u00a0%";
  return `${Math.round(share * 100)}\u00a0%`;
}

/** A column's or member's name for people. */
export function label(name) {
  return name.replaceAll("_", " ");
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A unit after its number, with a space that doesn't break; nothing where there is none. */
export function after(unit) {
  return unit ? `\u00a0${unit}` : "";
}

/** A name with its unit, as a heading. */
export function withUnit(name, unit) {
  return unit ? `${label(name)}, ${unit}` : label(name);
}

/** So many decimals that a hundredth of the values' range shows. */
export function decimalsFor(values) {
  const known = values.filter((value) => value !== null && Number.isFinite(value));
  const range = Math.max(...known) - Math.min(...known);
  if (!(range > 0)) return 2;
  return Math.max(0, Math.min(4, 2 - Math.round(Math.log10(range))));
}

export function number(value, decimals) {
  if (value === null || value === undefined) return "no reading";
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212");
}

/** A number as the dataset file has it. */
export function plain(value) {
  return String(value).replace("-", "\u2212");
}

/** A length of time in its one or two largest units. */
export function span(seconds) {
  const s = Math.round(Math.abs(seconds));
  if (s < 60) return `${s}\u00a0s`;
  const minutes = Math.round(s / 60);
  if (minutes < 60) return `${minutes}\u00a0min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours}\u00a0h ${minutes % 60}\u00a0min` : `${hours}\u00a0h`;
  const days = Math.round(minutes / 1440);
  return days < 730 ? `${days} days` : `${Math.round(days / 365)} years`;
}

/** A lead time of so many steps. */
export function lead(steps, model) {
  if (model.step === "business_day") return steps === 1 ? "1 business day" : `${steps} business days`;
  return span(steps * model.step_seconds);
}

/** Formats instants on the wall clock of a time zone. */
export class WallClock {
  constructor(zone) {
    this.zone = zone;
    this.formats = new Map();
  }

  format(instant, options) {
    const key = JSON.stringify(options);
    if (!this.formats.has(key)) {
      this.formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: this.zone, ...options }));
    }
    return this.formats.get(key).format(instant);
  }

  time(instant) {
    return this.format(instant, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  }

  day(instant) {
    return this.format(instant, { day: "numeric", month: "short" });
  }

  /** Time of day, with the date where it isn't today's, and the year where it isn't this one's. */
  moment(instant, now, stepSeconds = 60) {
    const full = { day: "numeric", month: "short", year: "numeric" };
    const sameDay = this.format(instant, full) === this.format(now, full);
    const sameYear = this.format(instant, { year: "numeric" }) === this.format(now, { year: "numeric" });
    const day = sameYear ? this.day(instant) : this.format(instant, full);
    if (stepSeconds >= 86400) return day;
    return sameDay ? this.time(instant) : `${day}, ${this.time(instant)}`;
  }

  /** Milliseconds by which the wall clock is ahead of UTC. */
  offset(instant) {
    const parts = {};
    const options = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23" };
    const format = new Intl.DateTimeFormat("en-GB", { timeZone: this.zone, ...options });
    for (const part of format.formatToParts(instant)) parts[part.type] = Number(part.value);
    const wall = Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
    return wall - Math.floor(instant / 1000) * 1000;
  }
}

/** "rising", "falling" or "steady", by the last ten steps against a tenth of the range shown. */
export function trend(values) {
  const known = values.filter((value) => value !== null);
  if (known.length < 3) return "";
  const last = known.slice(-10);
  const change = last[last.length - 1] - last[0];
  const range = Math.max(...known) - Math.min(...known);
  if (Math.abs(change) < range * 0.03 || change === 0) return "steady";
  return change > 0 ? "rising" : "falling";
}
