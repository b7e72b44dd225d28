/* The one colour scale of the report: time, from the start of a sample to its end. */

/* Blue to yellow through magenta: lightness grows steadily, so the order survives grey and colour blindness,
   and every step stands out from greyscale pictures. */
const TIME_STOPS = [[86, 98, 246], [154, 74, 232], [214, 66, 176], [243, 96, 108], [250, 150, 66], [250, 208, 76]];

/** Colour at a share `u` of the time, 0..1. */
function timeColour(u) {
  const place = clamp(u, 0, 1) * (TIME_STOPS.length - 1);
  const i = Math.min(Math.floor(place), TIME_STOPS.length - 2);
  const mix = TIME_STOPS[i].map((from, k) => Math.round(from + (place - i) * (TIME_STOPS[i + 1][k] - from)));
  return `rgb(${mix.join(",")})`;
}

/** The whole scale as a CSS background. */
const TIME_GRADIENT = `linear-gradient(to right, ${TIME_STOPS.map((c) => `rgb(${c.join(",")})`).join(", ")})`;
