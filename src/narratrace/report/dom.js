/* Elements from plain descriptions. Text only ever becomes a text node: nothing here parses markup. */

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element: h("a", {class: "x", href: "#/", onclick: f}, "text", node, [more], null). */
function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same in SVG. */
function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** Calls `mount` once the element comes near the window. */
function whenNear(element, mount) {
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    mount();
  }, { rootMargin: "600px" });
  watch.observe(element);
}

/** At most one call of `draw` per frame, however often the result is asked for. */
function perFrame(draw) {
  let asked = 0;
  return () => {
    if (!asked) asked = requestAnimationFrame(() => { asked = 0; draw(); });
  };
}
