import assert from "node:assert/strict";
import { test } from "node:test";
import { Tiles, askedPixels, lineKey } from "#js/models/tiles.js";

const QUESTION = { runs: ["r1", "r2"], metrics: ["loss"], x: "step", range: null, pixels: 320 };

/** A server that answers one point a series, and keeps what it was asked. */
function server({ version = "3-1" } = {}) {
  const asked = [];
  const post = async (body, { signal, etag }) => {
    asked.push({ body, etag, signal });
    const series = body.runs.flatMap((run) =>
      body.metrics.filter((metric) => metric !== "none").map((metric) => ({ run, metric, kind: "f64", columns: { x_first: new Float64Array(100) } })),
    );
    return { tile: { series, versions: Object.fromEntries(body.runs.map((run) => [run, version])) }, etag: "E1" };
  };
  return { asked, post };
}

test("charts that ask in the same moment ask once", async () => {
  const { asked, post } = server();
  const tiles = new Tiles({ post });
  const [one, other] = await Promise.all([tiles.ask(QUESTION), tiles.ask({ ...QUESTION, metrics: ["acc", "none"] })]);
  assert.equal(asked.length, 1);
  assert.deepEqual(asked[0].body.metrics, ["loss", "acc", "none"]);
  assert.deepEqual([...one.keys()], [lineKey("r1", "loss"), lineKey("r2", "loss")]);
  assert.equal(other.get(lineKey("r1", "none")).columns, null);
});

test("what is held is not asked for again until the run has news", async () => {
  const { asked, post } = server();
  const tiles = new Tiles({ post });
  await tiles.ask(QUESTION);
  await tiles.ask(QUESTION);
  assert.equal(asked.length, 1);
  tiles.outdate("r1", "4-1");
  await tiles.ask(QUESTION);
  assert.equal(asked.length, 2);
  assert.equal(asked[1].etag, "E1");
});

test("no question is larger than the server answers", async () => {
  const { asked, post } = server();
  const tiles = new Tiles({ post });
  const runs = Array.from({ length: 1500 }, (_, n) => `r${n}`);
  const answer = await tiles.ask({ ...QUESTION, runs, metrics: ["a", "b"], pixels: 1024 });
  assert.equal(answer.size, 3000);
  for (const { body } of asked) {
    assert.ok(body.runs.length * body.metrics.length <= 1000);
    assert.ok(body.runs.length * body.metrics.length * body.pixels <= 2_000_000);
  }
});

test("memory is bounded, the oldest goes first", async () => {
  const { asked, post } = server();
  const tiles = new Tiles({ post, mostBytes: 5000 });
  for (let n = 0; n < 20; n++) await tiles.ask({ ...QUESTION, range: [n, n + 1] });
  assert.ok(tiles.bytes <= 5000);
  await tiles.ask({ ...QUESTION, range: [19, 20] });
  assert.equal(asked.length, 20);
});

test("a question nobody wants any more is aborted", async () => {
  const { asked, post } = server();
  const tiles = new Tiles({ post: (body, how) => (post(body, how), new Promise((_, no) => how.signal.addEventListener("abort", () => no(how.signal.reason)))) });
  const asking = new AbortController();
  const answer = tiles.ask(QUESTION, asking.signal);
  await new Promise((done) => setTimeout(done, 20));
  asking.abort();
  await assert.rejects(answer, { name: "AbortError" });
  assert.ok(asked[0].signal.aborted);
});

test("a chart that grows by three pixels asks nothing new", () => {
  assert.equal(askedPixels(300), askedPixels(303));
  assert.equal(askedPixels(1), 64);
});
