/* Addresses to pages: #/ is the run, #/v/ID a recording, #/v/ID/KIND/INDEX one of its samples. */

const summary = readData("summary");
let shown = null;   // {id, page} of the recording on show

function route() {
  if (location.hash && !location.hash.startsWith("#/")) return;
  const [, id, kind, index] = location.hash.slice(2).split("/");
  const chosen = KINDS.includes(kind) ? { kind, index: Number(index) } : null;
  if (id && shown && shown.id === id) {
    if (chosen) shown.page.open(chosen);
    return;
  }
  const data = id ? readData(`video-${id}`) : null;
  const page = data ? videoPage(data, summary, chosen) : null;
  shown = page && { id, page };
  if (id && !page) show(missingPage(id, summary), id);
  else show(page ? page.node : summaryPage(summary), data ? data.title || data.id : null);
}

function show(node, title) {
  const main = document.getElementById("main");
  main.replaceChildren(node);
  document.title = [title, summary.name, "narratrace"].filter(Boolean).join(" · ");
  document.getElementById("where").replaceChildren(
    title ? h("a", { href: "#/" }, summary.name) : "", title ? h("span", {}, " / ", h("bdi", {}, title)) : "");
  window.scrollTo(0, 0);
}

document.getElementById("theme").addEventListener("click", () => {
  const { dataset } = document.documentElement;
  const dark = dataset.theme ? dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  dataset.theme = dark ? "light" : "dark";
});
window.addEventListener("hashchange", route);
route();
