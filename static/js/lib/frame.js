/**
 * One animation frame for all that wants to draw. What does not fit into a frame's share waits for the next, in
 * turn, so that fifty live charts never make the page stutter.
 */

const SHARE_MS = 9;

const waiting = new Set();
let isAsked = false;

/** Draw in the next frame; asking again before is asking once. */
export function inFrame(draw) {
  waiting.add(draw);
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame(run);
}

/** No longer draw. */
export const notInFrame = (draw) => waiting.delete(draw);

function run() {
  const begun = performance.now();
  isAsked = false;
  for (const draw of [...waiting]) {
    if (!waiting.has(draw)) continue;
    waiting.delete(draw);
    draw();
    if (performance.now() - begun > SHARE_MS) break;
  }
  if (waiting.size && !isAsked) {
    isAsked = true;
    requestAnimationFrame(run);
  }
}
