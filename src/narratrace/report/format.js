/* Numbers and times as people read them. */

const GROUPED = new Intl.NumberFormat("en");

function count(n) {
  return GROUPED.format(n);
}

function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** An instant of a recording: 1:02:03.4, 2:03.4. */
function clock(t, digits = 1) {
  const unit = 10 ** digits;
  const whole = Math.max(0, Math.round(t * unit));
  const minutes = Math.floor(whole / unit / 60);
  const rest = ((whole - minutes * 60 * unit) / unit).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function interval(start, end) {
  return `${clock(start)} – ${clock(end)}`;
}

/** A length of time in the unit that suits it: 4,526 h, 12 min, 8.3 s. */
function lasting(seconds) {
  if (seconds >= 36000) return `${count(Math.round(seconds / 3600))} h`;
  if (seconds >= 3600) return `${(seconds / 3600).toFixed(1)} h`;
  if (seconds >= 600) return `${Math.round(seconds / 60)} min`;
  if (seconds >= 60) return `${Math.floor(seconds / 60)} min${seconds % 60 >= 1 ? ` ${Math.floor(seconds % 60)} s` : ""}`;
  if (seconds >= 10) return `${Math.round(seconds)} s`;
  return seconds >= 0.995 || seconds === 0 ? `${seconds.toFixed(1)} s` : `${Math.round(1000 * seconds)} ms`;
}

/** Seconds from the first picture of an analysis' video to the end of its last. */
function lengthOf(video) {
  return video.duration - video.start_pts_s;
}

/** How much faster than the recording plays: 12.3 × real time. */
function timesRealTime(seconds, work) {
  return `${times(seconds / work)} real time`;
}

/** A factor of speed; beyond ten thousand the clock measures nothing. */
function times(factor) {
  if (factor >= 10000) return "> 10,000 ×";
  return `${factor >= 100 ? count(Math.round(factor)) : factor.toFixed(1)} ×`;
}

function percent(share) {
  return `${share >= 0.0995 || share === 0 ? Math.round(100 * share) : (100 * share).toFixed(1)} %`;
}

/** Names of fields and stations as words: analyse_s, min_speech_share. */
function words(name) {
  return name.replace(/_s$/, "").replaceAll("_", " ");
}

/** Any JSON value on one line. */
function plain(value) {
  if (value === null || value === "") return "–";
  if (typeof value === "number") return Number.isInteger(value) ? count(value) : String(+value.toPrecision(5));
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return value.join(", ") || "–";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
