// One user or item: found by its id, kept fresh while it is shown.

import { Chart } from "../chart.js";
import { h, text } from "../dom.js";
import { decimal, integer, moment, setWhen } from "../format.js";
import { Bars, choice, entries, Figure } from "../parts.js";

export function lookup({ ask, setRoute, refreshMs, info }) {
  let kind = "user", id = "", due = 0, asking = false, suggested = "";
  const list = h("datalist", { id: "lookup-ids" });
  const input = h("input", { id: "lookup-id", type: "search", list: "lookup-ids", autocomplete: "off",
    spellcheck: "false", maxlength: 1024, placeholder: "id, such as user-0042" });
  const said = h("p", { class: "notice", role: "status", "aria-live": "polite" });
  const figures = {
    total: new Figure("Total", { spark: false, test: "key-total" }),
    windows: new Figure("Windows with activity", { spark: false }),
    avg_per_window: new Figure("Average per window", { form: decimal, spark: false }),
    max_per_window: new Figure("Most in a window", { spark: false }),
    min_per_window: new Figure("Least in a window", { spark: false }),
    last_window_count: new Figure("In its last window", { spark: false }),
  };
  const types = new Bars({ label: "By type", share: true });
  const times = h("p", { class: "window" });
  const history = new Chart({ title: "Count per window", note: "where it led a window, and since you look", form: integer, columns: true, legend: false, height: 170 });
  const heading = h("h3", { tabindex: "-1" });
  const result = h("div", { class: "lookup-result", hidden: true, "data-test": "lookup" }, heading, times,
    h("dl", { class: "figures" }, ...Object.values(figures).map((one) => one.element)),
    h("div", { class: "halves" }, types.element, history.element));
  const kinds = h("div", {});
  const form = h("form", { class: "lookup", role: "search", onsubmit: (event) => {
    event.preventDefault();
    if (input.value.trim()) choose(kind, input.value.trim());
  } }, kinds, h("label", { class: "quiet", for: "lookup-id" }, "Id"), input, list, h("button", { type: "submit" }, "Show"));

  function drawKinds() {
    kinds.replaceChildren(choice("Kind", [["user", "User"], ["item", "Item"]], kind, (chosen) => {
      kind = chosen;
      suggested = "";
      suggest();
    }));
  }

  async function suggest() {
    const wanted = `${kind}/${input.value}`;
    if (!input.value || suggested === wanted) return;
    suggested = wanted;
    const found = await ask(`/api/keys/${kind}?from=${encodeURIComponent(input.value)}`);
    if (suggested === wanted && Array.isArray(found)) {
      list.replaceChildren(...found.map((value) => h("option", { value })));
    }
  }

  async function load() {
    if (asking || !id) return;
    asking = true;
    const [wantedKind, wantedId] = [kind, id];
    const found = await ask(`/api/key/${kind}?id=${encodeURIComponent(id)}`);
    asking = false;
    if (wantedKind !== kind || wantedId !== id) return load();
    if (found.error) {
      text(said, found.error);
      return;
    }
    const { stats } = found;
    result.hidden = !stats;
    text(said, stats ? "" : `There is no ${kind} ${id}.`);
    if (!stats) return;
    text(heading, `${kind === "user" ? "User" : "Item"} ${id}`);
    times.replaceChildren("first seen ", setWhen(h("time"), stats.first_seen, moment), ", last ", setWhen(h("time"), stats.last_seen, moment));
    for (const [name, figure] of Object.entries(figures)) figure.update(stats[name]);
    types.update(entries(stats.by_type).map((one, i) => ({ ...one, colour: i })));
    const step = 1000 * (info("interactions")?.window_s || 10);
    const seen = found.history.map((one) => one[0]);
    history.update({ times: seen, step, series: [{ name: "count", values: found.history.map((one) => one[1]) }],
      until: seen.length ? seen[seen.length - 1] + step : null });
  }

  function choose(chosenKind, chosenId, { move = true } = {}) {
    kind = chosenKind;
    id = chosenId;
    input.value = chosenId;
    drawKinds();
    due = 0;
    setRoute({ [kind]: id, [kind === "user" ? "item" : "user"]: null });
    load().then(() => move && !result.hidden && heading.scrollIntoView({ block: "nearest" }));
  }

  input.addEventListener("input", suggest);
  drawKinds();
  return {
    element: h("div", {}, form, said, result),
    choose,
    route(parameters) {
      for (const name of ["user", "item"]) {
        if (parameters.has(name) && (name !== kind || parameters.get(name) !== id)) {
          choose(name, parameters.get(name), { move: false });
        }
      }
    },
    update(nowMs) {
      if (id && nowMs >= due) {
        due = nowMs + refreshMs();
        load();
      }
    },
  };
}
