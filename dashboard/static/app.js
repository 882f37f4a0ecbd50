// The page: which view is shown, what its stream says, and how things are.

import { attribute, h, text } from "./dom.js";
import { age, integer, moment, setWhen } from "./format.js";
import { condition } from "./parts.js";
import { Stream } from "./stream.js";

const VIEWS = ["now", "interactions", "logins", "commerce", "history", "alerts", "health"];
const MAIN = { logins: "logins", commerce: "sales" };
const NEW_MS = 2 * 60000;
const QUIET_MS = 10 * 60000;

const main = document.getElementById("main");
const trouble = document.getElementById("trouble");
const banner = document.getElementById("banner");
const links = [...document.querySelectorAll(".masthead nav a")];
const made = new Map();
const quiet = new Map();
let current = null;

const stream = new Stream((changed) => update(new Set(changed)));

const context = {
  now: () => stream.now(),
  refreshMs: () => 1000 * (stream.sections.page?.refresh_s ?? 2),
  info: (name) => stream.sections.page?.pipelines.find((one) => one.name === name),
  // What a server answers; what goes wrong comes back as { error }.
  async ask(url) {
    try {
      const answer = await fetch(url, { headers: { accept: "application/json" } });
      if (answer.status === 401) location.reload();
      return await answer.json();
    } catch {
      return { error: "The server of this page does not answer." };
    }
  },
  setRoute(parameters) {
    const [name, query] = location.hash.slice(2).split("?");
    const all = new URLSearchParams(query ?? "");
    for (const [key, value] of Object.entries(parameters)) {
      if (value == null) all.delete(key);
      else all.set(key, value);
    }
    const text = all.toString();
    history.replaceState(null, "", `#/${name || "now"}${text ? `?${text}` : ""}`);
  },
};

async function show() {
  const [name, query] = location.hash.slice(2).split("?");
  const view = VIEWS.includes(name) ? name : "now";
  for (const link of links) {
    attribute(link, "aria-current", link.hash === `#/${view}` ? "page" : null);
  }
  const changedView = current !== view;
  current = view;
  if (!made.has(view)) {
    const { default: make } = await import(`./views/${view}.js`);
    if (!made.has(view)) made.set(view, make(context));
  }
  if (current !== view) return;
  const shown = made.get(view);
  if (main.firstElementChild !== shown.element) {
    main.replaceChildren(h("h1", { class: "quiet" }, shown.title), shown.element);
    document.title = `${shown.title} · Tidemark`;
  }
  shown.route?.(new URLSearchParams(query ?? ""));
  if (changedView || !stream.source) stream.open(view);
  links.find((link) => link.hash === `#/${view}`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  update(new Set(Object.keys(stream.sections)));
}

function update(changed) {
  const view = made.get(current);
  const { page } = stream.sections;
  if (view && page) {
    for (const panel of view.panels) panel.tick(page, stream.now());
    view.update(stream.sections, changed, stream.now());
  }
  drawFrame(page);
}

function drawFrame(page) {
  const pulse = document.getElementById("pulse");
  const words = document.getElementById("pulse-text");
  const now = stream.now();
  if (!stream.connected) {
    pulse.dataset.state = "lost";
    text(words, stream.everConnected ? "no connection to the page's server; trying again" : "connecting");
    document.body.dataset.state = stream.everConnected ? "lost" : "starting";
    return;
  }
  if (!page) return;
  const { store } = page;
  const info = page.pipelines.find((one) => one.name === (MAIN[current] ?? "interactions"));
  const newest = page.pipelines.filter((one) => one.newest_end != null);
  const shownInfo = info?.newest_end != null ? info : newest[0];
  const found = shownInfo ? condition(shownInfo, now) : null;
  const state = !store.reachable ? (store.seen ? "unreachable" : "nothing") : !shownInfo ? "nothing" : found ? "stale" : "live";
  pulse.dataset.state = document.body.dataset.state = state;
  const old = shownInfo ? age(now - shownInfo.newest_end) : "";
  const said = {
    unreachable: "store unreachable",
    nothing: "nothing yet",
    stale: `stale: newest window ${old} old`,
    live: `live, newest window ${old} old`,
  };
  // A screen reader is told when the state changes, not every second.
  attribute(pulse, "aria-live", pulse.dataset.told === state ? "off" : "polite");
  pulse.dataset.told = state;
  text(words, said[state]);
  drawTrouble(state, store);
  drawBanner(page, now);
  const count = document.getElementById("alert-count");
  count.hidden = !page.alerts.open;
  const open = integer(page.alerts.open) + (page.alerts.open >= page.alerts.counted_to ? "+" : "");
  text(count, open);
  attribute(count, "aria-label", `${open} open`);
  text(document.getElementById("source"), `Tidemark ${page.version}, ${store.name}, every ${page.refresh_s} s`);
  text(document.getElementById("zone"), `Times are those of ${Intl.DateTimeFormat().resolvedOptions().timeZone}; UTC on hover`);
}

function drawTrouble(state, store) {
  trouble.hidden = state !== "unreachable" && state !== "nothing";
  if (trouble.hidden) return;
  const since = store.since ?? 0;
  const name = `${state}/${store.trouble}/${since}`;
  if (trouble.dataset.name === name) return;
  trouble.dataset.name = name;
  trouble.className = `trouble ${state}`;
  if (state === "unreachable") {
    trouble.replaceChildren(h("strong", {}, "The store does not answer. "), `${store.trouble}. What you see was read before `,
      setWhen(h("time"), since, moment), ". This page tries again by itself.");
  } else {
    trouble.replaceChildren(h("strong", {}, "Nothing has been stored yet. "), store.reachable
      ? "The store is there. Windows appear here when they are final: start the dataflow with "
      : `${store.trouble}. It appears when the dataflow starts: `,
    h("code", {}, "tidemark run"), "; ", h("code", {}, "tidemark generate"), " sends events.");
  }
}

function drawBanner(page, now) {
  const name = (alert) => `${alert.rule}/${alert.subject}/${alert.began_ms}`;
  const fresh = page.alerts.newest.filter((alert) => now - alert.began_ms < NEW_MS && !(quiet.get(alert.rule) > now));
  banner.hidden = fresh.length === 0;
  const wanted = fresh.map(name).join("\n");
  if (banner.dataset.name === wanted) return;
  banner.dataset.name = wanted;
  if (!fresh.length) return;
  const [first] = fresh;
  banner.replaceChildren(
    h("p", {}, h("strong", {}, `${first.severity || "alert"}: `), first.message || `${first.rule} ${first.subject}`, ", since ", setWhen(h("time"), first.began_ms, moment),
      fresh.length > 1 ? ` and ${fresh.length - 1}${fresh.length < page.alerts.newest.length ? "" : " or"} more` : ""),
    h("a", { class: "button", href: "#/alerts" }, "Alerts"),
    h("button", { type: "button", onclick: () => {
      // Some rules, such as those of stock, find something new all the time.
      fresh.forEach((alert) => quiet.set(alert.rule, stream.now() + QUIET_MS));
      drawBanner(page, stream.now());
    } }, "Quiet for 10 min"));
}

window.addEventListener("hashchange", show);
setInterval(() => {
  const view = made.get(current);
  const { page } = stream.sections;
  if (document.hidden || !page) return;
  if (view) {
    for (const panel of view.panels) panel.tick(page, stream.now());
    view.tick?.(stream.now());
  }
  drawFrame(page);
}, 1000);
show();
