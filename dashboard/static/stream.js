// The stream of a view: server-sent events, each with the sections that have changed.

const SILENT_MS = 10000;

export class Stream {
  constructor(onchange) {
    this.sections = {};
    this.connected = false;
    this.everConnected = false;
    this.skew = 0;
    this.heard = 0;
    this.view = null;
    this.source = null;
    this.onchange = onchange;
    // A hidden page needs nothing, and a browser has six connections to a server for all its tabs.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.close();
      else this.open(this.view);
    });
    window.addEventListener("pagehide", () => this.close());
    window.addEventListener("pageshow", (event) => event.persisted && this.open(this.view));
    setInterval(() => this.check(), 1000);
  }

  // Milliseconds since the epoch by the server's clock: ages do not depend on the reader's.
  now() {
    return Date.now() + this.skew;
  }

  open(view) {
    this.close();
    this.view = view;
    if (document.hidden || !view) return;
    this.heard = Date.now();
    this.source = new EventSource(`/events/${view}`);
    this.source.onmessage = (event) => this.take(JSON.parse(event.data));
    this.source.onerror = () => this.lost();
  }

  close() {
    this.source?.close();
    this.source = null;
  }

  take({ at, sections }) {
    this.heard = Date.now();
    this.skew = at - Date.now();
    this.connected = this.everConnected = true;
    Object.assign(this.sections, sections);
    this.onchange(Object.keys(sections));
  }

  lost() {
    this.connected = false;
    // A server that answers with an error ends the source for good; one that is gone does not.
    if (this.source?.readyState === EventSource.CLOSED) {
      const view = this.view;
      this.close();
      setTimeout(() => this.source === null && this.view === view && this.open(view), 3000);
    }
    this.onchange([]);
  }

  check() {
    const limit = SILENT_MS + 3000 * (this.sections.page?.refresh_s ?? 2);
    if (this.source && this.connected && Date.now() - this.heard > limit) {
      this.lost();
      this.open(this.view);
    }
  }
}
