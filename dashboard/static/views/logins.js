// Logins: how many, from what and from where; and the processed ones with what is odd about them.

import { Chart, timesOf } from "../chart.js";
import { h } from "../dom.js";
import { integer, percent, setWhen, time } from "../format.js";
import { Bars, cellNumber, cellText, entries, Figure, Panel, seriesOf, Table } from "../parts.js";

export default function logins() {
  const figures = {
    total: new Figure("Logins", { test: "logins-total" }),
    unique_devices: new Figure("Unique devices"),
    unique_ips: new Figure("Unique addresses"),
  };
  const window_ = h("p", { class: "window" });
  const devices = new Chart({ title: "Logins by device type", form: integer, height: 240 });
  const locales = new Bars({ label: "Logins by locale", share: true });
  const versions = new Table({
    caption: "Versions of the app", key: (row) => `${row.device_type}\n${row.app_version}`, empty: "None in this window.",
    columns: [
      { name: "Device", cell: cellText((row) => row.device_type) },
      { name: "Version", cell: cellText((row) => row.app_version) },
      { name: "Logins", number: true, cell: cellNumber((row) => row.count) },
    ],
  });
  const ips = new Bars({ label: "Frequent addresses" });
  const processed = {
    total: new Figure("Processed"),
    anomalies: new Figure("Anomalies"),
  };
  const anomalies = new Chart({ title: "Anomalies per window", columns: true, form: integer, legend: false, height: 190 });
  const categories = new Bars({ label: "By category", share: true });
  const appVersions = new Bars({ label: "By version of the app", share: true });
  const of = { pipeline: "logins" }, done = { pipeline: "processed_logins" };
  const panels = [
    new Panel("Newest window of logins", { ...of, wide: true }, window_, h("dl", { class: "figures" }, ...Object.values(figures).map((one) => one.element))),
    new Panel("By device type", { ...of, wide: true, slim: true }, devices.element),
    new Panel("By locale", { ...of, note: "newest window" }, locales.element),
    new Panel("Versions", { ...of, note: "newest window" }, versions.element),
    new Panel("Frequent addresses", { ...of, note: "newest window" }, ips.element),
    new Panel("Processed logins", { ...done, wide: true, note: "newest window" },
      h("div", { class: "halves" }, h("dl", { class: "figures two" }, ...Object.values(processed).map((one) => one.element)), anomalies.element)),
    new Panel("Processed, by category", { ...done, note: "newest window" }, categories.element),
    new Panel("Processed, by version", { ...done, note: "newest window" }, appVersions.element),
  ];
  const coloured = (list) => list.map((one, i) => ({ ...one, colour: i }));

  return {
    title: "Logins",
    panels,
    element: h("div", { class: "grid" }, ...panels.map((panel) => panel.element)),
    update(sections, changed) {
      const found = changed.has("logins") && sections.logins;
      if (found?.newest) {
        for (const [name, figure] of Object.entries(figures)) figure.update(found.newest[name], found[name].slice(-60));
        window_.replaceChildren("from ", setWhen(h("time"), found.newest.timestamp, time), " to ", setWhen(h("time"), found.newest.window_end, time));
        devices.update({ times: timesOf(found.axis), series: seriesOf(found.by_device_type) });
        locales.update(entries(found.newest.by_locale).slice(0, 12));
        versions.update((found.newest.app_versions ?? []).slice(0, 8));
        ips.update((found.newest.frequent_ips ?? []).map((one) => ({ name: one.ip, value: one.count })));
      }
      const odd = changed.has("processed_logins") && sections.processed_logins;
      if (odd?.newest) {
        processed.total.update(odd.newest.total, odd.total.slice(-60));
        processed.anomalies.update(odd.newest.anomalies, odd.anomalies.slice(-60), percent(odd.newest.anomalies / Math.max(1, odd.newest.total)));
        anomalies.update({ times: timesOf(odd.axis), series: [{ name: "anomalies", values: odd.anomalies, colour: 4 }] });
        categories.update(coloured(entries(odd.newest.by_category)));
        appVersions.update(entries(odd.newest.by_app_version).slice(0, 12));
      }
    },
  };
}
