// Interactions: averages, extremes, types, hours, purchases, funnel, and any single user or item.

import { Chart, timesOf } from "../chart.js";
import { h, text } from "../dom.js";
import { compact, decimal, hour, integer, length, NOTHING, percent, plain, setNumber, setWhen } from "../format.js";
import { Bars, entries, Figure, Panel, seriesOf } from "../parts.js";
import { lookup } from "./lookup.js";

export default function interactions(context) {
  const average = new Chart({ title: "Interactions per user", note: "average of each window", form: decimal, zero: false, legend: false, height: 230 });
  const extremes = new Chart({ title: "Interactions per item", note: "the busiest and the quietest of each window", form: integer, height: 230 });
  const most = h("p", { class: "aside" });
  const types = new Chart({ title: "Interactions by type", form: integer, height: 230 });
  const shares = new Bars({ label: "Share of each type in the newest window", share: true });
  const topUsers = new Bars({ label: "Users with the most interactions", form: integer });
  const topItems = new Bars({ label: "Items with the most interactions", form: integer });
  const single = lookup(context);
  const profile = new Chart({ title: "Interactions per second by hour of day", note: "mean of the last seven days", x: "hour", form: plain, height: 230, zero: true });
  const profileNote = h("p", { class: "aside" });
  const thisHour = {
    total: new Figure("Interactions so far", { spark: false }),
    before: new Figure("The whole hour before", { spark: false }),
    day: new Figure("The same hour a day ago", { spark: false }),
    purchases: new Figure("Purchases so far", { spark: false }),
  };
  const hourName = h("p", { class: "window" });
  const purchases = new Chart({ title: "Purchases per hour", note: "the last 24 hours", columns: true, form: integer, legend: false, height: 190 });
  const spent = new Figure("Amount", { form: decimal });
  const bought = new Figure("Purchases");
  const funnel = h("ol", { class: "funnel", "aria-label": "Funnel" });
  const funnelNote = h("p", { class: "aside" });
  const sessions = {
    sessions: new Figure("Sessions that ended"),
    mean_length_s: new Figure("Mean length", { form: length }),
    events_per_session: new Figure("Events per session", { form: decimal }),
  };
  const of = (name) => ({ pipeline: name });
  const panels = [
    new Panel("Average per user", { ...of("interactions"), wide: true, slim: true }, average.element),
    new Panel("Single users and items", { ...of("interactions"), wide: true }, single.element),
    new Panel("Most active users", { ...of("interactions"), note: "total since the beginning" }, topUsers.element),
    new Panel("Most used items", { ...of("interactions"), note: "total since the beginning" }, topItems.element),
    new Panel("Types", { ...of("interactions"), note: "newest window" }, shares.element),
    new Panel("Types over time", { ...of("interactions"), half: true, slim: true }, types.element),
    new Panel("Maximum and minimum", { ...of("interactions"), half: true, slim: true }, extremes.element, most),
    new Panel("Weekday against weekend", { ...of("interactions"), half: true, slim: true }, profile.element, profileNote),
    new Panel("Purchases", { ...of("interactions"), half: true, slim: true }, purchases.element),
    new Panel("This hour", { ...of("interactions"), half: true }, hourName, h("dl", { class: "figures two" }, ...Object.values(thisHour).map((one) => one.element))),
    new Panel("Funnel", { ...of("funnel"), half: true }, funnel, funnelNote),
    new Panel("Purchases in activity", { ...of("activity"), half: true, note: "newest window" }, h("dl", { class: "figures two" }, bought.element, spent.element)),
    new Panel("Sessions", { ...of("sessions"), half: true, note: "newest window" }, h("dl", { class: "figures two" }, ...Object.values(sessions).map((one) => one.element))),
  ];

  function drawHours(found) {
    const names = { weekday: "weekdays", weekend: "weekends" };
    profile.update({
      times: Array.from({ length: 24 }, (_, i) => i),
      series: Object.entries(found.profile).map(([kind, values]) => ({ name: names[kind], values })),
    });
    text(profileNote, `Hours of ${found.zone}. ${integer(found.days.weekday)} hours of weekdays and ${integer(found.days.weekend)} of weekends have events${found.complete ? "" : "; still adding up"}.`);
    const now = found.this;
    thisHour.total.update(now?.total);
    thisHour.purchases.update(now ? (now.by_type.purchase ?? 0) : null);
    const against = (value) => (now && value ? `this hour has ${percent(now.total / value)} of it` : "");
    thisHour.before.update(found.hour_before, null, against(found.hour_before));
    thisHour.day.update(found.day_before, null, against(found.day_before));
    if (now) hourName.replaceChildren("since ", setWhen(h("time"), now.start, hour), ` in ${integer(now.windows)} windows`);
    const hours = found.purchases;
    const times = [], values = [];
    for (let at = hours[0]?.[0]; hours.length && at <= hours[hours.length - 1][0]; at += 3600000) {
      times.push(at);
      values.push(hours.find((one) => one[0] === at)?.[1] ?? 0);
    }
    purchases.update({ times, series: [{ name: "purchases", values, colour: 1 }], until: times.length ? times[times.length - 1] + 3600000 : null });
  }

  function drawFunnel(found) {
    const steps = found.newest?.steps ?? [];
    const first = steps[0]?.users || 1;
    funnel.replaceChildren(...steps.map((step, i) => {
      const bar = h("span", { class: "bar b0" });
      bar.style.width = `${Math.max(0.5, (100 * (step.users ?? 0)) / first)}%`;
      const before = steps[i - 1]?.users;
      return h("li", {}, h("span", { class: "name" }, step.name ?? NOTHING),
        h("span", { class: "track", "aria-hidden": "true" }, bar),
        h("span", { class: "amount" }, setNumber(h("data"), step.users), h("span", { class: "share" }, i && before ? percent(step.users / before) : "users")));
    }));
    text(funnelNote, steps.length ? `Users of the newest window that got so far, and what share of the step before. ${found.sums.map((one) => `${one.name} ${compact(one.events)}`).join(", ")} events in the last ${integer(found.windows)} windows.` : "");
  }

  return {
    title: "Interactions",
    panels,
    element: h("div", { class: "grid" }, ...panels.map((panel) => panel.element)),
    route: single.route,
    update(sections, changed, nowMs) {
      const found = changed.has("interactions") && sections.interactions;
      if (found?.newest) {
        const times = timesOf(found.axis);
        average.update({ times, series: [{ name: "average per user", values: found.avg_per_user }] });
        extremes.update({ times, series: [{ name: "maximum", values: found.max_item }, { name: "minimum", values: found.min_item }] });
        types.update({ times, series: seriesOf(found.by_type) });
        const sum = found.newest.total || 1;
        shares.update(entries(found.newest.by_type).map((one, i) => ({ ...one, colour: i, share: one.value / sum })));
        const { max_item: top, min_item: bottom } = found.newest;
        const said = (one) => (one ? `${one.item_id} with ${integer(one.count)}` : NOTHING);
        text(most, `Newest window: busiest ${said(top)}, quietest ${said(bottom)}.`);
      }
      if (changed.has("leaders") && sections.leaders) {
        const bars = (list) => list.map((one) => ({ name: one._id, value: one.total }));
        topUsers.update(bars(sections.leaders.users), (id) => single.choose("user", id));
        topItems.update(bars(sections.leaders.items), (id) => single.choose("item", id));
      }
      if (changed.has("hours") && sections.hours) drawHours(sections.hours);
      if (changed.has("funnel") && sections.funnel) drawFunnel(sections.funnel);
      const seen = changed.has("sessions") && sections.sessions;
      if (seen?.newest) {
        for (const [name, figure] of Object.entries(sessions)) figure.update(seen.newest[name], seen[name].slice(-60));
      }
      const activity = changed.has("activity") && sections.activity;
      if (activity?.newest) {
        spent.update(activity.newest.purchase_amount, activity.purchase_amount.slice(-60));
        bought.update(activity.newest.by_activity_type?.purchase ?? 0, activity.by_activity_type.purchase?.slice(-60));
      }
      single.update(nowMs);
    },
  };
}

