/* The list of recordings: filtered by what is typed, sorted by a column. */

const COLUMNS = [["Recording", 1], ["Length", 3], ["Pairs", 4], ["Traces", 5], ["Clips", 6]];

function recordingSection({ recordings }) {
  if (!recordings.length) return null;
  const body = h("tbody");
  const found = h("span", { class: "faint", "aria-live": "polite" });
  const state = { text: "", column: null, falling: true };
  const draw = () => {
    const rows = arranged(recordings, state);
    body.replaceChildren(...rows.map(recordingRow));
    found.textContent = rows.length === recordings.length ? "" : `${count(rows.length)} of ${count(recordings.length)}`;
    heads.forEach((head, i) => head.setAttribute("aria-sort",
      state.column === COLUMNS[i][1] ? (state.falling ? "descending" : "ascending") : "none"));
  };
  const heads = COLUMNS.map(([name, column]) => h("th", { scope: "col" }, h("button", {
    type: "button", class: "sort",
    onclick: () => {
      state.falling = state.column === column ? !state.falling : column !== 1;
      state.column = column;
      draw();
    },
  }, name)));
  const search = h("input", {
    type: "search", placeholder: "Filter", "aria-label": "Filter recordings by title, channel or id",
    oninput: () => { state.text = search.value; draw(); },
  });
  draw();
  return section("Recordings",
    recordings.length > 8 ? h("div", { class: "filter" }, search, found) : null,
    h("table", { class: "recordings" }, h("thead", {}, h("tr", {}, h("td"), ...heads)), body));
}

function arranged(recordings, { text, column, falling }) {
  const wanted = text.trim().toLowerCase();
  const rows = recordings.filter((row) => `${row[0]} ${row[1]} ${row[2]}`.toLowerCase().includes(wanted));
  if (column === null) return rows;
  const key = (row) => (column === 1 ? row[1] || row[0] : row[column] ?? -1);
  const order = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
  return rows.sort((a, b) => (falling ? -1 : 1) * order(key(a), key(b)));
}

function recordingRow([id, title, channel, seconds, pairs, traces, clips, hasPage]) {
  const name = title || id;
  const cell = (label, value) => h("td", { "data-label": label }, value);
  return h("tr", {},
    h("td", { class: "poster" }, hasPage ? poster(id) : null),
    h("th", { scope: "row" },
      hasPage ? h("a", { href: `#/v/${id}`, dir: "auto" }, name) : h("span", { title: "no page in this report", dir: "auto" }, name),
      h("span", { class: "faint sub", dir: "auto" }, [channel, title ? id : null].filter(Boolean).join(" · "))),
    cell("Length", seconds === null ? "–" : lasting(seconds)),
    cell("Pairs", count(pairs)), cell("Traces", count(traces)), cell("Clips", count(clips)));
}

/** A recording in small: its sample with the longest way of the pointer, drawn over its picture. */
function poster(id) {
  const link = h("a", { class: "thumb", href: `#/v/${id}`, tabindex: "-1", "aria-hidden": "true" });
  whenNear(link, () => {
    const { traces, pairs } = readData(`video-${id}`).samples;
    const sample = [...traces].sort((a, b) => b.trace.length - a.trace.length)[0] || pairs[0];
    if (!sample) return;
    link.style.setProperty("--ratio", sample.width / sample.height);
    link.append(h("img", { src: pictureUrl(sample.media), alt: "" }),
      sheetOver(sample, traceShape(sample, timeScale(sample))));
  });
  return link;
}
