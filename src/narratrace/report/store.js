/* The data blocks of the file: read when first needed. */

const clipUrls = new Map();

/** The JSON of a block, null when there is none. */
function readData(id) {
  const block = document.getElementById(id);
  return block ? JSON.parse(block.textContent) : null;
}

function base64Of(name) {
  return document.getElementById(`media-${name}`).textContent;
}

/** Address of a picture. */
function pictureUrl(name) {
  return `data:image/jpeg;base64,${base64Of(name)}`;
}

/** Address of a clip: a blob, so that the browser can seek in it. */
function clipUrl(name) {
  if (!clipUrls.has(name)) {
    const bytes = Uint8Array.from(atob(base64Of(name)), (c) => c.charCodeAt(0));
    clipUrls.set(name, URL.createObjectURL(new Blob([bytes], { type: "video/mp4" })));
  }
  return clipUrls.get(name);
}
