// Health: how far every partition is, which stores answer, what was put aside and why.

import { h, text } from "../dom.js";
import { age, integer, NOTHING, plain, setWhen } from "../format.js";
import { Bars, cellNumber, cellText, cellWhen, condition, entries, LABELS, Panel, Table } from "../parts.js";

const SILENT_MS = 20000;

export default function health({ now }) {
  let page = null;
  const pipelines = new Table({
    caption: "Pipelines", key: (row) => row.name,
    columns: [
      { name: "Pipeline", cell: cellText((row) => LABELS[row.name] ?? row.name) },
      { name: "State", cell: (row, td) => {
        const found = condition(row, now());
        const tag = td.firstElementChild ?? td.appendChild(h("span"));
        tag.className = `tag ${found?.state ?? "live"}`;
        text(tag, found?.state ?? "live");
        tag.title = found?.words ?? "";
      } },
      { name: "Topic", cell: cellText((row) => row.topic || NOTHING) },
      { name: "Window", number: true, cell: cellText((row) => (row.window_s ? `${row.window_s} s` : NOTHING)) },
      { name: "Newest final window ended", cell: cellWhen((row) => row.newest_end) },
      { name: "Age", number: true, cell: cellText((row) => (row.newest_end ? age(now() - row.newest_end) : NOTHING)) },
      { name: "Rate", number: true, cell: cellText((row) => (row.rate == null ? NOTHING : `${plain(row.rate)}/s`)) },
      { name: "Lag", number: true, cell: cellText((row) => (row.lag == null ? NOTHING : integer(row.lag))) },
    ],
  });
  const partitions = new Table({
    caption: "Partitions", key: (row) => row._id, empty: "No partition has reported yet.",
    columns: [
      { name: "Pipeline", cell: cellText((row) => LABELS[row.pipeline] ?? row.pipeline) },
      { name: "Topic", cell: cellText((row) => row.topic) },
      { name: "Partition", number: true, cell: cellNumber((row) => row.partition) },
      { name: "State", cell: (row, td) => {
        const silent = row.state !== "ended" && now() - row.updated_at > SILENT_MS;
        const tag = td.firstElementChild ?? td.appendChild(h("span"));
        tag.className = `tag ${silent ? "silent" : row.state}`;
        text(tag, silent ? "silent" : row.state);
      } },
      { name: "Read", number: true, cell: cellNumber((row) => row.read) },
      { name: "Rejected", number: true, cell: cellNumber((row) => row.rejected) },
      { name: "Late", number: true, cell: cellNumber((row) => row.late) },
      { name: "Lag", number: true, cell: cellNumber((row) => row.lag) },
      { name: "Watermark", cell: cellWhen((row) => row.watermark) },
      { name: "Reported", number: true, cell: cellText((row) => `${age(now() - row.updated_at)} ago`) },
    ],
  });
  const stores = new Table({
    caption: "Stores", key: (row) => `${row.holds}\n${row.name}`, empty: "Asking…",
    columns: [
      { name: "Store", cell: cellText((row) => row.name) },
      { name: "Holds", cell: cellText((row) => row.holds) },
      { name: "State", cell: (row, td) => {
        const tag = td.firstElementChild ?? td.appendChild(h("span"));
        tag.className = `tag ${row.trouble ? "silent" : "live"}`;
        text(tag, row.trouble ?? "answers");
      } },
    ],
  });
  const metrics = new Table({
    caption: "Newest value of each metric", key: (row) => row._id, empty: "None yet.",
    columns: [
      { name: "Metric", cell: cellText((row) => row._id) },
      { name: "Value", number: true, cell: cellText((row) => (typeof row.value === "number" ? plain(row.value) : String(row.value))) },
      { name: "Window", cell: cellWhen((row) => row.timestamp) },
    ],
  });
  const reasons = new Bars({ label: "Rejected records by reason", empty: "Nothing has been rejected." });
  const letters = h("div", { class: "letters" });
  const lettersNote = h("p", { class: "aside", role: "status" });
  const panels = [
    new Panel("Pipelines", { wide: true }, pipelines.element),
    new Panel("Stores", { half: true }, stores.element),
    new Panel("Rejected, by reason", { half: true, note: "since the beginning" }, reasons.element),
    new Panel("Dead letters", { wide: true, note: "the newest, read from Kafka every 15 s" }, lettersNote, letters),
    new Panel("Partitions", { wide: true }, partitions.element),
    new Panel("Metrics", { wide: true }, h("details", {}, h("summary", {}, "Newest value of each metric"), metrics.element)),
  ];

  function drawLetters(found) {
    if (!found || !("topics" in found)) {
      text(lettersNote, "Reading…");
      return;
    }
    const filled = found.topics.filter((one) => one.records);
    text(lettersNote, found.trouble ? `They cannot be read: ${found.trouble}`
      : filled.length ? "" : "The topics of dead letters are empty.");
    letters.replaceChildren(...filled.map((one) => {
      const all = Object.entries(one.by_reason).map(([name, count]) => `${name} ${integer(count)}`).join(", ");
      return h("div", {}, h("h3", {}, one.topic), h("p", { class: "aside" },
        `Of the newest ${integer(one.records)}, from `, setWhen(h("time"), Date.parse(one.oldest)), ` on: ${all}.`),
      h("ul", { class: "samples" }, ...one.samples.map((sample) => h("li", {},
        h("p", {}, h("span", { class: "tag reason" }, sample.reason ?? "unknown"),
          ` ${sample.message ?? ""} `, h("span", { class: "place" }, `partition ${sample.partition ?? NOTHING}, offset ${sample.offset ?? NOTHING}, key ${sample.key ?? NOTHING}`)),
        h("code", {}, sample.value ?? "no value")))));
    }));
  }

  return {
    title: "Health",
    panels,
    element: h("div", { class: "grid" }, ...panels.map((panel) => panel.element)),
    update(sections, changed) {
      page = sections.page ?? page;
      const found = sections.health;
      if (page && found) {
        pipelines.update(page.pipelines.map((info) => {
          const of = found.partitions.filter((one) => one.pipeline === info.name);
          return { ...info, rate: of.length ? found.rates[of[0].topic] : null,
            lag: of.length ? of.reduce((sum, one) => sum + one.lag, 0) : null };
        }));
      }
      if (found && changed.has("health")) {
        partitions.update(found.partitions);
        stores.update(found.stores);
        metrics.update(found.metrics);
        const sums = {};
        for (const of of Object.values(found.rejected_by_topic)) {
          for (const [name, count] of Object.entries(of)) sums[name] = (sums[name] ?? 0) + count;
        }
        reasons.update(entries(sums));
      }
      if (changed.has("letters")) drawLetters(sections.letters);
    },
  };
}
