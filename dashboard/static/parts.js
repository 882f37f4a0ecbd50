// Parts that every view is made of: panels with the state of their pipeline, figures, bars, tables.

import { Spark } from "./chart.js";
import { attribute, h, keyed, text } from "./dom.js";
import { age, integer, NOTHING, percent, setNumber, setWhen } from "./format.js";

let panels = 0;

export const LABELS = {
  interactions: "interactions", logins: "logins", processed_logins: "processed logins",
  activity: "activity", sales: "sales", inventory: "inventory", funnel: "funnel", sessions: "sessions",
};

// What is to be said about a pipeline: null where it is live.
export function condition(info, now) {
  if (!info) return { state: "off", words: "This version does not have this pipeline." };
  if (info.newest_end == null) {
    if (info.enabled === false) {
      return { state: "off", words: `This pipeline is off: pipelines.${info.name}.enabled is false.` };
    }
    if (info.started) {
      return { state: "nothing", words: "It reads; its first window is not final yet." };
    }
    const wait = info.enabled === "auto" ? ` It runs when topic ${info.topic} was there at the start of the dataflow.` : "";
    return { state: "nothing", words: `Nothing yet.${wait}` };
  }
  const old = now - info.newest_end;
  if (old > info.stale_after_s * 1000) {
    const off = info.enabled === false ? "off, " : "";
    return { state: "stale", words: `${off}stale: newest window ${age(old)} old` };
  }
  return null;
}

// A panel shows its children only where its pipeline has stored something.
export class Panel {
  constructor(title, { pipeline = null, wide = false, half = false, note = "", slim = false } = {}, ...children) {
    this.pipeline = pipeline;
    this.badge = h("span", { class: "badge", hidden: true });
    this.notice = h("p", { class: "notice", hidden: true });
    this.note = h("span", { class: "note" }, note);
    this.body = h("div", { class: "body" }, ...children);
    const id = `panel-${++panels}`;
    this.element = h("section", { class: `panel${wide ? " wide" : ""}${half ? " half" : ""}${slim ? " slim" : ""}`, "aria-labelledby": id },
      h("div", { class: "panel-head" }, h("h2", { id }, title), this.note, this.badge), this.notice, this.body);
    if (pipeline) this.element.dataset.pipeline = pipeline;
  }

  // Returns whether there is something to show.
  tick(page, now) {
    if (!this.pipeline || !page) return true;
    const info = page.pipelines.find((one) => one.name === this.pipeline);
    const found = condition(info, now);
    const empty = found !== null && found.state !== "stale";
    this.element.dataset.state = found?.state ?? "live";
    this.notice.hidden = !empty;
    this.body.hidden = empty;
    this.badge.hidden = found?.state !== "stale";
    if (empty) text(this.notice, found.words);
    else if (found) text(this.badge, found.words);
    return !empty;
  }
}

// One number with its name, its unit and where it has been.
export class Figure {
  constructor(name, { unit = "", form = integer, spark = true, test = null } = {}) {
    this.form = form;
    this.value = h("data", { "data-test": test });
    this.spark = spark ? new Spark() : null;
    this.detail = h("dd", { class: "detail" });
    this.element = h("div", { class: "figure" }, h("dt", {}, name),
      h("dd", { class: "value" }, this.value, unit && h("span", { class: "unit" }, unit)),
      this.detail, this.spark && h("dd", { class: "trace" }, this.spark.element));
  }

  update(value, history = null, detail = "") {
    setNumber(this.value, value, this.form);
    text(this.detail, detail);
    if (this.spark && history) this.spark.update(history);
  }
}

// Names with bars: [{name, value, detail, colour}], the largest one as long as there is room.
export class Bars {
  constructor({ label, form = integer, share = false, empty = "None." } = {}) {
    Object.assign(this, { form, share });
    this.list = h("ol", { class: "bars", "aria-label": label });
    this.empty = h("p", { class: "notice" }, empty);
    this.element = h("div", {}, this.list, this.empty);
  }

  update(entries, onchoose = null) {
    this.empty.hidden = entries.length > 0;
    const most = Math.max(...entries.map((entry) => entry.value), 0) || 1;
    const sum = entries.reduce((total, entry) => total + entry.value, 0) || 1;
    keyed(this.list, entries, (entry) => entry.name, (entry) => {
      const name = onchoose
        ? h("button", { type: "button", class: "link", onclick: () => onchoose(entry.name) }, entry.name)
        : h("span", {}, entry.name);
      return h("li", {}, h("span", { class: "name", title: entry.name }, name),
        h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: "bar" })),
        h("span", { class: "amount" }, h("data"), h("span", { class: "share" })));
    }, (item, entry) => {
      const bar = item.querySelector(".bar");
      bar.style.width = `${Math.max(0.5, (100 * entry.value) / most)}%`;
      attribute(bar, "class", `bar b${entry.colour ?? 0}`);
      setNumber(item.querySelector("data"), entry.value, this.form);
      const detail = this.share ? percent(entry.share ?? entry.value / sum) : (entry.detail ?? "");
      text(item.querySelector(".share"), detail);
    });
  }
}

// A table: columns are {name, cell(row, td), number}; rows keep their elements by key.
export class Table {
  constructor({ caption, columns, key, empty = "None." }) {
    Object.assign(this, { columns, key });
    this.body = h("tbody");
    this.empty = h("p", { class: "notice" }, empty);
    this.element = h("div", {}, h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": caption },
      (this.table = h("table", {}, h("caption", { class: "quiet" }, caption),
        h("thead", {}, h("tr", {}, ...columns.map((column) =>
          h("th", { scope: "col", class: column.number ? "number" : null }, column.name)))),
        this.body))), this.empty);
  }

  update(rows) {
    this.empty.hidden = rows.length > 0;
    this.table.hidden = rows.length === 0;
    keyed(this.body, rows, this.key, () => h("tr", {}, ...this.columns.map((column, i) =>
      i ? h("td", { class: column.number ? "number" : null }) : h("th", { scope: "row" }))),
    (tr, row) => this.columns.forEach((column, i) => column.cell(row, tr.children[i])));
  }
}

export function cellText(value, form = (one) => one ?? NOTHING) {
  return (row, td) => text(td, form(value(row)));
}

export function cellNumber(value, form = integer) {
  return (row, td) => setNumber(td.firstElementChild ?? td.appendChild(h("data")), value(row), form);
}

export function cellWhen(value, form) {
  return (row, td) => setWhen(td.firstElementChild ?? td.appendChild(h("time")), value(row), form);
}

// Maps as entries for `Bars`, largest first; colours in that order.
export function entries(map, value = (one) => one) {
  return Object.entries(map ?? {})
    .map(([name, found]) => ({ name, value: value(found) ?? 0, of: found }))
    .sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1));
}

export function seriesOf(columns) {
  return Object.entries(columns ?? {}).map(([name, values]) => ({ name, values }));
}

// A choice of one of several, as radio buttons that look like a switch.
export function choice(label, options, chosen, onchange) {
  const name = `choice-${++panels}`;
  return h("fieldset", { class: "choice" }, h("legend", { class: "quiet" }, label),
    ...options.map(([value, words]) => h("label", {},
      h("input", { type: "radio", name, value, checked: value === chosen,
        onchange: () => onchange(value) }), h("span", {}, words))));
}
