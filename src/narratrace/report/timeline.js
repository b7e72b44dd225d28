/* The timeline of a recording: lanes over a common clock, zoomable, drawn only where it is looked at. */

const RULER_PX = 20;
const CLOSEST_PX_PER_S = 160;

/** The timeline of a page's recording. */
function timelineView(page) {
  const [start, duration] = [page.video.start_pts_s, Math.max(lengthOf(page.video), 0.1)];
  const lanes = lanesOf(page);
  const height = RULER_PX + lanes.reduce((sum, lane) => sum + lane.height + 4, 0);
  const svg = s("svg", { height, role: "presentation" });
  const sheet = h("div", { class: "sheet", style: { height: `${height}px` } }, svg);
  const scroller = h("div", { class: "scroller" }, sheet);
  const readout = h("p", { class: "readout", "aria-live": "off" });
  const state = { start, end: start + duration, duration, lanes, height, zoom: 1, t: start, page, svg, sheet, scroller, readout };
  const redraw = perFrame(() => drawTimeline(state));
  state.redraw = redraw;
  scroller.addEventListener("scroll", redraw);
  new ResizeObserver(redraw).observe(scroller);
  steer(state);
  const node = h("section", { class: "timeline", "aria-label": "Timeline" },
    h("div", { class: "lanes" },
      h("div", { class: "names", "aria-hidden": "true", style: { "padding-top": `${RULER_PX}px` } },
        ...lanes.map((lane) => h("span", { style: { height: `${lane.height + 4}px` } },
          lane.name, lane.name === "Pointer" ? [h("i", { class: "across" }, "x"), h("i", { class: "down" }, "y")] : null))),
      scroller),
    h("div", { class: "under" }, readout, zoomButtons(state)));
  return { node, go: (t) => { state.t = t; placeMark(state); } };
}

function zoomButtons(state) {
  const button = (sign, label, change) =>
    h("button", { class: "quiet", type: "button", "aria-label": label, title: label, onclick: change }, sign);
  return h("div", { class: "zoom", role: "group", "aria-label": "Zoom" },
    button("−", "Zoom out", () => zoomTo(state, state.zoom / 2)),
    button("+", "Zoom in", () => zoomTo(state, state.zoom * 2)),
    button("Whole", "Show the whole recording", () => zoomTo(state, 1)));
}

/** Change the zoom; the instant under the mark (or `t`) keeps its place. */
function zoomTo(state, zoom, t = state.t) {
  const { scroller, start, duration, sheet } = state;
  const width = scroller.clientWidth;
  const at = (t - start) / duration;
  const offset = clamp(at * width * state.zoom - scroller.scrollLeft, 0, width);
  state.zoom = clamp(zoom, 1, Math.max(1, (CLOSEST_PX_PER_S * duration) / width));
  sheet.style.width = `${100 * state.zoom}%`;
  scroller.scrollLeft = at * width * state.zoom - offset;
  state.redraw();
}

/** Pixels per second, also before the next frame has drawn them. */
function scaleOf({ scroller, zoom, duration }) {
  return (scroller.clientWidth * zoom) / duration;
}

function drawTimeline(state) {
  const { scroller, svg, start, end, page, lanes, height } = state;
  const width = scroller.clientWidth;
  if (!width) return;
  const scale = scaleOf(state);
  const from = start + scroller.scrollLeft / scale;
  const view = { width, scale, from, to: from + width / scale, x: (t) => (t - from) * scale };
  state.view = view;
  svg.setAttribute("width", width);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  let y = RULER_PX;
  const drawn = lanes.map((lane) => {
    const group = s("g", { class: "lane", transform: `translate(0 ${y})` }, ...lane.draw(page, view));
    y += lane.height + 4;
    return group;
  });
  const cuts = visible(page.timeline.shots, view).filter(([t]) => t > start)
    .map(([t]) => s("line", { class: "cut", x1: view.x(t), x2: view.x(t), y1: RULER_PX, y2: height }));
  state.mark = s("line", { class: "mark", y1: 0, y2: height });
  // A sample that has the focus keeps it: its link is drawn anew and found again by its address.
  const focused = svg.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  svg.replaceChildren(...ruler(view, end), ...cuts, ...drawn, state.mark);
  if (focused) svg.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  placeMark(state);
}

