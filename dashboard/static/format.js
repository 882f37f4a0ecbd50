// Numbers with separators and units, times in the reader's zone with UTC behind them.

import { h, text, attribute } from "./dom.js";

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const two = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const share = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const significant = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 6 });
const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const seconds = new Intl.DateTimeFormat(undefined, { ...clock, second: "2-digit" });
const minutes = new Intl.DateTimeFormat(undefined, clock);
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, {
  ...clock, day: "numeric", month: "short", second: "2-digit",
});

export const NOTHING = "–";

const known = (format) => (value) => (value == null || Number.isNaN(value) ? NOTHING : format(value));

export const integer = known((value) => whole.format(value));
export const decimal = known((value) => two.format(value));
export const compact = known((value) => (Math.abs(value) < 10000 ? whole : short).format(value));
export const percent = known((value) => share.format(value));
export const plain = known((value) =>
  Number.isInteger(value) || Math.abs(value) >= 100 ? whole.format(value) : two.format(value));
// A number as it was found, whatever its size.
export const exact = known((value) => significant.format(value));

export const time = known((ms) => seconds.format(ms));
export const hour = known((ms) => minutes.format(ms));
export const date = known((ms) => day.format(ms));
export const moment = known((ms) => full.format(ms));
export const utc = (ms) => `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;

export function age(ms) {
  if (ms == null) return NOTHING;
  const s = Math.max(0, ms / 1000);
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}

export function length(s) {
  if (s == null) return NOTHING;
  if (s < 60) return `${plain(s)} s`;
  if (s < 3600) return `${plain(s / 60)} min`;
  if (s < 86400) return `${plain(s / 3600)} h`;
  return `${plain(s / 86400)} days`;
}

// A `time` element: local time to read, UTC on hover, the exact moment for machines.
export function when(ms, form = moment) {
  return setWhen(h("time"), ms, form);
}

export function setWhen(element, ms, form = moment) {
  if (ms == null) return text(element, NOTHING);
  text(element, form(ms));
  attribute(element, "datetime", new Date(ms).toISOString());
  return attribute(element, "title", utc(ms));
}

// A `data` element: the number to read, the exact one for machines.
export function number(value, form = integer) {
  return setNumber(h("data"), value, form);
}

export function setNumber(element, value, form = integer) {
  text(element, form(value));
  return attribute(element, "value", value ?? "");
}
