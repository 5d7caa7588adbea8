/**
 * `<command-palette>`: Ctrl/Cmd+K. Projects and runs by name, pages, and acts; what was opened last comes first.
 *
 * context: where one is, `{team, project, projectId, person}`, each may be empty. pages, acts: entries the page knows.
 * recent: a `Recent`. `show()` opens it.
 */

import { LitElement, html, nothing, repeat } from "lit";
import { getJSON } from "#js/lib/api.js";
import { runColour } from "#js/lib/colour.js";
import { icon } from "#js/lib/icon.js";
import { ranked } from "#js/lib/rank.js";
import { at } from "#js/lib/site.js";

/** @typedef {{id: string, icon: string, label: string, hint?: string, href?: string, run?: () => void, colour?: string}} Entry */

const ASK_AFTER_MS = 120;
const MOST_OF_A_KIND = 6;
const RUN_ID = /^[0-9a-hjkmnp-tv-z]{26}$/;

class CommandPalette extends LitElement {
  #typed = "";
  /** The entry one has moved to, which stays the current one while others come; none is the first. */
  #at = null;
  #isOpen = false;
  /** What the server found, for which text; it stays until the next answer is there. */
  #found = { projects: [], runs: [] };
  #isLost = false;
  #timer;
  #asking;

  context = {};
  /** @type {Entry[]} */
  pages = [];
  /** @type {Entry[]} */
  acts = [];
  recent;

  createRenderRoot() {
    return this;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  async show() {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#typed = "";
    this.#at = null;
    this.#ask();
    this.requestUpdate();
    await this.updateComplete;
    this.querySelector("dialog").showModal();
  }

  render() {
    if (!this.#isOpen) return nothing;
    const groups = this.#groups();
    const entries = groups.flatMap((group) => group.entries);
    const current = this.#current(entries);
    return html`<dialog class="palette" aria-label="Search or jump to" @close=${this.#closed} @click=${this.#outside}>
      <div class="palette-field">
        ${icon("search")}
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-autocomplete="list"
          aria-controls="palette-list"
          aria-activedescendant=${current ? optionId(current) : nothing}
          aria-label="Search projects, runs and pages"
          placeholder=${this.context.projectId ? "Search projects, runs of this project, pages" : "Search projects and pages"}
          autocomplete="off"
          spellcheck="false"
          autofocus
          .value=${this.#typed}
          @input=${this.#input}
          @keydown=${this.#key}
        />
        <kbd>Esc</kbd>
      </div>
      <div class="palette-list" id="palette-list" role="listbox" aria-label="Found">
        ${groups.map((group) => this.#group(group, current))}
        ${entries.length ? nothing : this.#nothing()}
      </div>
      <footer class="palette-foot" aria-hidden="true">
        <span><kbd>↑</kbd><kbd>↓</kbd> move</span><span><kbd>↵</kbd> open</span>
        <span class="grow"></span><span><kbd>?</kbd> all keys</span>
      </footer>
    </dialog>`;
  }

  #group(group, current) {
    return html`<div role="group" aria-label=${group.title}>
      <p class="over">${group.title}</p>
      ${repeat(group.entries, (entry) => entry.id, (entry) => this.#option(entry, entry === current))}
    </div>`;
  }

  #option(entry, isCurrent) {
    const inside = html`${entry.colour ? html`<i class="swatch" .style=${`--c: ${entry.colour}`}></i>` : icon(entry.icon, "icon-s")}
      <span class="cut">${entry.label}</span>${entry.hint ? html`<span class="cut hint-end">${entry.hint}</span>` : nothing}`;
    const css = `menu-item ${isCurrent ? "at" : ""}`;
    const point = () => this.#move(entry);
    return entry.href
      ? html`<a class=${css} id=${optionId(entry)} role="option" tabindex="-1" aria-selected=${isCurrent} href=${entry.href}
          @pointermove=${point} @click=${this.#follow}>${inside}</a>`
      : html`<button class=${css} id=${optionId(entry)} role="option" tabindex="-1" aria-selected=${isCurrent} type="button"
          @pointermove=${point} @click=${() => this.#do(entry)}>${inside}</button>`;
  }

