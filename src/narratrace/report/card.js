/* A sample's card: its picture or clip on one side, what is said and pointed at on the other. */

/** The card; `tellTime` is called with the instant the card is at, whenever that changes. */
function sampleCard(sample, tellTime) {
  const moment = new Moment(sample.start, sample.end);
  const { frame, media } = figure(sample, moment);
  const { bar, go } = player(sample, moment, media);
  const card = h("article", { class: "card", id: `sample-${sample.kind}-${sample.index}` },
    h("header", { class: "card-head" },
      h("h3", {}, sample.key),
      h("span", { class: "when" }, interval(sample.start, sample.end)),
      h("span", { class: "faint" }, cardFacts(sample))),
    h("div", { class: "card-body" },
      h("figure", {}, frame, h("figcaption", {}, bar)),
      h("div", { class: "said" },
        spokenText(sample, moment, go),
        boxList(sample, moment, go),
        labelList(sample.labels),
        factList(sample.facts))));
  moment.follow(({ at }) => { if (at !== null) tellTime(at); });
  return card;
}

function cardFacts(sample) {
  const { image, clip } = sample;
  if (clip) return `${plural(clip.frames, "frame")}, ${clip.method === "copy" ? "stream copy" : "encoded"}`;
  return image ? `picture of ${clock(image.t ?? sample.start)}, ${image.width} × ${image.height}` : "";
}

/** The regions pointed out; touching or focusing one shows it, its stretch of trace and its words. */
function boxList(sample, moment, go) {
  if (!sample.boxes.length) return null;
  return h("ol", { class: "boxlist", "aria-label": "Regions pointed out" }, ...sample.boxes.map((box, i) => {
    const item = h("button", {
      class: "region", type: "button",
      style: { "--time": timeColour(((box.start + box.end) / 2 - sample.start) / (sample.end - sample.start || 1)) },
      onpointerenter: () => moment.point(box), onfocus: () => moment.point(box),
      onpointerleave: () => moment.rest(), onblur: () => moment.rest(),
      onclick: () => { go(box.start); moment.point(box); },
    },
    h("span", { class: "number" }, String(i + 1)),
    h("span", { class: "method" }, box.method), " ",
    h("span", { class: "faint" }, interval(box.start, box.end)),
    h("span", { class: "quote", dir: "auto" }, box.text || "nothing said"),
    h("span", { class: "faint score", title: "share of the trace points inside" }, percent(box.score)));
    moment.follow(({ box: chosen }) => item.classList.toggle("on", box === chosen));
    return h("li", {}, item);
  }));
}

function labelList(labels) {
  const ranked = Object.entries(labels).sort((a, b) => b[1] - a[1]).slice(0, 4);
  if (!ranked.length) return null;
  return h("ul", { class: "labels", "aria-label": "Imaging domains" },
    ...ranked.map(([name, p]) => h("li", {}, words(name), " ", h("span", { class: "faint" }, percent(p)))));
}

function factList(facts) {
  const rows = Object.entries(facts);
  if (!rows.length) return null;
  return h("details", { class: "facts" }, h("summary", {}, "Details"),
    h("dl", {}, ...rows.flatMap(([name, value]) => [h("dt", {}, words(name)), h("dd", { dir: "auto" }, plain(value))])));
}
