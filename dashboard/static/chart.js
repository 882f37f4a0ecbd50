// A chart of time: lines or areas on an even grid of windows, in SVG.
//
// Zoom by dragging, or with + and − at the place of the crosshair, which the arrow keys move;
// Escape and the button go back. What is zoomed stays so when new windows come.

import { h, svg, text, attribute } from "./dom.js";
import { date, hour, integer, moment, plain, setWhen, time, utc } from "./format.js";

const MARGIN = { top: 20, right: 14, bottom: 26, left: 54 };
const DASHES = ["", "7 3", "2 3", "10 3 2 3", "5 5", "1 4", "12 4", "3 2 1 2", "8 2 2 2"];
const ROWS = 60;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
  86400, 172800, 604800, 1209600, 2592000];

let charts = 0;

export function niceStep(span, most) {
  const raw = span / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  for (const factor of [1, 2, 2.5, 5, 10]) {
    if (factor * power >= raw) return factor * power;
  }
  return raw;
}

// `times` are the slots' starts in ms, or numbers of another axis; null values are gaps.
export class Chart {
  constructor({ title, note = "", unit = "", form = plain, height = 220, area = false,
    zero = true, columns = false, x = "time", tide = false, legend = true, gapMs = null }) {
    Object.assign(this, { unit, form, height, area, zero, columns, x, tide, gapMs });
    this.id = `chart-${++charts}`;
    this.data = { times: [], series: [] };
    this.zoom = null;
    this.hover = null;
    this.hidden = new Set();
    this.width = 600;
    this.plot = svg("svg", {
      class: "plot", tabindex: "0", role: "img", "aria-labelledby": `${this.id}-title`,
      "aria-describedby": `${this.id}-help`,
    });
    this.layers = {};
    this.plot.append(svg("defs", {},
      svg("pattern", { id: `${this.id}-open`, width: 7, height: 7, patternUnits: "userSpaceOnUse",
        patternTransform: "rotate(45)" }, svg("path", { d: "M0 0v7", class: "hatch" })),
      svg("clipPath", { id: `${this.id}-clip` }, (this.clip = svg("rect", {})))));
    for (const name of ["open", "grid", "marks", "axis", "selection", "cross"]) {
      this.plot.append((this.layers[name] = svg("g", { class: name })));
    }
    attribute(this.layers.marks, "clip-path", `url(#${this.id}-clip)`);
    this.tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
    this.said = h("p", { class: "quiet", role: "status", "aria-live": "polite" });
    this.legend = h("ul", { class: "legend", hidden: !legend });
    this.withLegend = legend;
    this.reset = h("button", { type: "button", class: "small", hidden: true,
      onclick: () => this.setZoom(null) }, "Reset zoom");
    this.tableButton = h("button", { type: "button", class: "small", "aria-expanded": "false",
      "aria-controls": `${this.id}-table`, onclick: () => this.toggleTable() }, "Table");
    this.table = h("div", { class: "table-scroll", id: `${this.id}-table`, hidden: true, tabindex: "0",
      role: "region", "aria-label": `${title}, as a table` });
    this.frame = h("div", { class: "frame" }, this.plot, this.tip);
    this.element = h("figure", { class: "chart" },
      h("figcaption", {}, h("span", { id: `${this.id}-title`, class: "title" }, title),
        note && h("span", { class: "note" }, note),
        h("span", { class: "tools" }, this.reset, this.tableButton)),
      this.legend, this.frame, this.table, this.said,
      h("p", { class: "quiet", id: `${this.id}-help` },
        "Arrow keys move along the chart, plus and minus zoom, Escape resets."));
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.frame);
  }

  update({ times, series, until = null, step = null }) {
    this.data = { times, series };
    this.step = step;
    this.until = until;
    this.draw();
  }

  resize() {
    const width = Math.round(this.frame.clientWidth);
    if (width && width !== this.width) {
      this.width = width;
      this.draw();
    }
  }

  domain() {
    const { times } = this.data;
    if (!times.length) return [0, 1];
    const last = this.until ?? times[times.length - 1];
    const first = times[0];
    if (!this.zoom) return [first, Math.max(last, first + 1)];
    return this.zoom;
  }

  setZoom(zoom) {
    this.zoom = zoom;
    this.reset.hidden = !zoom;
    if (!zoom && document.activeElement === this.reset) this.plot.focus();
    this.draw();
  }

  shown() {
    return this.data.series.filter((one) => !this.hidden.has(one.name));
  }

  draw() {
    const { width, height } = this;
    if (!width || !this.frame.isConnected) return;
    const { times } = this.data;
    const [x0, x1] = this.domain();
    const right = width - MARGIN.right, bottom = height - MARGIN.bottom;
    const inner = { w: Math.max(10, right - MARGIN.left), h: bottom - MARGIN.top };
    attribute(this.plot, "viewBox", `0 0 ${width} ${height}`);
    attribute(this.plot, "height", height);
    for (const [name, value] of Object.entries({ x: MARGIN.left, y: 0, width: inner.w + 6, height: bottom + 2 })) {
      attribute(this.clip, name, value);
    }
    const xOf = (value) => MARGIN.left + ((value - x0) / (x1 - x0)) * inner.w;
    const inside = times.map((at) => at >= x0 && at <= x1);
    let low = Infinity, high = -Infinity;
    for (const { values } of this.shown()) {
      for (let i = 0; i < values.length; i++) {
        if (!inside[i] || values[i] == null) continue;
        low = Math.min(low, values[i]);
        high = Math.max(high, values[i]);
      }
    }
    if (!Number.isFinite(high)) [low, high] = [0, 1];
    if (this.zero) low = Math.min(0, low);
    if (high === low) high = low + 1;
    const yStep = niceStep((high - low) * 1.06, Math.max(2, Math.floor(inner.h / 46)));
    const y0 = Math.floor(low / yStep) * yStep;
    const y1 = Math.max(y0 + yStep, Math.ceil((high + (high - low) * 0.03) / yStep) * yStep);
    const yOf = (value) => bottom - ((value - y0) / (y1 - y0)) * inner.h;
    this.scale = { xOf, yOf, x0, x1, right, bottom, inner };

    this.layers.grid.replaceChildren();
    for (let value = y0; value <= y1 + yStep / 1000; value += yStep) {
      const y = Math.round(yOf(value)) + 0.5;
      this.layers.grid.append(
        svg("path", { d: `M${MARGIN.left} ${y}H${right}`, class: value === 0 ? "base" : "" }),
        svg("text", { x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, axisNumber(value, yStep)));
    }
    if (this.unit) {
      this.layers.grid.append(svg("text", { x: 4, y: 9, class: "unit" }, this.unit));
    }
    this.drawTimes();
    this.drawOpen();
    this.layers.marks.replaceChildren();
    this.data.series.forEach((one, number) => {
      if (!this.hidden.has(one.name)) this.drawSeries(one, number);
    });
    this.drawLegend();
    this.drawCross();
    if (!this.table.hidden) this.drawTable();
    const [from, to] = [times[0], times[times.length - 1]];
    attribute(this.plot, "data-points", times.length);
    if (this.x === "time" && times.length) {
      attribute(this.plot, "data-from", from);
      attribute(this.plot, "data-to", to);
    }
  }

  drawTimes() {
    const { xOf, x0, x1, right, bottom } = this.scale;
    const marks = [];
    if (this.x === "time") {
      const most = Math.max(2, Math.floor(this.scale.inner.w / 92));
      const step = 1000 * (STEPS_S.find((s) => (x1 - x0) / 1000 / s <= most) ?? 2592000);
      const form = step < 60000 ? time : step < 86400000 ? hour : date;
      // Whole hours and days are those of the reader.
      const zone = -new Date(x1).getTimezoneOffset() * 60000;
      for (let at = Math.ceil((x0 + zone) / step) * step - zone; at <= x1; at += step) {
        const midnight = step < 86400000 && step >= 3600000 && (at + zone) % 86400000 === 0;
        marks.push([at, midnight ? date(at) : form(at)]);
      }
    } else {
      for (let at = 0; at < this.data.times.length; at += this.width < 520 ? 6 : 3) {
        marks.push([at, `${String(at).padStart(2, "0")}:00`]);
      }
    }
    this.layers.axis.replaceChildren(...marks.map(([at, label]) => {
      const x = xOf(at);
      const anchor = x > right - 18 ? "end" : x < MARGIN.left + 18 ? "start" : "middle";
      return svg("g", {}, svg("path", { d: `M${x.toFixed(1)} ${bottom}v4` }),
        svg("text", { x: x.toFixed(1), y: bottom + 17, "text-anchor": anchor }, label));
    }));
  }

  // What is not final yet: from the end of the newest window to now.
  drawOpen() {
    const layer = this.layers.open;
    layer.replaceChildren();
    if (!this.tide || this.until == null || this.zoom) return;
    const { xOf, right, bottom } = this.scale;
    const x = xOf(this.tide);
    if (!(x < right)) return;
    layer.append(
      svg("rect", { x, y: MARGIN.top, width: right - x, height: bottom - MARGIN.top,
        fill: `url(#${this.id}-open)` }),
      svg("path", { d: `M${x} 4V${bottom}`, class: "mark" }),
      svg("text", { x: x - 7, y: 11, "text-anchor": "end" }, `final up to ${time(this.tide)}`));
  }

  drawSeries(one, number) {
    const { xOf, yOf, bottom } = this.scale;
    const { times } = this.data;
    const layer = this.layers.marks;
    const style = `series s${(one.colour ?? number) % 9}`;
    const step = this.step ?? (times.length > 1 ? times[1] - times[0] : null);
    const width = step ? xOf(times[0] + step) - xOf(times[0]) : 12;
    if (this.columns) {
      const bar = Math.max(1, Math.min(26, width * 0.72));
      let d = "";
      times.forEach((at, i) => {
        const y = yOf(one.values[i] ?? 0);
        if (y < bottom) d += `M${(xOf(at) + (width - bar) / 2).toFixed(1)} ${bottom}V${y.toFixed(1)}h${bar.toFixed(1)}V${bottom}z`;
      });
      layer.append(svg("path", { d, class: `${style} column` }));
      return;
    }
    const runs = [];
    let run = [];
    for (let i = 0; i < times.length; i++) {
      const apart = this.gapMs && i && times[i] - times[i - 1] > this.gapMs;
      if ((one.values[i] == null || apart) && run.length) {
        runs.push(run);
        run = [];
      }
      if (one.values[i] != null) run.push([xOf(times[i]), yOf(one.values[i])]);
    }
    if (run.length) runs.push(run);
    for (const points of runs) {
      const d = points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
      if (points.length === 1) {
        layer.append(svg("circle", { cx: points[0][0], cy: points[0][1], r: 2.5, class: `${style} point` }));
        continue;
      }
      if (this.area) {
        layer.append(svg("path", { class: `${style} water`,
          d: `${d}V${bottom}H${points[0][0].toFixed(1)}z` }));
      }
      layer.append(svg("path", { d, class: `${style} line`, "stroke-dasharray": DASHES[number % 9] }));
    }
  }

  drawLegend() {
    const { series } = this.data;
    const shown = this.withLegend && series.length > 1;
    this.legend.hidden = !shown;
    const names = series.map((one) => one.name).join("\n");
    if (!shown || this.legend.dataset.names === names) return;
    this.legend.dataset.names = names;
    this.legend.replaceChildren(...series.map((one, number) => h("li", {},
      h("button", { type: "button", "aria-pressed": String(!this.hidden.has(one.name)),
        title: "Show or hide", onclick: (event) => {
          if (!this.hidden.delete(one.name)) this.hidden.add(one.name);
          attribute(event.currentTarget, "aria-pressed", String(!this.hidden.has(one.name)));
          this.draw();
        } },
      svg("svg", { width: 24, height: 8, "aria-hidden": "true" },
        svg("path", { d: "M1 4h22", class: `series s${(one.colour ?? number) % 9} line`,
          "stroke-dasharray": this.columns ? "" : DASHES[number % 9] })),
      one.name))));
  }

  drawCross() {
    const layer = this.layers.cross;
    const { times } = this.data;
    layer.replaceChildren();
    const at = this.hover;
    const outside = at == null || at >= times.length || times[at] < this.scale.x0 || times[at] > this.scale.x1;
    this.tip.hidden = outside;
    if (outside) return;
    const { xOf, yOf, bottom, right } = this.scale;
    const x = xOf(times[at]);
    layer.append(svg("path", { d: `M${x} ${MARGIN.top}V${bottom}` }));
    const rows = [];
    this.data.series.forEach((one, number) => {
      if (this.hidden.has(one.name)) return;
      const value = one.values[at];
      if (value != null && !this.columns) {
        layer.append(svg("circle", { cx: x, cy: yOf(value), r: 3.5, class: `series s${(one.colour ?? number) % 9} point` }));
      }
      rows.push(h("div", {}, h("span", {}, one.name), h("b", {}, this.form(value))));
    });
    const head = this.x === "time"
      ? h("p", {}, h("span", {}, moment(times[at])), h("span", { class: "utc" }, utc(times[at]).slice(11)))
      : h("p", {}, `${String(at).padStart(2, "0")}:00`);
    this.tip.replaceChildren(head, ...rows);
    const left = x > right / 2 ? x - this.tip.offsetWidth - 12 : x + 12;
    this.tip.style.transform = `translate(${Math.round(Math.max(0, left))}px, ${MARGIN.top}px)`;
  }

  toggleTable() {
    this.table.hidden = !this.table.hidden;
    attribute(this.tableButton, "aria-expanded", String(!this.table.hidden));
    if (!this.table.hidden) this.drawTable();
  }

  drawTable() {
    const { times } = this.data;
    const series = this.shown();
    const rows = [];
    for (let i = times.length - 1; i >= 0 && rows.length < ROWS; i--) {
      if (times[i] < this.scale.x0 || times[i] > this.scale.x1) continue;
      const head = h("th", { scope: "row" });
      if (this.x === "time") head.append(setWhen(h("time"), times[i]));
      else text(head, `${String(i).padStart(2, "0")}:00`);
      rows.push(h("tr", {}, head, ...series.map((one) => h("td", {}, this.form(one.values[i])))));
    }
    this.table.replaceChildren(h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, this.x === "time" ? "Window" : "Hour"),
        ...series.map((one) => h("th", { scope: "col" }, one.name)))),
      h("tbody", {}, ...rows)));
  }

  nearest(clientX) {
    const { times } = this.data;
    if (!times.length || !this.scale) return null;
    const box = this.plot.getBoundingClientRect();
    const { x0, x1, inner } = this.scale;
    const x = ((clientX - box.left) / box.width) * this.width;
    const at = x0 + ((x - MARGIN.left) / inner.w) * (x1 - x0);
    let best = null;
    times.forEach((one, i) => {
      if (best == null || Math.abs(one - at) < Math.abs(times[best] - at)) best = i;
    });
    return { index: best, at: Math.min(x1, Math.max(x0, at)) };
  }

  listen() {
    const { plot } = this;
    let from = null;
    const select = (place) => {
      const { xOf, bottom } = this.scale;
      const [a, b] = [from.at, place.at].sort((one, other) => one - other).map(xOf);
      this.layers.selection.replaceChildren(
        svg("rect", { x: a, y: MARGIN.top, width: b - a, height: bottom - MARGIN.top }));
    };
    plot.addEventListener("pointermove", (event) => {
      const place = this.nearest(event.clientX);
      if (!place) return;
      this.hover = place.index;
      if (from) select(place);
      this.drawCross();
    });
    plot.addEventListener("pointerleave", () => {
      if (document.activeElement !== plot) this.hover = null;
      if (this.scale) this.drawCross();
    });
    plot.addEventListener("pointerdown", (event) => {
      // A finger scrolls; it zooms with the keys of a screen keyboard at most.
      if (event.button || event.pointerType === "touch" || this.x !== "time") return;
      from = this.nearest(event.clientX);
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointerup", (event) => {
      const place = from && this.nearest(event.clientX);
      if (place && Math.abs(this.scale.xOf(place.at) - this.scale.xOf(from.at)) > 8) {
        this.setZoom([Math.min(from.at, place.at), Math.max(from.at, place.at)]);
      }
      from = null;
      this.layers.selection.replaceChildren();
    });
    plot.addEventListener("pointercancel", () => {
      from = null;
      this.layers.selection.replaceChildren();
    });
    plot.addEventListener("dblclick", () => this.setZoom(null));
    plot.addEventListener("blur", () => {
      this.hover = null;
      if (this.scale) this.drawCross();
    });
    plot.addEventListener("keydown", (event) => {
      const { times } = this.data;
      if (!times.length || !this.scale || event.ctrlKey || event.metaKey || event.altKey) return;
      const { x0, x1 } = this.scale;
      const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 };
      const last = times.length - 1;
      if (event.key in moves) this.hover = Math.min(last, Math.max(0, (this.hover ?? last) + moves[event.key]));
      else if (event.key === "Home") this.hover = 0;
      else if (event.key === "End") this.hover = last;
      else if (event.key === "Escape" && this.zoom) this.setZoom(null);
      else if ((event.key === "+" || event.key === "-") && this.x === "time") {
        const middle = times[this.hover ?? last];
        const span = ((x1 - x0) * (event.key === "+" ? 0.5 : 2)) / 2;
        const whole = times[last] - times[0];
        this.setZoom(2 * span >= whole ? null : [middle - span, middle + span]);
      } else return;
      event.preventDefault();
      this.drawCross();
      this.say();
    });
  }

  say() {
    const at = this.hover;
    if (at == null) return;
    const values = this.shown().map((one) => `${one.name} ${this.form(one.values[at])}`);
    const head = this.x === "time" ? moment(this.data.times[at]) : `${at}:00`;
    text(this.said, `${head}: ${values.join(", ")}`);
  }
}

