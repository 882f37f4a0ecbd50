// Alerts: what is open, since when, and what has passed.

import { h, text } from "../dom.js";
import { age, exact, NOTHING, setWhen } from "../format.js";
import { cellText, choice, Panel, Table } from "../parts.js";

export default function alerts({ setRoute, now }) {
  let severity = "all", needle = "", found = null;
  const value = (one) => (typeof one === "number" ? exact(one) : (one ?? NOTHING));
  const columns = (open) => [
    { name: "Severity", cell: (row, td) => {
      const tag = td.firstElementChild ?? td.appendChild(h("span"));
      tag.className = `tag ${row.severity}`;
      text(tag, row.severity || NOTHING);
    } },
    { name: "What", cell: cellText((row) => row.message || row.rule) },
    { name: "Rule", cell: cellText((row) => row.rule) },
    { name: "Subject", cell: cellText((row) => row.subject) },
    { name: "Value", number: true, cell: cellText((row) => value(row.value)) },
    { name: "Threshold", number: true, cell: cellText((row) => value(row.threshold)) },
    { name: "Since", cell: (row, td) => setWhen(td.firstElementChild ?? td.appendChild(h("time")), row.began_ms) },
    open
      ? { name: "For", cell: cellText((row) => age(now() - row.began_ms)) }
      : { name: "Until", cell: (row, td) => setWhen(td.firstElementChild ?? td.appendChild(h("time")), row.ended_ms) },
  ];
  const key = (row) => `${row.rule}\n${row.subject}\n${row.began_ms}\n${row.ended_ms}`;
  const open = new Table({ caption: "Open alerts", key, columns: columns(true), empty: "Nothing is alarming." });
  const past = new Table({ caption: "Past alerts", key, columns: columns(false), empty: "None." });
  const search = h("input", { type: "search", id: "alert-search", placeholder: "rule, subject or text", oninput: () => {
    needle = search.value.trim().toLowerCase();
    draw();
  } });
  const filters = h("div", {});
  const panels = [
    new Panel("Filter", { wide: true, slim: true }, h("div", { class: "controls" }, filters, h("label", { class: "quiet", for: "alert-search" }, "Filter alerts"), search)),
    new Panel("Open", { wide: true }, open.element),
    new Panel("Past", { wide: true }, past.element),
  ];
  open.element.dataset.test = "open-alerts";

  function drawFilters(names) {
    const wanted = ["all", ...names];
    if (filters.dataset.names === wanted.join()) return;
    filters.dataset.names = wanted.join();
    filters.replaceChildren(choice("Severity", wanted.map((name) => [name, name === "all" ? "All" : name]), severity, (chosen) => {
      severity = chosen;
      setRoute({ severity: chosen === "all" ? null : chosen });
      draw();
    }));
  }

  function draw() {
    if (!found) return;
    drawFilters([...new Set([...found.open, ...found.past].map((one) => one.severity).filter(Boolean))].sort());
    const fits = (one) => (severity === "all" || one.severity === severity)
      && (!needle || [one.rule, one.subject, one.message].some((words) => words.toLowerCase().includes(needle)));
    open.update(found.open.filter(fits));
    past.update(found.past.filter(fits));
  }

  return {
    title: "Alerts",
    panels,
    element: h("div", { class: "grid" }, ...panels.map((panel) => panel.element)),
    route(parameters) {
      severity = parameters.get("severity") ?? "all";
      delete filters.dataset.names;
      draw();
    },
    update(sections) {
      found = sections.alerts ?? found;
      draw();
    },
  };
}
