/** `<time-ago datetime="2026-11-23T09:00:00+00:00">2 min ago</time-ago>`: a moment that stays true while one looks. */

import { ago } from "#js/lib/ago.js";

const EVERY_MS = 5000;

/** One clock for all of them, which stands still while there is none. */
const shown = new Set();
let clock = null;

class TimeAgo extends HTMLElement {
  static observedAttributes = ["datetime"];

  connectedCallback() {
    shown.add(this);
    clock ??= setInterval(() => shown.forEach((one) => one.tick()), EVERY_MS);
    this.tick();
  }

  disconnectedCallback() {
    shown.delete(this);
    if (shown.size) return;
    clearInterval(clock);
    clock = null;
  }

  attributeChangedCallback() {
    if (this.isConnected) this.tick();
  }

  tick() {
    const then = Date.parse(this.getAttribute("datetime"));
    if (Number.isNaN(then)) return;
    const words = ago(then, Date.now());
    if (this.textContent !== words) this.textContent = words;
    if (!this.hasAttribute("title")) this.title = new Date(then).toLocaleString();
  }
}

customElements.define("time-ago", TimeAgo);