const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

function ruler(view, end) {
  const step = STEPS_S.find((one) => one * view.scale >= 64) || 7200;
  const marks = [];
  for (let t = Math.ceil(view.from / step) * step; t <= Math.min(view.to, end); t += step) {
    const x = view.x(t);
    marks.push(s("line", { class: "tick", x1: x, x2: x, y1: 13, y2: RULER_PX }));
    if (x < view.width - 30) marks.push(s("text", { class: "hour", x: x + 3, y: 12 }, clock(t, step < 1 ? 1 : 0)));
  }
  return marks;
}

function placeMark(state) {
  if (!state.view) return;
  const x = state.view.x(state.t);
  state.mark.setAttribute("x1", x);
  state.mark.setAttribute("x2", x);
  const told = tell(state.page, state.t);
  state.readout.textContent = told;
  state.scroller.setAttribute("aria-valuenow", state.t.toFixed(1));
  state.scroller.setAttribute("aria-valuetext", told);
}

/** What is going on at an instant, in one line. */
function tell(page, t) {
  const { shots, stable, words: spoken, changes, trace } = page.timeline;
  const during = (rows) => rows.find((row) => row[0] <= t && t < row[1]);
  const shot = shots.findIndex((row) => row[0] <= t && t < row[1]);
  const i = lowerBound(trace.t, t);
  const near = [i - 1, i].find((k) => k >= 0 && k < trace.t.length && Math.abs(trace.t[k] - t) <= 0.15);
  const word = during(spoken);
  const change = during(changes);
  return [
    clock(t),
    shot >= 0 ? `shot ${shot + 1} of ${shots.length}` : null,
    during(stable) ? "still" : change ? change[2] : "changing",
    near === undefined ? "no pointer" : `pointer at ${trace.x[near]}, ${trace.y[near]}`,
    // Isolated, so that a word written from right to left leaves the line's order alone.
    word ? `\u2068“${word[2]}”\u2069` : null,
  ].filter(Boolean).join("  ·  ");
}

/** Mouse, touch and keys. */
function steer(state) {
  const { scroller, start, end } = state;
  const timeOf = (event) => {
    const x = event.clientX - scroller.getBoundingClientRect().left + scroller.scrollLeft;
    return clamp(start + x / scaleOf(state), start, end);
  };
  const go = (t) => { state.t = clamp(t, start, end); placeMark(state); };
  for (const [name, value] of Object.entries({
    tabindex: "0", role: "slider", "aria-label": "Place in the recording, seconds", "aria-valuemin": start, "aria-valuemax": end,
  })) scroller.setAttribute(name, value);
  for (const kind of ["pointerdown", "pointermove"]) {
    scroller.addEventListener(kind, (event) => go(timeOf(event)));
  }
  scroller.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomTo(state, state.zoom * 1.2 ** (-Math.sign(event.deltaY)), timeOf(event));
  }, { passive: false });
  scroller.addEventListener("keydown", (event) => {
    const step = (event.shiftKey ? 10 : 1) * Math.max(0.1, 10 / scaleOf(state));
    const moves = { ArrowRight: state.t + step, ArrowLeft: state.t - step, Home: start, End: end };
    if (event.key in moves) go(moves[event.key]);
    else if (event.key === "+" || event.key === "=") zoomTo(state, state.zoom * 2);
    else if (event.key === "-") zoomTo(state, state.zoom / 2);
    else if (event.key === "0") zoomTo(state, 1);
    else if (event.key === "Enter" && event.target === scroller) openAt(state);
    else return;
    event.preventDefault();
    keepInSight(state);
  });
}

function openAt({ page, t }) {
  for (const kind of ["traces", "pairs", "clips"]) {
    const found = page.samples[kind].find((one) => one.start <= t && t < one.end);
    if (found) { location.hash = sampleLink(page.id, found); return; }
  }
}

function keepInSight(state) {
  const { scroller, start, t } = state;
  const x = (t - start) * scaleOf(state);
  const width = scroller.clientWidth;
  if (x < scroller.scrollLeft || x > scroller.scrollLeft + width) scroller.scrollLeft = x - width / 2;
}
