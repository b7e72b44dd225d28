/* A sample's picture or clip with its trace, dwells and boxes drawn over it, all in pixels of the video. */

/** The figure of a sample; it follows `moment` and sets it when the trace is touched. */
function figure(sample, moment) {
  const isClip = sample.kind === "clips";
  const media = isClip ? clipElement(sample) : pictureElement(sample);
  const layers = overlay(sample, moment);
  const frame = h("div", { class: "frame", style: { "--ratio": sample.width / sample.height } },
    media, layers.svg, ...layers.tags);
  touchTrace(frame, sample, moment);
  whenNear(frame, () => { media.src = isClip ? clipUrl(sample.media) : pictureUrl(sample.media); });
  return { frame, media };
}

function pictureElement(sample) {
  const alt = `What the screen shows at ${clock(sample.image ? sample.image.t ?? sample.start : sample.start)}`;
  return h("img", { alt, draggable: "false" });
}

function clipElement(sample) {
  return h("video", { preload: "auto", playsinline: true, "aria-label": `Clip: ${sample.text}` });
}

function overlay(sample, moment) {
  const at = timeScale(sample);
  const boxes = sample.boxes.map((box) => boxShape(box, at));
  const lit = s("path", { class: "lit" });
  const litCase = s("path", { class: "lit-case" });
  const dot = s("g", { class: "dot" }, ...["dot-case", "dot-rim", "dot-core"].map((name) => s("path", { class: name })));
  const svg = sheetOver(sample,
    s("g", { class: "dwells" }, ...sample.dwells.map((dwell) => dwellShape(dwell, at))),
    s("g", { class: "boxes" }, ...boxes),
    traceShape(sample, at), litCase, lit, dot);
  const tags = sample.boxes.map((box, i) => boxTag(sample, box, i, at, moment));
  moment.follow(({ at: instant, span, box: chosen }) => {
    svg.classList.toggle("singled", span !== null);
    const d = span ? strokesWithin(sample.trace, ...span).map(pathThrough).join("") : "";
    for (const path of [lit, litCase]) path.setAttribute("d", d);
    lit.setAttribute("stroke", at(span ? (span[0] + span[1]) / 2 : 0));
    moveDot(dot, instant === null ? null : pointAt(sample.trace, instant), at(instant));
    sample.boxes.forEach((box, i) => {
      for (const part of [boxes[i], tags[i]]) part.classList.toggle("on", box === chosen);
    });
  });
  return { svg, tags };
}

/** Colour of an instant of the sample. */
function timeScale(sample) {
  return (t) => timeColour((t - sample.start) / (sample.end - sample.start || 1));
}

/** A drawing as large as the video. */
function sheetOver(sample, ...shapes) {
  const viewBox = `0 0 ${sample.width} ${sample.height}`;
  return s("svg", { class: "overlay", viewBox, preserveAspectRatio: "none", "aria-hidden": "true" }, ...shapes);
}

/** The pointer's path in the colours of time, its ends marked. */
function traceShape(sample, at) {
  const strokes = strokesOf(sample.trace);
  return s("g", { class: "trace" },
    s("path", { class: "trace-case", d: strokes.map(pathThrough).join("") }),
    ...colouredRuns(strokes, sample.start, sample.end).map((run) =>
      s("path", { class: "trace-run", d: run.d, stroke: timeColour(run.u) })),
    ends(sample.trace, at));
}

/** The first point is a ring, the last a full disc. */
function ends(trace, at) {
  if (!trace.length) return null;
  const [first, last] = [trace[0], trace[trace.length - 1]];
  const mark = (name, p, colour) => s("path", { class: name, d: `M${p[1]} ${p[2]}h0`, stroke: colour });
  return s("g", { class: "ends" },
    mark("end-case", first, null), mark("end-disc", first, at(first[0])), mark("start-hole", first, null),
    mark("end-case", last, null), mark("end-disc", last, at(last[0])));
}

function moveDot(dot, point, colour) {
  dot.style.display = point ? "" : "none";
  if (!point) return;
  for (const part of dot.children) part.setAttribute("d", `M${point[1]} ${point[2]}h0`);
  dot.lastChild.setAttribute("stroke", colour);
}

function dwellShape([start, end, x, y, radius], at) {
  const colour = at((start + end) / 2);
  return s("circle", { cx: x, cy: y, r: radius, stroke: colour, fill: colour },
    s("title", {}, `Dwell ${interval(start, end)}`));
}

function boxShape(box, at) {
  const place = { x: box.x0, y: box.y0, width: box.x1 - box.x0, height: box.y1 - box.y0 };
  return s("g", { class: `box ${box.method === "cluster" ? "cluster" : "gesture"}` },
    s("rect", { class: "box-case", ...place }),
    s("rect", { class: "box-line", ...place, stroke: at((box.start + box.end) / 2) }));
}

/** The number at a box's corner; touching it singles the box out. */
function boxTag(sample, box, i, at, moment) {
  return h("span", {
    class: "tag", title: `${box.method}, ${interval(box.start, box.end)}`,
    style: {
      left: `min(100% - 1.6em, ${(100 * Math.max(box.x0, 0)) / sample.width}%)`,
      top: `clamp(0.8em, ${(100 * box.y0) / sample.height}%, 100% - 0.8em)`,
      "--time": at((box.start + box.end) / 2),
    },
    onpointerenter: () => moment.point(box), onpointerleave: () => moment.rest(),
  }, String(i + 1));
}

const REACH_PX = 28;

/** The trace under the pointer or finger singles out its instant. */
function touchTrace(frame, sample, moment) {
  let touched = false;
  const place = (event) => {
    const area = frame.getBoundingClientRect();
    const scale = sample.width / area.width;
    return nearestPoint(sample.trace, (event.clientX - area.left) * scale,
      (event.clientY - area.top) * scale, REACH_PX * scale);
  };
  const leave = () => { if (touched) { touched = false; moment.rest(); } };
  frame.addEventListener("pointermove", (event) => {
    if (event.target.closest(".tag")) return;
    const point = place(event);
    if (!point) return leave();
    touched = true;
    const word = wordAt(sample, point[0]);
    moment.single(word ? [word[0], word[1]] : [point[0] - 0.15, point[0] + 0.15], point[0]);
  });
  frame.addEventListener("pointerleave", leave);
}
