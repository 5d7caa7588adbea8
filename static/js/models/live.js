/**
 * One websocket for the page (docs/reference/live.md). What arrives is a hint: batches are put in order by stream
 * and number, and whoever listens is told to read again where one is missing.
 */

import { at } from "#js/lib/site.js";

const GAP_MS = 250;
const PING_MS = 20_000;
const SILENT_MS = 30_000;
const LONGEST_WAIT_MS = 15_000;
/** Of the server: 50 messages a second, bursts of 200. */
const BURST = 150;
const A_SECOND = 40;
const SIGNED_OUT = 4401;
const GOING_AWAY = 1001;

/**
 * @typedef {{metric: string, kind: string, values: (number | boolean | string)[]}} Column
 * @typedef {{step: number[], time: number[], columns: Column[]}} Group
 * @typedef {{onPoints: (groups: Group[]) => void, onChanged: (news: {version: string, mustRead: boolean}) => void}} Listener
 *   onChanged: read again what you show; if `mustRead` is false only where what you hold is of an older version
 */

/** Events: "open"; "lost" with {isSignedOut, retryMs}; "run" with {run, state, version}; "records" with {run, kinds}. */
export class Live extends EventTarget {
  #open;
  #socket = null;
  #runs = new Map();
  #projects = new Map();
  #refs = new Map();
  #nextRef = 1;
  #failures = 0;
  #retry = 0;
  #pinger = 0;
  #heardAt = 0;
  #outbox = new Map();
  #allowance = BURST;
  #allowedAt = 0;
  #sender = 0;
  #isLost = false;

  /** @param {{open?: () => WebSocket}} [options] open: makes the connection */
  constructor({ open = connect } = {}) {
    super();
    this.#open = open;
  }

  get isOpen() {
    return this.#socket?.readyState === 1;
  }

  /** Every run that is followed has been answered: what it logs from now on is heard. */
  get isSettled() {
    return this.isOpen && [...this.#runs.values()].every(({ streams }) => streams !== null);
  }

  /** The connection was there and is not, or was never reached. */
  get isLost() {
    return this.#isLost;
  }

  /**
   * Hear of a run's points.
   * @param {string} run
   * @param {string[]} metrics
   * @param {Listener} listener
   * @returns {() => void} ends it
   */
  subscribe(run, metrics, listener) {
    let followed = this.#runs.get(run);
    if (!followed) {
      followed = { listeners: new Map(), streams: null, held: [], gap: 0 };
      this.#runs.set(run, followed);
    }
    const key = Symbol(run);
    followed.listeners.set(key, { ...listener, metrics });
    this.#want(`run ${run}`, () => this.#runMessage(run));
    return () => {
      if (!followed.listeners.delete(key)) return;
      if (!followed.listeners.size) {
        clearTimeout(followed.gap);
        this.#runs.delete(run);
      }
      this.#want(`run ${run}`, () => this.#runMessage(run));
      this.#restIfIdle();
    };
  }

  /**
   * Hear, as "run" events, which runs of a project have news.
   * @param {string} project
   * @returns {() => void} ends it
   */
  follow(project) {
    this.#projects.set(project, (this.#projects.get(project) ?? 0) + 1);
    this.#want(`project ${project}`, () => this.#projectMessage(project));
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = this.#projects.get(project) - 1;
      if (left) this.#projects.set(project, left);
      else this.#projects.delete(project);
      this.#want(`project ${project}`, () => this.#projectMessage(project));
      this.#restIfIdle();
    };
  }

  // --- the connection ---------------------------------------------------------------------------