function axisNumber(value, step) {
  if (Math.abs(value) >= 10000) {
    const big = Math.abs(value) >= 1e6 ? [1e6, "M"] : [1e3, "k"];
    return `${+(value / big[0]).toFixed(2)}${big[1]}`;
  }
  if (Number.isInteger(step)) return integer(value);
  return value.toFixed([1, 2, 3].find((digits) => Number.isInteger(+(step * 10 ** digits).toFixed(6))) ?? 4);
}

// The slots of a section's axis, as times.
export function timesOf(axis) {
  return Array.from({ length: axis.length }, (_, slot) => axis.start + slot * axis.step);
}

// The last `count` of a section's slots.
export function tail(values, count) {
  return values.slice(-count);
}

// A sparkline: no axis, no text; what it says is said beside it.
export class Spark {
  constructor() {
    this.path = svg("path", { class: "series s0 line" });
    // A line of no length: round whatever the width is stretched to.
    this.end = svg("path", { class: "series s0 line end" });
    this.element = svg("svg", { class: "spark", viewBox: "0 0 120 28", preserveAspectRatio: "none",
      "aria-hidden": "true" }, this.path, this.end);
  }

  update(values) {
    const known = values.filter((value) => value != null);
    if (known.length < 2) return attribute(this.path, "d", "");
    const low = Math.min(...known), high = Math.max(...known);
    const y = (value) => (high === low ? 14 : 25 - ((value - low) / (high - low)) * 22);
    let d = "";
    values.forEach((value, i) => {
      if (value == null) return;
      const command = i && values[i - 1] != null ? "L" : "M";
      d += `${command}${((i / (values.length - 1)) * 117).toFixed(1)} ${y(value).toFixed(1)}`;
    });
    const last = known[known.length - 1];
    attribute(this.end, "d", `M117 ${y(last).toFixed(1)}h0`);
    return attribute(this.path, "d", d);
  }
}

