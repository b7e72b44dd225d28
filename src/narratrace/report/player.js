/* Time going by: a play button and a slider whose track is the colour scale of the trace. */

/** The player of a sample. A clip's own time leads; a still picture is played by the clock on the wall. */
function player(sample, moment, media) {
  const source = sample.kind === "clips" ? clipSource(sample, moment, media) : stillSource(moment);
  const button = h("button", { class: "play", type: "button", onclick: () => source.toggle() });
  const slider = h("input", {
    type: "range", class: "scrub", min: moment.start, max: moment.end, step: "0.01", "aria-label": "Time in the sample",
    style: { "--scale": TIME_GRADIENT },
    oninput: () => { source.pause(); go(Number(slider.value)); },
  });
  const time = h("output", { class: "time" });
  const go = (t) => { source.go(t); moment.seek(t, around(sample, t)); };
  source.onchange = () => {
    button.textContent = source.playing() ? "❚❚" : "▶";
    button.setAttribute("aria-label", source.playing() ? "Pause" : "Play the pointer in real time");
  };
  source.onchange();
  moment.follow(({ t }) => {
    slider.value = t;
    slider.setAttribute("aria-valuetext", clock(t));
    time.textContent = `${clock(t)} / ${clock(moment.end)}`;
  });
  return { bar: h("div", { class: "player" }, button, slider, time), go: (t) => { source.pause(); go(t); } };
}

/** What is singled out while the player stands at `t`: the word, or the last instant. */
function around(sample, t) {
  const word = wordAt(sample, t);
  return word ? [word[0], word[1]] : [t - 0.3, t];
}

function stillSource(moment) {
  let frame = 0;
  const source = {
    onchange: () => {},
    playing: () => frame !== 0,
    pause() { cancelAnimationFrame(frame); frame = 0; source.onchange(); },
    go: () => {},
    toggle() { if (frame) source.pause(); else source.play(); },
    play() {
      let t = moment.t >= moment.end - 0.05 ? moment.start : moment.t;
      let last = performance.now();
      const tick = (now) => {
        t += (now - last) / 1000;
        last = now;
        moment.seek(t, [t - 0.8, t]);
        if (t >= moment.end) { source.pause(); moment.rest(); } else frame = requestAnimationFrame(tick);
      };
      frame = requestAnimationFrame(tick);
      source.onchange();
    },
  };
  return source;
}

function clipSource(sample, moment, video) {
  const source = {
    onchange: () => {},
    playing: () => !video.paused,
    pause: () => video.pause(),
    go: (t) => { video.currentTime = Math.max(0, t - sample.clip.offset); },
    toggle: () => { if (video.paused) video.play(); else video.pause(); },
  };
  const show = () => {
    const t = video.currentTime + sample.clip.offset;
    moment.seek(t, [t - 0.8, t]);
    if (!video.paused) requestAnimationFrame(show);
  };
  video.addEventListener("play", () => { show(); source.onchange(); });
  video.addEventListener("pause", () => { moment.rest(); source.onchange(); });
  video.addEventListener("click", source.toggle);
  return source;
}
