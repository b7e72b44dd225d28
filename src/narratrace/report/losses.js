/* What was lost on the way: recordings that were dropped, and those that failed. */

function dropSection({ drops, dropped }) {
  if (!drops.length) return null;
  const most = drops[0][1];
  return section("Dropped, by rule",
    h("table", { class: "bars" }, h("tbody", {}, ...drops.map(([rule, n]) => barRow(words(rule), n / most, count(n))))),
    dropped.length ? h("details", {}, h("summary", {}, "The recordings and the figures behind it"),
      h("ul", { class: "plain" }, ...dropped.map(([id, rule, reason]) =>
        h("li", {}, h("code", {}, id), ` ${words(rule)}: ${reason}`)))) : null);
}

function failureSection({ causes, failures }) {
  if (!failures.length) return null;
  const most = causes[0][2];
  return section("Failed, by cause",
    h("table", { class: "bars" }, h("tbody", {}, ...causes.map(([station, error, n]) =>
      barRow(`${station}: ${error}`, n / most, count(n))))),
    h("div", { class: "failures" }, ...failures.map((one) => failureRow(one))));
}

function failureRow(failure, open = false) {
  const rows = [
    ["Input", failure.uri], ["Expected", failure.expected], ["Likely cause", failure.cause],
    ["Try again", failure.retryable ? "may help" : ""],
  ].filter(([, value]) => value);
  return h("details", { class: "failure", open },
    h("summary", {}, h("code", {}, failure.video_id), " ", h("span", {}, failure.message)),
    h("dl", {}, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    failure.command ? h("pre", { tabindex: "0" }, failure.command) : null,
    failure.traceback ? h("pre", { class: "faint", tabindex: "0" }, failure.traceback) : null);
}

/** In place of a page that is not there: what became of the recording, as far as this report knows. */
function missingPage(id, { dropped, failures, recordings }) {
  const drop = dropped.find((row) => row[0] === id);
  const failure = failures.find((one) => one.video_id === id);
  const why = drop ? `It was dropped by ${words(drop[1])}: ${drop[2]}`
    : recordings.some((row) => row[0] === id) ? "It was processed, but has no page in this report."
      : failure ? null : "This report knows no such recording.";
  return h("div", { class: "summary" },
    h("h1", {}, id), h("p", { class: "lead" }, h("a", { href: "#/" }, "All recordings")),
    why ? h("p", { class: "note warn" }, why) : null,
    failure ? h("div", { class: "failures" }, failureRow(failure, true)) : null);
}
