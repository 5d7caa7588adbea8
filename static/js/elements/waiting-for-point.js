/**
 * `<waiting-for-point project="ID" href="/team/project">`: listens to a project that has no run, says what it hears
 * in its `[data-said]`, and goes to `href` when the first point is there.
 */

import { getJSON } from "#js/lib/api.js";
import { live } from "#js/models/live.js";

/** A run was heard of: its point may be read a moment later than it is told of. */
const ASK_AGAIN_MS = 1000;

class WaitingForPoint extends HTMLElement {
  #leave;
  #timer = 0;
  #hasRun = false;
  #abort;

  connectedCallback() {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    live.addEventListener("open", () => this.#opened(), { signal });
    live.addEventListener("lost", ({ detail }) => this.#lost(detail), { signal });
    live.addEventListener("run", () => this.#heard(), { signal });
    this.#leave = live.follow(this.getAttribute("project"));
  }

  disconnectedCallback() {
    this.#abort.abort();
    this.#leave();
    clearTimeout(this.#timer);
  }

  #opened() {
    this.#say(this.#hasRun ? "A run has begun. Waiting for its first point" : "Waiting for the first point");
    const since = new Date().toLocaleTimeString([], { hour12: false });
    this.querySelector("[data-since]").textContent = `listening since ${since}`;
    // What came while nobody listened.
    this.#look();
  }

  #lost({ isSignedOut }) {
    this.#say(isSignedOut ? "You have been signed out. Sign in to go on" : "The connection was lost. Trying again");
    this.querySelector("[data-since]").textContent = "";
  }

  #heard() {
    if (!this.#hasRun) this.#say("A run has begun. Waiting for its first point");
    this.#hasRun = true;
    this.#look();
  }

  async #look() {
    clearTimeout(this.#timer);
    const { signal } = this.#abort;
    const page = await getJSON(`/projects/${this.getAttribute("project")}/metrics`, { signal }).catch(() => null);
    if (signal.aborted) return;
    if (page?.items.length) location.replace(this.getAttribute("href"));
    else if (this.#hasRun) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#look(), ASK_AGAIN_MS);
    }
  }

  #say(words) {
    const said = this.querySelector("[data-said]");
    if (said.textContent !== words) said.textContent = words;
  }
}

customElements.define("waiting-for-point", WaitingForPoint);
