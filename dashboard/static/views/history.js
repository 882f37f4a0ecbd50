// History: any period, in windows as wide as the period needs, and as CSV.

import { Chart } from "../chart.js";
import { h, text } from "../dom.js";
import { decimal, integer, length, moment, plain, setWhen } from "../format.js";
import { choice, LABELS, Panel } from "../parts.js";

const PERIODS = [["900", "15 min"], ["3600", "1 hour"], ["21600", "6 hours"], ["86400", "1 day"],
  ["604800", "7 days"], ["2592000", "30 days"], ["own", "From – to"]];
const MEASURES = {
  interactions: [["total", "Interactions"], ["by_type", "By type"], ["avg_per_user", "Average per user"], ["avg_per_item", "Average per item"], ["users", "Active users"], ["items", "Active items"]],
  logins: [["total", "Logins"], ["by_device_type", "By device type"], ["unique_devices", "Unique devices"], ["unique_ips", "Unique addresses"]],
  processed_logins: [["total", "Processed"], ["anomalies", "Anomalies"], ["by_category", "By category"]],
  activity: [["total", "Activity"], ["by_activity_type", "By type"], ["purchase_amount", "Purchase amount"], ["users", "Active users"], ["sessions", "Sessions"]],
  sales: [["revenue", "Revenue"], ["by_category", "Revenue by category"], ["transactions", "Sales"], ["quantity", "Pieces"]],
  inventory: [["products", "Products updated"], ["low_stock", "Low"], ["out_of_stock", "Out"]],
  sessions: [["sessions", "Sessions"]],
};
const MOST = 8;

const local = (ms) => {
  const at = new Date(ms - new Date(ms).getTimezoneOffset() * 60000);
  return at.toISOString().slice(0, 16);
};

