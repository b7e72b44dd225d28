/* The page of one recording. */

const KINDS = ["traces", "pairs", "clips"];

/** Builds the page; `chosen` is {kind, index} of a sample to go to, or null. */
function videoPage(page, summary, chosen) {
  page.stills = stillsOf(page);
  const list = h("div", { class: "cards" });
  const line = page.timeline ? timelineView(page) : null;
  const tabs = kindTabs(page, list, line ? line.go : () => {});
  const has = KINDS.find((kind) => page.samples[kind].length);
  const node = h("div", { class: "video" },
    videoHead(page, summary),
    ...page.notes.map((note) => h("p", { class: "note warn" }, note)),
    line ? line.node : null,
    h("section", { class: "samples", "aria-label": "Samples" }, ...(has ? [tabs.bar, list] : [h("p", { class: "note" }, whyNone(page))])));
  const open = ({ kind, index }) => {
    tabs.show(kind);
    const card = list.querySelector(`#sample-${kind}-${index}`);
    if (!card) return;
    card.classList.add("found");
    card.tabIndex = -1;
    card.scrollIntoView({ block: "start" });
    card.focus({ preventScroll: true });
  };
  if (has) tabs.show(has);
  if (chosen) requestAnimationFrame(() => open(chosen));
  return { node, open };
}

/** Why no sample is shown, as far as the analysis tells. */
function whyNone({ all, timeline, transcript }) {
  if (KINDS.some((kind) => all[kind])) return "None of this recording's samples is in this report.";
  const cause = !timeline ? null
    : !transcript || !timeline.words.length ? "it has no words"
      : !timeline.stable.length ? "no picture stays the same for long enough"
        : "nothing is said over its still pictures, or none of them is medical";
  return `This recording gave no samples${cause ? `: ${cause}` : ""}.`;
}

/** Addresses of the samples' pictures by the start of the stable span they show. */
function stillsOf(page) {
  const found = new Map();
  for (const sample of [...page.samples.pairs, ...page.samples.traces]) {
    const span = sample.image && sample.image.stable_span;
    if (span && !found.has(span.start)) found.set(span.start, pictureUrl(sample.media));
  }
  return found;
}

function videoHead(page, summary) {
  const { video, transcript } = page;
  return h("header", { class: "video-head" },
    h("h1", { dir: "auto" }, page.title || page.id),
    h("p", { class: "lead" }, ...[page.channel, page.licence, page.title ? page.id : null, linkTo(page.link), video && video.path]
      .filter(Boolean).map((part) => h("span", { dir: "auto" }, part))),
    video ? h("dl", { class: "figures small" }, ...videoFigures(page).map(([name, value]) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, value)))) : null,
    ...[...(video ? video.warnings : []), ...(transcript ? transcript.warnings : [])].map((text) => h("p", { class: "note warn" }, text)),
    neighbours(page, summary));
}

function videoFigures({ video, transcript, timings, timeline }) {
  const work = Object.values(timings).reduce((a, b) => a + b, 0);
  return [
    ["Length", lasting(lengthOf(video))],
    ["Picture", `${video.width} × ${video.height}`],
    ["Stream", [video.codec, video.fps_mean ? `${+video.fps_mean.toFixed(2)} fps` : null, video.vfr ? "variable" : null]
      .filter(Boolean).join(", ")],
    ["Decoded", `${plural(video.frames_decoded, "frame")}, ${video.backend}`],
    ["Shots", count(timeline.shots.length)],
    ["Speech", transcript ? `${transcript.source}${transcript.language ? `, ${transcript.language}` : ""}` : "none"],
    ["Computing", work ? `${lasting(work)}, ${timesRealTime(lengthOf(video), work)}` : "–"],
  ];
}

/** A link is followed only when it is the web's; anything else stays text. */
function linkTo(address) {
  if (!address) return null;
  return /^https?:\/\//i.test(address)
    ? h("a", { href: address, rel: "noreferrer noopener", target: "_blank" }, address) : address;
}

function neighbours(page, summary) {
  const ids = summary.recordings.filter((row) => row[7]).map((row) => row[0]);
  const here = ids.indexOf(page.id);
  const link = (id, text) => (id ? h("a", { href: `#/v/${id}` }, text) : h("span", { class: "faint" }, text));
  return h("nav", { class: "neighbours", "aria-label": "Other recordings" },
    link(ids[here - 1], "← Previous"), link(ids[here + 1], "Next →"));
}

/** Which kind of samples is listed. */
function kindTabs(page, list, tellTime) {
  const buttons = KINDS.map((kind) => h("button", {
    type: "button", "aria-pressed": "false", disabled: !page.samples[kind].length, onclick: () => show(kind),
  }, `${kind[0].toUpperCase()}${kind.slice(1)} `, h("span", { class: "faint" }, shownOf(page, kind))));
  let shown = null;
  function show(kind) {
    if (kind === shown) return;
    shown = kind;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(KINDS[i] === kind)));
    const cards = page.samples[kind].map((sample) => sampleCard(sample, tellTime));
    list.replaceChildren(...cards);
  }
  return { bar: h("div", { class: "tabs" }, h("div", { class: "kinds", role: "group", "aria-label": "Kind of sample" }, ...buttons), layerSwitches(list)), show };
}

function shownOf(page, kind) {
  const [shown, all] = [page.samples[kind].length, page.all[kind]];
  return shown === all ? count(all) : `${count(shown)} of ${count(all)}`;
}

/** What is drawn over the pictures. */
function layerSwitches(list) {
  const layers = [["trace", "Trace"], ["boxes", "Boxes"], ["dwells", "Dwells"]];
  return h("div", { class: "layers", role: "group", "aria-label": "Drawn over the picture" }, ...layers.map(([name, label]) =>
    h("label", {}, h("input", {
      type: "checkbox", checked: true, onchange: (event) => list.classList.toggle(`no-${name}`, !event.target.checked),
    }), label)));
}