  #connect() {
    clearTimeout(this.#retry);
    const socket = (this.#socket = this.#open());
    this.#heardAt = Date.now();
    socket.onmessage = ({ data }) => {
      this.#heardAt = Date.now();
      this.#hear(JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#lose(code);
    };
    clearInterval(this.#pinger);
    this.#pinger = setInterval(() => this.#ping(), PING_MS);
  }

  #begin() {
    this.#failures = 0;
    this.#isLost = false;
    this.#outbox.clear();
    for (const run of this.#runs.keys()) this.#want(`run ${run}`, () => this.#runMessage(run));
    for (const project of this.#projects.keys()) this.#want(`project ${project}`, () => this.#projectMessage(project));
    this.dispatchEvent(new CustomEvent("open"));
  }

  #lose(code) {
    this.#socket = null;
    clearInterval(this.#pinger);
    clearTimeout(this.#sender);
    this.#sender = 0;
    this.#refs.clear();
    for (const followed of this.#runs.values()) {
      clearTimeout(followed.gap);
      Object.assign(followed, { streams: null, held: [], gap: 0 });
    }
    const isSignedOut = code === SIGNED_OUT;
    if (!isSignedOut && !this.#runs.size && !this.#projects.size) return;
    this.#isLost = true;
    const most = code === GOING_AWAY ? 3000 : Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.#failures++);
    const retryMs = isSignedOut ? null : Math.round(most * (0.5 + Math.random() / 2));
    if (!isSignedOut) this.#retry = setTimeout(() => this.#connect(), retryMs);
    this.dispatchEvent(new CustomEvent("lost", { detail: { isSignedOut, retryMs } }));
  }

  #ping() {
    if (Date.now() - this.#heardAt > SILENT_MS + PING_MS) {
      const { onclose } = this.#socket;
      this.#socket.onclose = null;
      this.#socket.close();
      onclose({ code: 1006 });
    } else if (this.isOpen) this.#socket.send('{"type":"ping"}');
  }

  #restIfIdle() {
    if (this.#runs.size || this.#projects.size) return;
    clearTimeout(this.#retry);
    clearInterval(this.#pinger);
    this.#isLost = false;
    // Whoever comes before this one is closed opens another.
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  // --- what is said -----------------------------------------------------------------------------

  /** Say something soon; what is said twice of the same run is said once, as it is when it is sent. */
  #want(key, message) {
    this.#outbox.set(key, message);
    if (!this.#socket) {
      if (!this.#isLost && (this.#runs.size || this.#projects.size)) this.#connect();
      return;
    }
    this.#sender ||= setTimeout(() => this.#say(), 0);
  }

  #say() {
    this.#sender = 0;
    if (!this.isOpen) return;
    const now = Date.now();
    this.#allowance = Math.min(BURST, this.#allowance + ((now - this.#allowedAt) / 1000) * A_SECOND);
    this.#allowedAt = now;
    for (const [key, message] of this.#outbox) {
      if (this.#allowance < 1) {
        this.#sender = setTimeout(() => this.#say(), 1000 / A_SECOND);
        return;
      }
      this.#allowance--;
      this.#outbox.delete(key);
      this.#socket.send(JSON.stringify(message()));
    }
  }

  #runMessage(run) {
    const followed = this.#runs.get(run);
    if (!followed) return { type: "unsubscribe_run", run };
    const metrics = [...new Set([...followed.listeners.values()].flatMap((each) => each.metrics))].slice(0, 1000);
    const ref = this.#nextRef++;
    this.#refs.set(ref, run);
    return { type: "subscribe_run", run, metrics, ref };
  }

  #projectMessage(project) {
    return { type: this.#projects.has(project) ? "subscribe_project" : "unsubscribe_project", project };
  }

  // --- what is heard ----------------------------------------------------------------------------

  #hear(message) {
    const { type, run } = message;
    if (type === "hello") this.#begin();
    else if (type === "subscribed" && run) this.#subscribed(message);
    else if (type === "points" || (type === "changed" && message.stream !== undefined)) this.#batch(message);
    else if (type === "changed") this.#readAgain(run, message.version);
    else if (type === "tick") for (const each of message.runs) this.#tell("run", each);
    else if (type === "run") this.#tell("run", { run, state: message.state });
    else if (type === "records") this.#tell("records", message);
    else if (type === "error") this.#refs.delete(message.ref);
  }

  #subscribed({ run, ref, version, state, streams }) {
    this.#refs.delete(ref);
    const followed = this.#runs.get(run);
    if (!followed) return;
    followed.streams = new Map(Object.entries(streams ?? {}).map(([stream, seq]) => [Number(stream), seq]));
    for (const { onChanged } of followed.listeners.values()) onChanged({ version, mustRead: false });
    this.#tell("run", { run, state, version });
  }

  #batch(message) {
    const followed = this.#runs.get(message.run);
    // Before the answer to the subscription nothing is known to be missing; that answer's version tells.
    if (!followed?.streams) return this.#deliver(message);
    const due = followed.streams.get(message.stream) ?? 0;
    if (message.seq < due) return;
    if (message.seq > due) {
      followed.held.push(message);
      followed.gap ||= setTimeout(() => this.#fill(message.run), GAP_MS);
      return;
    }
    followed.streams.set(message.stream, message.seq + 1);
    this.#deliver(message);
    const next = followed.held.find((each) => each.stream === message.stream && each.seq <= message.seq + 1);
    if (next) {
      followed.held.splice(followed.held.indexOf(next), 1);
      this.#batch(next);
    }
    if (!followed.held.length) {
      clearTimeout(followed.gap);
      followed.gap = 0;
    }
  }

  /** What was missing has not come: what is held is known by reading again. */
  #fill(run) {
    const followed = this.#runs.get(run);
    if (!followed) return;
    followed.gap = 0;
    if (!followed.held.length) return;
    const newest = followed.held.at(-1).version;
    for (const { stream, seq } of followed.held)
      followed.streams.set(stream, Math.max(followed.streams.get(stream) ?? 0, seq + 1));
    followed.held = [];
    this.#readAgain(run, newest);
  }

  #deliver(message) {
    if (message.type === "changed") {
      if (message.many !== 0) this.#readAgain(message.run, message.version);
      return;
    }
    if (!message.groups?.length) return;
    for (const { onPoints, metrics } of this.#runs.get(message.run)?.listeners.values() ?? [])
      if (message.groups.some((group) => group.columns.some(({ metric }) => metrics.includes(metric))))
        onPoints(message.groups);
  }

  #readAgain(run, version) {
    for (const { onChanged } of this.#runs.get(run)?.listeners.values() ?? []) onChanged({ version, mustRead: true });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function connect() {
  const address = new URL(at("/live/v1"), location.href);
  address.protocol = address.protocol.replace("http", "ws");
  return new WebSocket(address);
}

export const live = new Live();
