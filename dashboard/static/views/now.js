// Now: the rate, the books, the newest final window, and where it came from.

import { Chart, tail, timesOf } from "../chart.js";
import { h, text } from "../dom.js";
import { age, decimal, integer, percent, setNumber, setWhen, time } from "../format.js";
import { Bars, entries, Figure, Panel } from "../parts.js";

const SPARK = 60;

export default function now() {
  const rate = h("data", { "data-test": "rate" });
  const basis = h("p", { class: "basis" });
  const fresh = h("p", { class: "fresh" });
  const books = ["read", "accepted", "rejected", "late"].map((name) => ({
    name, value: h("data", { "data-test": `books-${name}` }),
  }));
  const [read, accepted, rejected, late] = books.map((book) => book.value);
  const ledger = h("dl", { class: "ledger", "aria-label": "Events since the beginning" },
    h("div", {}, h("dt", {}, "read"), h("dd", {}, read)),
    h("div", {}, h("dt", {}, "= accepted"), h("dd", {}, accepted)),
    h("div", {}, h("dt", {}, "+ rejected"), h("dd", {}, rejected)),
    h("div", {}, h("dt", {}, "+ late"), h("dd", {}, late)));
  const tide = new Chart({ title: "Interactions per window", height: 300, area: true, form: integer, legend: false });
  const window_ = h("p", { class: "window" });
  const hero = new Panel("Now", { pipeline: "interactions", wide: true },
    h("div", { class: "hero" },
      h("div", { class: "gauge" }, h("p", { class: "rate" }, rate, h("span", { class: "unit" }, "events/s")), basis, fresh, ledger),
      h("div", { class: "tide" }, tide.element)));

  const figures = {
    total: new Figure("Interactions", { test: "total" }),
    users: new Figure("Active users", { test: "users" }),
    items: new Figure("Active items", { test: "items" }),
    avg_per_user: new Figure("Average per user", { form: decimal, test: "avg-per-user" }),
    rejected: new Figure("Rejected", { test: "rejected" }),
    late: new Figure("Late", { test: "late" }),
  };
  const newest = new Panel("Newest final window", { pipeline: "interactions", wide: true },
    window_, h("dl", { class: "figures" }, ...Object.values(figures).map((figure) => figure.element)));

  const types = new Bars({ label: "Interactions by type", share: true });
  const items = new Bars({ label: "Items of the newest window" });
  const users = new Bars({ label: "Users of the newest window" });
  const panels = [hero, newest,
    new Panel("By type", { pipeline: "interactions" }, types.element),
    new Panel("Top items", { pipeline: "interactions" }, items.element),
    new Panel("Top users", { pipeline: "interactions" }, users.element)];

  let section = null;
  let newestEnd = null;

  function drawTide(nowMs) {
    if (!section?.newest) return;
    const { axis } = section;
    const count = Math.min(axis.length, SPARK);
    // A point stands at the end of its window: the line reaches as far as what is final.
    const times = tail(timesOf(axis), count).map((at) => at + axis.step);
    tide.tide = section.newest.window_end;
    const until = nowMs - newestEnd < 20 * axis.step ? Math.max(nowMs, newestEnd) : null;
    tide.update({ times, series: [{ name: "interactions", values: tail(section.total, count) }], until });
  }

  return {
    title: "Now",
    panels,
    element: h("div", { class: "grid" }, ...panels.map((panel) => panel.element)),
    update(sections, changed, nowMs) {
      if (changed.has("now") && sections.now) {
        const { rate: perSecond, books: found, rejected_by_reason: reasons } = sections.now;
        setNumber(rate, perSecond, integer);
        text(basis, perSecond == null ? "no partition reports: is the dataflow running?" : "read over the last ten seconds");
        setNumber(read, found.read);
        setNumber(accepted, found.read - found.rejected - found.late);
        setNumber(rejected, found.rejected);
        setNumber(late, found.late);
        rejected.title = Object.entries(reasons).map(([name, count]) => `${name} ${integer(count)}`).join(", ");
      }
      if (changed.has("interactions") && sections.interactions) {
        section = sections.interactions;
        const found = section.newest;
        newestEnd = found?.window_end ?? null;
        if (found) {
          const last = (name) => tail(section[name], SPARK);
          const share = (name) => percent((found[name] ?? 0) / Math.max(1, found.total + (found[name] ?? 0)));
          figures.total.update(found.total, last("total"));
          figures.users.update(found.users, last("users"));
          figures.items.update(found.items, last("items"));
          figures.avg_per_user.update(found.avg_per_user, last("avg_per_user"));
          figures.rejected.update(found.rejected, last("rejected"), share("rejected"));
          figures.late.update(found.late, last("late"), share("late"));
          window_.replaceChildren("from ", setWhen(h("time", { "data-test": "window-start" }), found.timestamp, time),
            ` to `, setWhen(h("time"), found.window_end, time), `; the lines show ${Math.min(SPARK, section.axis.length)} windows`);
          const sum = found.total || 1;
          types.update(entries(found.by_type).map((entry, i) => ({ ...entry, colour: i, share: entry.value / sum })));
          items.update((found.top_items ?? []).map((one) => ({ name: one.item_id, value: one.count })));
          users.update((found.top_users ?? []).map((one) => ({ name: one.user_id, value: one.count })));
        }
      }
      this.tick(nowMs);
    },
    tick(nowMs) {
      drawTide(nowMs);
      if (newestEnd != null) {
        fresh.replaceChildren("newest final window is ", h("b", {}, `${age(nowMs - newestEnd)} old`));
      }
    },
  };
}