export default function history({ ask, setRoute, now, refreshMs, info }) {
  let kind = "interactions", measure = "total", period = "3600", own = null, found = null, due = 0, asking = false;
  const kinds = h("select", { id: "history-kind", onchange: () => change({ kind: kinds.value, measure: MEASURES[kinds.value][0][0] }) },
    ...Object.keys(MEASURES).map((name) => h("option", { value: name }, LABELS[name])));
  const measures = h("select", { id: "history-measure", onchange: () => change({ measure: measures.value }) });
  const from = h("input", { type: "datetime-local", id: "history-from" });
  const to = h("input", { type: "datetime-local", id: "history-to" });
  const ownForm = h("form", { class: "own", hidden: true, onsubmit: (event) => {
    event.preventDefault();
    const range = [from.value, to.value].map((value) => Math.floor(new Date(value).getTime() / 1000));
    if (range.every(Number.isFinite)) change({ period: "own", own: range });
  } }, h("label", { for: "history-from" }, "From"), from, h("label", { for: "history-to" }, "to"), to, h("button", { type: "submit" }, "Show"));
  const periods = h("div", {});
  const csv = h("a", { class: "button", download: true, "data-test": "csv" }, "Export as CSV");
  const said = h("p", { class: "notice", role: "status", "aria-live": "polite" });
  const summary = h("p", { class: "window", "data-test": "history-summary" });
  const chart = new Chart({ title: "Interactions", height: 380, form: plain });
  const title = chart.element.querySelector(".title");
  const panel = new Panel("History", { wide: true },
    h("div", { class: "controls" }, h("label", { for: "history-kind" }, "Of"), kinds, h("label", { for: "history-measure" }, "show"), measures, periods, csv),
    ownForm, summary, said, chart.element);

  function range() {
    if (period === "own" && own) return own;
    const end = Math.ceil(now() / 1000);
    return [end - Number(period === "own" ? 3600 : period), end];
  }

  const query = () => {
    const [start, end] = range();
    return `/api/history/${kind}?from=${start}&to=${end}`;
  };

  function drawControls() {
    kinds.value = kind;
    measures.replaceChildren(...MEASURES[kind].map(([value, words]) => h("option", { value }, words)));
    measures.value = measure;
    periods.replaceChildren(choice("Period", PERIODS, period, (chosen) => {
      if (chosen === "own") {
        const [start, end] = range();
        from.value = local(start * 1000);
        to.value = local(end * 1000);
        ownForm.hidden = false;
        from.focus();
      } else change({ period: chosen, own: null });
    }));
    ownForm.hidden = period !== "own";
    if (own) [from.value, to.value] = own.map((s) => local(s * 1000));
  }

  function change(wanted) {
    ({ kind = kind, measure = measure, period = period, own = own } = wanted);
    chart.setZoom(null);
    drawControls();
    setRoute({ of: kind, show: measure, period: period === "own" ? own.join("-") : period });
    due = 0;
    load();
  }

  async function load() {
    if (asking) return;
    asking = true;
    const url = query();
    const answer = await ask(url);
    asking = false;
    due = now() + Math.max(refreshMs(), 5000);
    if (!url.startsWith(`/api/history/${kind}?`)) return load();
    if (answer.error) {
      text(said, answer.error);
      return;
    }
    found = answer;
    draw();
  }

  function draw() {
    const { times, columns, groups, bucket_s: bucket, windows } = found;
    const words = MEASURES[kind].find(([name]) => name === measure)?.[1] ?? measure;
    const older = found.trouble ? `What is older than the document store could not be read: ${found.trouble}. ` : "";
    text(said, older + (times.length ? "" : "There are no windows in this period."));
    csv.href = `/api/history/${kind}?from=${found.start / 1000}&to=${found.end / 1000}&format=csv`;
    text(title, found.means.includes(measure) ? `${words}, mean of the windows` : words);
    let series;
    if (measure in groups) {
      const names = Object.keys(groups[measure]);
      series = names.slice(0, MOST).map((name) => ({ name, values: groups[measure][name] }));
      if (names.length > MOST) {
        series.push({ name: "other names", values: times.map((_, i) => names.slice(MOST).reduce((sum, name) => sum + groups[measure][name][i], 0)) });
      }
    } else series = [{ name: words.toLowerCase(), values: columns[measure] ?? [] }];
    chart.form = measure.startsWith("avg") || measure === "revenue" ? decimal : plain;
    // Where nothing was stored for longer, a line would tell what nobody knows.
    chart.gapMs = bucket * 1500;
    chart.area = series.length === 1;
    chart.update({ times, series });
    const newest = info(kind)?.newest_end;
    const open = times.length && newest != null && newest < times[times.length - 1] + 1000 * bucket
      ? "; the last point is not complete yet" : "";
    const count = windows.reduce((sum, one) => sum + one, 0);
    const sum = columns[measure] && !found.means.includes(measure) && !measure.startsWith("avg")
      ? `; ${plain(columns[measure].reduce((total, one) => total + (one ?? 0), 0))} in all` : "";
    summary.replaceChildren(setWhen(h("time"), found.start, moment), " to ", setWhen(h("time"), found.end, moment),
      `: ${integer(count)} windows, shown by ${length(bucket)}${sum}${open}`);
    summary.dataset.bucket = bucket;
  }

  drawControls();
  return {
    title: "History",
    panels: [panel],
    element: h("div", { class: "grid" }, panel.element),
    route(parameters) {
      const wanted = {};
      const of = parameters.get("of"), show = parameters.get("show"), span = parameters.get("period");
      if (of in MEASURES && of !== kind) Object.assign(wanted, { kind: of, measure: MEASURES[of][0][0] });
      const names = MEASURES[wanted.kind ?? kind].map(([name]) => name);
      if (names.includes(show) && show !== measure) wanted.measure = show;
      if (/^\d+-\d+$/.test(span ?? "")) {
        const range = span.split("-").map(Number);
        if (range.join() !== own?.join()) Object.assign(wanted, { period: "own", own: range });
      } else if (PERIODS.some(([value]) => value === span) && span !== "own" && span !== period) {
        Object.assign(wanted, { period: span, own: null });
      }
      if (Object.keys(wanted).length) change(wanted);
    },
    update(_sections, _changed, nowMs) {
      if (nowMs >= due) load();
    },
  };
}
