/* A pointer's path as geometry: rows of [t, x, y, score] in time order. */

const LONGEST_GAP_S = 0.5;   // the pointer was out of sight for longer: the line breaks
const COLOUR_STEPS = 64;

/** The path in runs without a gap. */
function strokesOf(trace) {
  const strokes = [];
  trace.forEach((point, i) => {
    if (i === 0 || point[0] - trace[i - 1][0] > LONGEST_GAP_S) strokes.push([]);
    strokes[strokes.length - 1].push(point);
  });
  return strokes;
}

/** SVG path data through the points; a single point gives a dot. */
function pathThrough(points) {
  if (points.length === 1) return `M${points[0][1]} ${points[0][2]}h0`;
  return points.map((p, i) => `${i ? "L" : "M"}${p[1]} ${p[2]}`).join("");
}

/** Where the pointer is at `t`: [t, x, y], or null while it is out of sight. */
function pointAt(trace, t) {
  const after = firstNotBefore(trace, t);
  const [a, b] = [trace[after - 1], trace[after]];
  if (b && b[0] === t) return b;
  if (a && b && b[0] - a[0] <= LONGEST_GAP_S) {
    const w = (t - a[0]) / (b[0] - a[0]);
    return [t, a[1] + w * (b[1] - a[1]), a[2] + w * (b[2] - a[2])];
  }
  const near = [a, b].find((p) => p && Math.abs(p[0] - t) <= LONGEST_GAP_S / 2);
  return near ? [t, near[1], near[2]] : null;
}

/** The runs of the path within [from, to], with points made at the ends. */
function strokesWithin(trace, from, to) {
  const inner = trace.filter((p) => p[0] > from && p[0] < to);
  const ends = [pointAt(trace, from), pointAt(trace, to)];
  return strokesOf([ends[0], ...inner, ends[1]].filter(Boolean));
}

/** Index of the first row at or after `t`. */
function firstNotBefore(rows, t) {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] < t) low = middle + 1; else high = middle;
  }
  return low;
}

/** The row nearest to (x, y) within `reach`, or null. */
function nearestPoint(trace, x, y, reach) {
  let [best, found] = [reach * reach, null];
  for (const point of trace) {
    const d = (point[1] - x) ** 2 + (point[2] - y) ** 2;
    if (d < best) [best, found] = [d, point];
  }
  return found;
}

/** Runs of path data by colour: [{d, u}], u the share of [start, end] at which the run begins. */
function colouredRuns(strokes, start, end) {
  const step = (t) => Math.floor(clamp((t - start) / (end - start || 1), 0, 1) * (COLOUR_STEPS - 1));
  const runs = [];
  for (const stroke of strokes) {
    let from = 0;
    for (let i = 1; i <= stroke.length; i++) {
      if (i < stroke.length && step(stroke[i][0]) === step(stroke[from][0])) continue;
      // One point more than the run: neighbours join without a seam.
      runs.push({ d: pathThrough(stroke.slice(from, i + 1)), u: step(stroke[from][0]) / (COLOUR_STEPS - 1) });
      from = i;
    }
  }
  return runs;
}
