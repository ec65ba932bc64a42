// Asks the server, with the key that the person gave, and keeps its clock.

const KEY = "sluice-api-key";
let clockOffset = 0;

export class NeedsKey extends Error {}
export class NotThere extends Error {}
export class Refused extends Error {
  constructor(text, retrySeconds) {
    super(text);
    this.retrySeconds = retrySeconds;
  }
}

/** Milliseconds since the epoch by the server's clock: a control room's own may be wrong. */
export function serverNow() {
  return Date.now() + clockOffset;
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

export function keepKey(key) {
  sessionStorage.setItem(KEY, key);
}

/**
 * The JSON at a path relative to the page, and its ETag; null where it is still what the ETag names.
 * Throws NeedsKey, NotThere, Refused for an answer that is none, TypeError where no answer comes.
 */
export async function ask(path, etag) {
  const headers = { Accept: "application/json" };
  if (hasKey()) headers["x-api-key"] = sessionStorage.getItem(KEY);
  if (etag) headers["If-None-Match"] = etag;
  const reply = await fetch(path, { headers, signal: AbortSignal.timeout(10000) });
  const date = Date.parse(reply.headers.get("date") ?? "");
  if (!Number.isNaN(date)) keepClock(date + 500);
  if (reply.status === 304) return null;
  if (reply.ok) return { document: await reply.json(), etag: reply.headers.get("etag") };
  const text = await errorText(reply);
  if (reply.status === 401 || reply.status === 403) throw new NeedsKey(text);
  if (reply.status === 404) throw new NotThere(text);
  throw new Refused(text, Number(reply.headers.get("retry-after")) || 0);
}

function keepClock(now) {
  const offset = now - Date.now();
  // The header has whole seconds: small differences are none.
  if (Math.abs(offset - clockOffset) > 1500) clockOffset = Math.abs(offset) > 1500 ? offset : 0;
}

async function errorText(reply) {
  try {
    const body = await reply.json();
    return String(body.error ?? body.detail ?? reply.statusText);
  } catch {
    return reply.statusText || `status ${reply.status}`;
  }
}
