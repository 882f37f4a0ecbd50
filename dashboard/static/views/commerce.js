// Commerce: sales by category, payment and store; stock, and what of it is low or out.

import { Chart, timesOf } from "../chart.js";
import { h, text } from "../dom.js";
import { age, decimal, integer, setWhen, time } from "../format.js";
import { Bars, cellNumber, cellText, cellWhen, choice, entries, Figure, Panel, Table } from "../parts.js";

const WORDS = { ok: "In stock", low: "Low", out: "Out" };

export default function commerce({ setRoute }) {
  const figures = {
    revenue: new Figure("Revenue", { form: decimal, test: "revenue" }),
    transactions: new Figure("Sales", { test: "transactions" }),
    quantity: new Figure("Pieces"),
  };
  const basket = new Figure("Average sale", { form: decimal, spark: false });
  const window_ = h("p", { class: "window" });
  const revenue = new Chart({ title: "Revenue per window", area: true, form: decimal, legend: false, height: 230 });
  const since = h("p", { class: "aside" });
  const groups = ["by_category", "by_payment_method", "by_store"].map((name) => ({
    name, bars: new Bars({ label: `Revenue ${name.replaceAll("_", " ")}`, form: decimal }),
  }));
  const products = new Bars({ label: "Products by revenue", form: decimal });
  const levels = {
    products: new Figure("Products updated"),
    low_stock: new Figure("Low"),
    out_of_stock: new Figure("Out"),
  };
  let filter = "low,out", stock = null, needle = "";
  const counts = h("p", { class: "aside" });
  const search = h("input", { type: "search", id: "stock-search", placeholder: "product, warehouse or category", oninput: () => {
    needle = search.value.trim().toLowerCase();
    drawStock();
  } });
  const table = new Table({
    caption: "Stock", key: (row) => row._id, empty: "Nothing in this selection.",
    columns: [
      { name: "Product", cell: cellText((row) => row.product_id) },
      { name: "Status", cell: (row, td) => {
        const tag = td.firstElementChild ?? td.appendChild(h("span"));
        tag.className = `tag ${row.status}`;
        text(tag, WORDS[row.status] ?? row.status);
      } },
      { name: "Warehouse", cell: cellText((row) => row.warehouse_id) },
      { name: "Category", cell: cellText((row) => row.category) },
      { name: "Stock", number: true, cell: cellNumber((row) => row.current_stock) },
      { name: "Reorder at", number: true, cell: cellNumber((row) => row.reorder_level) },
      { name: "Updated", cell: cellWhen((row) => row.last_updated) },
    ],
  });
  const filters = h("div", {});
  const of = { pipeline: "sales" };
  const panels = [
    new Panel("Newest window of sales", { ...of, wide: true }, window_, h("dl", { class: "figures" }, ...Object.values(figures).map((one) => one.element), basket.element)),
    new Panel("Revenue", { ...of, wide: true, slim: true }, revenue.element, since),
    new Panel("By category", of, groups[0].bars.element),
    new Panel("By payment", of, groups[1].bars.element),
    new Panel("By store", of, groups[2].bars.element),
    new Panel("Products", { ...of, half: true, note: "newest window, by revenue" }, products.element),
    new Panel("Stock updates", { pipeline: "inventory", half: true, note: "newest window" }, h("dl", { class: "figures two" }, ...Object.values(levels).map((one) => one.element))),
    new Panel("Stock", { pipeline: "inventory", wide: true },
      h("div", { class: "controls" }, filters, h("label", { class: "quiet", for: "stock-search" }, "Filter the stock table"), search), counts, table.element),
  ];
  panels[panels.length - 1].element.id = "stock";

  function drawFilters() {
    filters.replaceChildren(choice("Status", [["low,out", "Low or out"], ["out", "Out"], ["low", "Low"], ["ok", "In stock"], ["out,low,ok", "All"]], filter, (chosen) => {
      filter = chosen;
      setRoute({ stock: chosen === "low,out" ? null : chosen });
      drawStock();
    }));
  }

  function drawStock() {
    if (!stock) return;
    const wanted = filter.split(",");
    const rows = wanted.flatMap((status) => stock.rows[status] ?? [])
      .filter((row) => !needle || [row.product_id, row.warehouse_id, row.category].some((one) => String(one ?? "").toLowerCase().includes(needle)))
      .sort((a, b) => a.current_stock - b.current_stock || (a._id < b._id ? -1 : 1));
    table.update(rows);
    const many = (status) => `${integer(stock.counts[status] ?? 0)}${(stock.counts[status] ?? 0) >= stock.counted_to ? "+" : ""}`;
    const cut = wanted.some((status) => (stock.counts[status] ?? 0) > (stock.rows[status] ?? []).length);
    text(counts, `${many("out")} out, ${many("low")} low, ${many("ok")} in stock.${cut ? " The table has the lowest of each." : ""}`);
  }

  drawFilters();
  return {
    title: "Commerce",
    panels,
    element: h("div", { class: "grid" }, ...panels.map((panel) => panel.element)),
    route(parameters) {
      const wanted = parameters.get("stock") ?? "low,out";
      if (wanted !== filter) {
        filter = wanted;
        drawFilters();
        drawStock();
      }
    },
    update(sections, changed, nowMs) {
      const found = changed.has("sales") && sections.sales;
      if (found?.newest) {
        for (const [name, figure] of Object.entries(figures)) figure.update(found.newest[name], found[name].slice(-60));
        basket.update(found.newest.transactions ? found.newest.revenue / found.newest.transactions : null);
        window_.replaceChildren("from ", setWhen(h("time"), found.newest.timestamp, time), " to ", setWhen(h("time"), found.newest.window_end, time));
        revenue.update({ times: timesOf(found.axis), series: [{ name: "revenue", values: found.revenue }] });
        text(since, `Categories, payments and stores: sums over the last ${integer(found.windows)} windows, ${age(nowMs - found.since)}.`);
        for (const { name, bars } of groups) {
          bars.update(entries(found[name], (one) => one.revenue).slice(0, 10).map((one) => ({ ...one, detail: `${integer(one.of.transactions)} sales` })));
        }
        products.update(entries(found.newest.by_product, (one) => one.revenue).slice(0, 10).map((one) => ({ ...one, detail: `${integer(one.of.quantity)} pcs` })));
      }
      const updates = changed.has("inventory") && sections.inventory;
      if (updates?.newest) {
        for (const [name, figure] of Object.entries(levels)) figure.update(updates.newest[name], updates[name].slice(-60));
      }
      if (changed.has("stock") && sections.stock) {
        stock = sections.stock;
        drawStock();
      }
    },
  };
}
