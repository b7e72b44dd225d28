/* The lanes of the timeline. Each draws what is visible of one kind of fact.
 *
 * `view` maps time to pixels: view.x(t), and view.from, view.to in seconds, view.width in pixels.
 */

const LANES = [
  { name: "Picture", height: 44, draw: drawPictures },
  { name: "Still", height: 12, draw: (page, view) => drawBars(page.timeline.stable, view, 12, "still") },
  { name: "Changes", height: 16, draw: drawChanges },
  { name: "Motion", height: 12, draw: (page, view) => drawBars(page.timeline.moving, view, 12, "moving") },
  { name: "Speech", height: 22, draw: drawWords },
  { name: "Pointer", height: 44, draw: drawPointer },
  { name: "Dwells", height: 12, draw: (page, view) => drawBars(page.timeline.dwells, view, 12, "rest") },
  { name: "Traces", height: 20, draw: (page, view) => drawSamples(page, "traces", view) },
  { name: "Pairs", height: 20, draw: (page, view) => drawSamples(page, "pairs", view) },
  { name: "Clips", height: 20, draw: (page, view) => drawSamples(page, "clips", view) },
];

/** Lanes with something in them. */
function lanesOf(page) {
  const { timeline, samples } = page;
  const filled = {
    Changes: timeline.changes, Motion: timeline.moving, Speech: timeline.words, Pointer: timeline.trace.t,
    Dwells: timeline.dwells, Traces: samples.traces, Pairs: samples.pairs, Clips: samples.clips,
  };
  return LANES.filter((lane) => !(lane.name in filled) || filled[lane.name].length);
}

function visible(rows, view) {
  return rows.filter((row) => row[1] >= view.from && row[0] <= view.to);
}

/** Intervals in pixels; those less than a pixel apart become one, so that an hour draws as fast as a minute. */
function merged(rows, view) {
  const bars = [];
  for (const row of visible(rows, view)) {
    const [x0, x1] = [view.x(row[0]), Math.max(view.x(row[1]), view.x(row[0]) + 1)];
    const last = bars[bars.length - 1];
    if (last && x0 - last[1] < 1) last[1] = Math.max(last[1], x1); else bars.push([x0, x1]);
  }
  return bars;
}

function drawBars(rows, view, height, name) {
  return merged(rows, view).map(([x0, x1]) =>
    s("rect", { class: name, x: x0, y: 3, width: Math.max(1, x1 - x0 - 0.5), height: height - 6, rx: 1.5 }));
}

/** A film strip: the shots, with the sample's picture at each stable span that has one. */
function drawPictures(page, view) {
  const shots = visible(page.timeline.shots, view).map(([start, end, transition], i) => {
    const [x0, x1] = [view.x(start), view.x(end)];
    return s("g", {},
      s("rect", { class: `shot ${i % 2 ? "odd" : ""}`, x: x0 + 0.5, y: 0, width: Math.max(1, x1 - x0 - 1), height: 44, rx: 3 }),
      s("title", {}, `Shot ${interval(start, end)}${transition === "none" ? "" : `, begins with a ${transition}`}`));
  });
  const width = (44 * page.video.width) / page.video.height;
  const stills = visible(page.timeline.stable, view).filter((row) => page.stills.has(row[0])).map(([start, end]) => {
    const [x0, x1] = [view.x(start), view.x(end)];
    if (x1 - x0 < 10) return null;
    // The picture stays in sight while any of its span is.
    const x = clamp(x0, Math.min(0, x1 - width), Math.max(0, x0));
    return s("svg", { x: x + 0.5, y: 0, width: Math.min(width, x1 - x - 1), height: 44 },
      s("image", { href: page.stills.get(start), width, height: 44, preserveAspectRatio: "xMinYMid slice" }));
  });
  return [...shots, ...stills];
}

function drawChanges(page, view) {
  return visible(page.timeline.changes, view).map(([start, end, kind, changed]) => {
    const [x0, x1] = [view.x(start), view.x(end)];
    const wide = x1 - x0 > 7 * kind.length + 8;
    return s("g", { class: "change" },
      s("rect", { x: x0, y: 2, width: Math.max(2, x1 - x0), height: 12, rx: 2 }),
      wide ? s("text", { x: x0 + 4, y: 11.5 }, kind) : null,
      s("title", {}, `${kind} ${interval(start, end)}${changed === null ? "" : `, ${percent(changed)} of the picture`}`));
  });
}

const READABLE_PX_PER_S = 55;
const LETTER_PX = 7;

/** Speech as bars; close up, as the words themselves, as far as they fit. */
function drawWords(page, view) {
  const rows = page.timeline.words;
  if (view.scale < READABLE_PX_PER_S) return drawBars(rows, view, 22, "speech");
  return visible(rows, view).map(([start, end, text]) => {
    const [x0, x1] = [view.x(start), view.x(end)];
    return s("svg", { x: x0, y: 0, width: Math.max(1, x1 - x0 - 1), height: 22, class: "spoken-word" },
      s("rect", { width: "100%", height: 18, y: 2, rx: 2 }),
      x1 - x0 > LETTER_PX * text.length + 4 ? s("text", { x: 3, y: 15 }, text) : null,
      s("title", {}, `${text} ${interval(start, end)}`));
  });
}

/** Both coordinates over time, a line each: flat where the pointer rests, broken where it is out of sight. */
function drawPointer(page, view) {
  const { t, x, y } = page.timeline.trace;
  const first = Math.max(0, lowerBound(t, view.from) - 1);
  const last = Math.min(t.length, lowerBound(t, view.to) + 1);
  const step = Math.max(1, Math.floor((last - first) / (2 * view.width)));
  const paths = { across: "", down: "" };
  let before = -Infinity;
  for (let i = first; i < last; i += step) {
    const pen = t[i] - before > Math.max(LONGEST_GAP_S, 2 * step * 0.1) ? "M" : "L";
    before = t[i];
    const at = view.x(t[i]).toFixed(1);
    paths.across += `${pen}${at} ${(41 - (38 * x[i]) / page.video.width).toFixed(1)}`;
    paths.down += `${pen}${at} ${(3 + (38 * y[i]) / page.video.height).toFixed(1)}`;
  }
  return Object.entries(paths).map(([name, d]) => s("path", { class: `coordinate ${name}`, d },
    s("title", {}, name === "across" ? "Pointer, left (bottom) to right (top)" : "Pointer, top to bottom")));
}

function lowerBound(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

function drawSamples(page, kind, view) {
  return page.samples[kind].filter((one) => one.end >= view.from && one.start <= view.to).map((one) => {
    const [x0, x1] = [view.x(one.start), view.x(one.end)];
    return s("a", { class: `sample ${kind}`, href: sampleLink(page.id, one), "aria-label": `${one.key}, ${interval(one.start, one.end)}` },
      s("rect", { x: x0, y: 2, width: Math.max(3, x1 - x0 - 1), height: 16, rx: 3 }),
      x1 - x0 > 16 ? s("text", { x: Math.max(x0, 0) + 5, y: 14 }, String(one.index)) : null,
      s("title", {}, one.text));
  });
}

function sampleLink(video, sample) {
  return `#/v/${video}/${sample.kind}/${sample.index}`;
}