  #nothing() {
    return html`<p class="palette-none">
      ${this.#isLost ? "The server cannot be reached; pages and actions still work." : html`Nothing is called “${this.#typed}”.`}
    </p>`;
  }

  /** @returns {{title: string, entries: Entry[]}[]} without empty ones; no address twice */
  #groups() {
    const typed = this.#typed.trim();
    const wanted = [
      { title: "Recent", entries: this.#recents(typed) },
      { title: "Runs of this project", entries: this.#found.runs },
      { title: "Projects", entries: this.#found.projects },
      { title: "Pages", entries: ranked(typed, this.pages, words) },
      { title: "Actions", entries: ranked(typed, this.acts, words) },
    ];
    if (RUN_ID.test(typed)) {
      const entry = { id: `id-${typed}`, icon: "arrow-right", label: `Open run ${typed}`, href: at(`/runs/${typed}`) };
      wanted.unshift({ title: "Id", entries: [entry] });
    }
    const seen = new Set([location.pathname]);
    return wanted
      .map(({ title, entries }) => ({ title, entries: entries.filter((entry) => isNew(entry, seen)) }))
      .filter(({ entries }) => entries.length);
  }

  #recents(typed) {
    const places = this.recent.list().map((place) => ({
      id: `recent-${place.href}`,
      icon: place.kind === "run" ? "play" : "chart",
      ...place,
    }));
    return ranked(typed, places, words).slice(0, MOST_OF_A_KIND);
  }

  #ask() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fetch(), this.#typed ? ASK_AFTER_MS : 0);
  }

  async #fetch() {
    this.#asking?.abort();
    this.#asking = new AbortController();
    const options = { signal: this.#asking.signal };
    const typed = this.#typed.trim();
    const { projectId } = this.context;
    try {
      const [projects, runs] = await Promise.all([
        getJSON(`/projects?${new URLSearchParams({ limit: MOST_OF_A_KIND, ...(typed && { q: typed }) })}`, options),
        projectId && typed ? getJSON(`/projects/${projectId}/runs?${runsCalled(typed)}`, options) : { items: [] },
      ]);
      this.#found = { projects: projects.items.map(projectEntry), runs: runs.items.map((run) => this.#runEntry(run)) };
      this.#isLost = false;
    } catch (failure) {
      if (failure.name === "AbortError") return;
      this.#found = { projects: [], runs: [] };
      this.#isLost = true;
    }
    this.requestUpdate();
  }

  #runEntry(run) {
    const { team, project } = this.context;
    return {
      id: `run-${run.id}`,
      icon: "play",
      label: run.name,
      hint: run.state,
      colour: runColour(run.id),
      href: at(`/${team}/${project}/runs/${run.id}`),
    };
  }

  #input = (event) => {
    this.#typed = event.target.value;
    this.#at = null;
    this.#ask();
    this.requestUpdate();
  };

  #key = (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      event.preventDefault();
      const entries = this.#groups().flatMap((group) => group.entries);
      const index = entries.indexOf(this.#current(entries)) + steps[event.key];
      this.#at = entries.at(index % entries.length || 0)?.id ?? null;
      this.requestUpdate();
      this.updateComplete.then(() => this.querySelector(".menu-item.at")?.scrollIntoView({ block: "nearest" }));
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      const option = this.querySelector(".menu-item.at");
      if (option?.href && (event.ctrlKey || event.metaKey)) open(option.href, "_blank", "noopener");
      else option?.click();
    }
  };

  #move(entry) {
    if (this.#at === entry.id) return;
    this.#at = entry.id;
    this.requestUpdate();
  }

  #current(entries) {
    return entries.find((entry) => entry.id === this.#at) ?? entries[0];
  }

  #do(entry) {
    this.querySelector("dialog").close();
    entry.run();
  }

  /** A link followed in this tab closes the palette; a new tab leaves it. */
  #follow = (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) this.querySelector("dialog").close();
  };

  #closed = () => {
    this.#isOpen = false;
    this.#asking?.abort();
    clearTimeout(this.#timer);
    this.requestUpdate();
  };

  #outside = (event) => {
    if (event.target === event.currentTarget) event.currentTarget.close();
  };
}

const words = (entry) => `${entry.label} ${entry.hint ?? ""}`;
const optionId = (entry) => `palette-${entry.id}`;

function isNew(entry, seen) {
  if (!entry.href) return true;
  const { pathname } = new URL(entry.href, location.href);
  if (seen.has(pathname)) return false;
  seen.add(pathname);
  return true;
}

const projectEntry = (project) => ({
  id: `project-${project.id}`,
  icon: "chart",
  label: project.name,
  hint: project.team,
  href: at(`/${project.team}/${project.slug}`),
});

const runsCalled = (typed) =>
  new URLSearchParams({
    q: `name contains ${JSON.stringify(typed)}`,
    sort: "-created",
    field: "created",
    limit: MOST_OF_A_KIND,
  });

customElements.define("command-palette", CommandPalette);
