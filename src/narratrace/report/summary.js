/* The first page: the run in figures. */

function summaryPage(summary) {
  return h("div", { class: "summary" },
    h("h1", {}, summary.name),
    h("p", { class: "lead" }, h("span", {}, runLine(summary))),
    bigFigures(summary.totals),
    ...summary.notes.map((note) => h("p", { class: "note warn" }, note)),
    recordingSection(summary),
    leftOut(summary),
    h("div", { class: "columns" }, stationSection(summary), dropSection(summary), failureSection(summary)),
    runSection(summary.run));
}

function section(title, ...parts) {
  return h("section", {}, h("h2", {}, title), ...parts);
}

function runLine({ totals, wall_s, run }) {
  const version = run.versions && run.versions.narratrace;
  return [
    run.state && run.state !== "complete" ? run.state : null,
    totals.unfinished ? `${plural(totals.unfinished, "recording")} still to do` : null,
    wall_s ? `${lasting(totals.seconds)} of video in ${lasting(wall_s)}, ${timesRealTime(totals.seconds, wall_s)}` : null,
    version ? `narratrace ${version}` : null,
    typeof run.device === "string" ? run.device : null,
  ].filter(Boolean).join("  ·  ");
}

function bigFigures(totals) {
  const figures = [
    ["of video", lasting(totals.seconds), totals.unknown_durations ? `${plural(totals.unknown_durations, "recording")} of unknown length` : ""],
    [totals.recordings === 1 ? "recording" : "recordings", count(totals.recordings), ""],
    ["pairs", count(totals.pairs), ""], ["traces", count(totals.traces), ""], ["clips", count(totals.clips), ""],
    ["dropped", count(totals.dropped), ""], ["failed", count(totals.failed), ""],
  ];
  return h("dl", { class: "figures" }, ...figures.map(([name, value, more]) =>
    h("div", { class: name === "failed" && totals.failed ? "bad" : "", title: more || null }, h("dt", {}, name), h("dd", {}, value))));
}

function barRow(name, share, value, more = "") {
  return h("tr", {}, h("th", { scope: "row" }, name),
    h("td", { class: "bar-cell" }, h("span", { style: { width: `${(100 * share).toFixed(2)}%` } })),
    h("td", { class: "number" }, value), more ? h("td", { class: "number faint" }, more) : null);
}

function stationSection({ stations, totals }) {
  if (!stations.length) return null;
  const ranked = [...stations].sort((a, b) => b[1] - a[1]);
  const most = ranked[0][1];
  return section("Time by station",
    h("table", { class: "bars" }, h("tbody", {}, ...ranked.map(([name, seconds]) =>
      barRow(words(name), seconds / most, lasting(seconds), times(totals.seconds / seconds))))),
    h("p", { class: "faint small" }, "Summed over recordings; × is the length of the video over the time it took."));
}

function leftOut({ left_out }) {
  if (!left_out.length) return null;
  return h("aside", { class: "note" }, h("strong", {}, "Not everything is in this file. "), left_out.join(" "));
}

/** Versions, options and whatever else the run recorded, as it stands in run.json. */
function runSection(run) {
  const parts = Object.entries(run).filter(([, value]) => value !== null && JSON.stringify(value) !== "{}");
  if (!parts.length) return null;
  return section("The run", ...parts.map(([name, value]) =>
    typeof value === "object" && !Array.isArray(value)
      ? h("details", {}, h("summary", {}, words(name)), nestedFacts(value))
      : h("p", { class: "single" }, h("span", { class: "faint" }, words(name)), " ", plain(value))));
}

function nestedFacts(value, prefix = "") {
  return h("dl", {}, ...Object.entries(value).flatMap(([name, inner]) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? [...nestedFacts(inner, `${prefix}${name}.`).children]
      : [h("dt", {}, prefix + name), h("dd", {}, plain(inner))]));
}
