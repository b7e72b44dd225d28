/* The spoken text; every word knows its time, and where the pointer was. */

/** The word [start, end, text, x, y] spoken at `t`, or null. */
function wordAt(sample, t) {
  for (const sentence of sample.sentences) {
    for (const word of sentence) if (word[0] <= t && t < word[1]) return word;
  }
  return null;
}

/** The text of a sample, following `moment`; `go` is called with a word's start when it is chosen. */
function spokenText(sample, moment, go) {
  const all = sample.sentences.flat();
  const nodes = all.map((word, i) => wordNode(sample, word, i, moment, go));
  let next = 0;
  const paragraphs = sample.sentences.map((sentence) =>
    h("span", { class: "sentence" }, ...sentence.flatMap((word) => [word[5] ? "" : " ", nodes[next++]])));
  const text = h("p", {
    class: "spoken", dir: "auto", role: "group", "aria-label": "Spoken text; arrow keys go from word to word",
    onkeydown: (event) => moveAmong(nodes, event),
  }, ...paragraphs);
  moment.follow(({ at, span, box }) => nodes.forEach((node, i) => {
    const [start, end] = all[i];
    // A box has the words of its text, an instant its word, an interval all the words it touches.
    const on = box ? box.words.includes(i)
      : at !== null ? start <= at && at < end : span !== null && start < span[1] && end > span[0];
    node.classList.toggle("on", on);
  }));
  return text;
}

function wordNode(sample, [start, end, text, x], i, moment, go) {
  const show = () => moment.single([start, end], (start + end) / 2);
  const seen = x !== null;
  return h("span", {
    class: seen ? "word seen" : "word", tabindex: i ? "-1" : "0", role: "button", title: interval(start, end),
    style: { "--time": timeColour((start - sample.start) / (sample.end - sample.start || 1)) },
    onpointerenter: show, onfocus: show,
    onpointerleave: () => moment.rest(), onblur: () => moment.rest(),
    onclick: () => go(start),
    onkeydown: (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      go(start);
    },
  }, text);
}

/** Arrow keys, Home and End move the focus; only the focused word is a stop of the Tab key. */
function moveAmong(nodes, event) {
  const here = nodes.indexOf(document.activeElement);
  const right = getComputedStyle(nodes[0]).direction === "rtl" ? -1 : 1;
  const there = { ArrowRight: here + right, ArrowLeft: here - right, Home: 0, End: nodes.length - 1 }[event.key];
  if (here < 0 || there === undefined || !nodes[there]) return;
  event.preventDefault();
  nodes[here].tabIndex = -1;
  nodes[there].tabIndex = 0;
  nodes[there].focus();
}
