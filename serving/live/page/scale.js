// Scales of a chart: from values and instants to pixels, and where their ticks lie.

const MINUTE = 60000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIME_STEPS = [MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY];

export function linear(low, high, start, end) {
  const factor = (end - start) / (high - low || 1);
  return (value) => start + (value - low) * factor;
}

/** Round numbers between low and high, about so many. */
export function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= raw);
  const found = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) found.push(tick);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9), step / power === 2.5 ? 1 - Math.floor(Math.log10(power)) : 0);
  return { values: found, decimals: Math.min(decimals, 6) };
}

/** Instants at whole steps of the wall clock, at most so many. */
export function timeTicks(start, end, count, clock) {
  const step = TIME_STEPS.find((size) => (end - start) / size <= count) ?? TIME_STEPS[TIME_STEPS.length - 1];
  const offset = clock.offset(end);
  const found = [];
  for (let wall = Math.ceil((start + offset) / step) * step; wall - offset <= end; wall += step) found.push(wall - offset);
  const midnight = (instant) => (instant + offset) % DAY === 0;
  return found.map((instant) => ({
    instant,
    text: step >= DAY || midnight(instant) ? clock.day(instant) : clock.time(instant),
  }));
}

/** Lowest and highest of the values with some room, and of those marks that lie near. */
export function extent(values, marks = []) {
  const known = values.filter((value) => value !== null && Number.isFinite(value));
  if (!known.length) return [0, 1];
  let low = Math.min(...known);
  let high = Math.max(...known);
  const range = high - low || Math.max(Math.abs(high) * 0.1, 0.1);
  for (const mark of marks) {
    if (mark < low && low - mark <= range * 0.5) low = mark;
    if (mark > high && mark - high <= range * 0.5) high = mark;
  }
  const room = (high - low || range) * 0.08;
  return [low - room, high + room];
}
