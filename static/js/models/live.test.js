import assert from "node:assert/strict";
import { test } from "node:test";
import { Live } from "#js/models/live.js";

/** A connection that says hello and keeps what it was told. */
class Socket {
  readyState = 1;
  sent = [];
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close(code = 1000) {
    this.readyState = 3;
    queueMicrotask(() => this.onclose?.({ code }));
  }
  tell(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

function followed() {
  const sockets = [];
  const live = new Live({ open: () => (sockets.push(new Socket()), sockets.at(-1)) });
  const heard = { points: [], changed: [] };
  const stop = live.subscribe("r1", ["loss"], {
    onPoints: (groups) => heard.points.push(groups[0].step[0]),
    onChanged: (news) => heard.changed.push(news),
  });
  return { live, sockets, heard, stop };
}

const points = (seq, stream = 0) => ({
  type: "points", run: "r1", stream, seq, version: `${seq + 1}-0`,
  groups: [{ step: [seq], time: [0], columns: [{ metric: "loss", kind: "f64", values: [1] }] }],
});
const soon = (ms = 5) => new Promise((done) => setTimeout(done, ms));

async function subscribed() {
  const all = followed();
  const [socket] = all.sockets;
  socket.tell({ type: "hello", protocol: 1 });
  await soon();
  socket.tell({ type: "subscribed", run: "r1", ref: 1, version: "3-0", state: "running", streams: { 0: 3 } });
  return { ...all, socket };
}

test("it subscribes once it is greeted, and rests when nobody listens", async () => {
  const { socket, stop } = await subscribed();
  assert.deepEqual(socket.sent[0], { type: "subscribe_run", run: "r1", metrics: ["loss"], ref: 1 });
  stop();
  assert.equal(socket.readyState, 3);
});

test("batches are told once, in order, and known ones not again", async () => {
  const { socket, heard, stop } = await subscribed();
  for (const seq of [2, 3, 3, 5, 4]) socket.tell(points(seq));
  assert.deepEqual(heard.points, [3, 4, 5]);
  stop();
});

test("a gap that is not filled is read again, and what follows is told", async () => {
  const { socket, heard, stop } = await subscribed();
  socket.tell(points(5));
  await soon(300);
  assert.deepEqual(heard.changed.at(-1), { version: "6-0", mustRead: true });
  socket.tell(points(6));
  assert.deepEqual(heard.points, [6]);
  stop();
});

test("a lost connection is said and heals by itself", async () => {
  const { live, sockets, socket, stop } = await subscribed();
  const lost = new Promise((done) => live.addEventListener("lost", ({ detail }) => done(detail)));
  socket.close(1006);
  assert.equal((await lost).isSignedOut, false);
  assert.ok(live.isLost);
  await soon(700);
  assert.equal(sockets.length, 2);
  sockets[1].tell({ type: "hello" });
  await soon();
  assert.equal(sockets[1].sent[0].type, "subscribe_run");
  assert.equal(live.isLost, false);
  stop();
});

test("whoever is signed out does not try again", async () => {
  const { live, sockets, socket, stop } = await subscribed();
  const lost = new Promise((done) => live.addEventListener("lost", ({ detail }) => done(detail)));
  socket.close(4401);
  assert.deepEqual(await lost, { isSignedOut: true, retryMs: null });
  await soon(700);
  assert.equal(sockets.length, 1);
  stop();
});
