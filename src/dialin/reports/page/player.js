"use strict";
// All clips start on the same sample and run on their own loops; switching only turns gains.
// Times are seconds in a clip. Clip i repeats from span(i)[0] to span(i)[1], which is all of it or
// the part that a person dragged; input and what was made of it share such a part, for they are
// the same music, and every reference has its own.
(() => {
  const byId = id => document.getElementById(id);
  const tracks = JSON.parse(byId("tracks").textContent);
  const lanes = [...document.querySelectorAll(".lane")];
  const chips = [...document.querySelectorAll(".chip")];
  const [play, clock, level, volume] = ["play", "clock", "level", "volume"].map(byId);
  const [trouble, hint, clear] = ["trouble", "region", "clear"].map(byId);
  const hintText = hint.textContent;
  const groups = tracks.map((track, i) => track.kind === "reference" ? i : 0);
  const regions = new Map();
  const offsets = tracks.map(() => 0);
  const whole = lanes.map(lane => lane.querySelector("polygon").getAttribute("points"));
  const COLUMNS = 960, SHORTEST = 0.05, DEEPEST = 1 / 256;
  let context = null, decoding = null, buffers = [], sources = [], gains = [], master = null;
  let startedAt = 0, playing = false, dragged = null, view = { start: 0, width: 1 };
  let current = tracks.findIndex(track => track.kind === "matched" || track.kind === "nearest");
  if (current < 0) current = 0;

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const length = i => buffers[i] ? buffers[i].duration : tracks[i].seconds;
  const span = i => regions.get(groups[i]) || [0, length(i)];
  const wrap = (i, time) => {
    const [from, to] = span(i), size = to - from;
    return from + (((time - from) % size) + size) % size;
  };
  const position = i => {
    const passed = playing ? Math.max(0, context.currentTime - startedAt) : 0;
    return wrap(i, offsets[i] + passed);
  };
  const gainDb = i => level.checked ? tracks[i].match_db : tracks[i].natural_db;
  const factor = i => tracks[i].restore * Math.pow(10, gainDb(i) / 20);
  const loudness = () => Math.pow(volume.value / 100, 2);

  function bytes(index) {
    const text = atob(byId("audio-" + index).textContent.trim());
    const array = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
    return array.buffer;
  }
  function prepare() {
    decoding ||= (async () => {
      const made = new (window.AudioContext || window.webkitAudioContext)();
      buffers = await Promise.all(tracks.map((_, i) => made.decodeAudioData(bytes(i))));
      master = made.createGain();
      master.gain.value = loudness();
      master.connect(made.destination);
      gains = tracks.map((_, i) => {
        const gain = made.createGain();
        gain.gain.value = i === current ? factor(i) : 0;
        gain.connect(master);
        return gain;
      });
      context = made;
    })();
    return decoding;
  }
  function complain(error) {
    trouble.hidden = false;
    trouble.textContent = "This browser cannot play the embedded audio (" + error.message +
      "). The files lie beside this report.";
  }
  function stop() {
    sources.forEach(source => source.stop());
    sources = [];
  }
  function start() {
    const when = context.currentTime + 0.03;
    sources = buffers.map((buffer, i) => {
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.loop = true;
      [source.loopStart, source.loopEnd] = span(i);
      source.connect(gains[i]);
      source.start(when, offsets[i]);
      return source;
    });
    startedAt = when;
  }
  // Whatever moves the clips: says where each goes from where it is, and starts them there.
  function move(change) {
    const now = tracks.map((_, i) => position(i));
    change();
    now.forEach((time, i) => { offsets[i] = wrap(i, time); });
    if (playing) { stop(); start(); }
    draw();
  }
  function seekAll(target) {
    const now = tracks.map((_, i) => position(i));
    tracks.forEach((_, i) => { offsets[i] = wrap(i, target(now[i])); });
    if (playing) { stop(); start(); }
    draw();
  }
  const seek = to => seekAll(() => to);
  function blend() {
    if (!context) return;
    gains.forEach((gain, i) =>
      gain.gain.setTargetAtTime(i === current ? factor(i) : 0, context.currentTime, 0.006));
    master.gain.setTargetAtTime(loudness(), context.currentTime, 0.006);
  }
  async function toggle() {
    try {
      await prepare();
      if (playing) {
        tracks.forEach((_, i) => { offsets[i] = position(i); });
        playing = false;
        stop();
      } else {
        await context.resume();
        start();
        playing = true;
        frame();
      }
    } catch (error) { complain(error); }
    play.classList.toggle("on", playing);
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    draw();
  }
  function pick(index) {
    if (index < 0 || index >= tracks.length) return;
    current = index;
    blend();
    draw();
  }
  function setRegion(index, from, to) {
    const end = length(index);
    [from, to] = [clamp(Math.min(from, to), 0, end), clamp(Math.max(from, to), 0, end)];
    if (to - from < SHORTEST) return;
    move(() => regions.set(groups[index], [from, to]));
  }
  function clearRegions() { move(() => regions.clear()); }

  function zoom(factorOf, centre) {
    const width = clamp(view.width / factorOf, DEEPEST, 1);
    const at = view.start + centre * view.width;
    view = { width, start: clamp(at - centre * width, 0, 1 - width) };
    redraw();
  }
  function pan(by) {
    view.start = clamp(view.start + by * view.width, 0, 1 - view.width);
    redraw();
  }
  // A button zooms about the playhead, where it is seen.
  function zoomHere(factorOf) {
    const fraction = (position(current) / length(current) - view.start) / view.width;
    zoom(factorOf, fraction >= 0 && fraction <= 1 ? fraction : 0.5);
  }
  async function redraw() {
    draw();
    try { if (view.width < 1) await prepare(); } catch (error) { return complain(error); }
    lanes.forEach((lane, i) => lane.querySelector("polygon").setAttribute(
      "points", view.width < 1 ? outline(i) : whole[i]));
    draw();
  }
  const peaks = [];
  function outline(i) {
    const channels = [];
    for (let c = 0; c < buffers[i].numberOfChannels; c++) channels.push(buffers[i].getChannelData(c));
    peaks[i] ??= channels.reduce((top, data) => data.reduce((t, v) => Math.max(t, Math.abs(v)), top), 1e-6);
    const first = view.start * buffers[i].length, step = view.width * buffers[i].length / COLUMNS;
    const tops = [], bottoms = [];
    for (let column = 0; column < COLUMNS; column++) {
      const from = Math.min(Math.floor(first + column * step), buffers[i].length - 1);
      const to = Math.max(from + 1, Math.min(Math.floor(first + (column + 1) * step), buffers[i].length));
      let top = -1, bottom = 1;
      for (const data of channels) {
        for (let n = from; n < to; n++) {
          if (data[n] > top) top = data[n];
          if (data[n] < bottom) bottom = data[n];
        }
      }
      const scale = 0.95 * 48 / peaks[i];
      tops.push(column + "," + (50 - Math.max(top * scale, 0.3)).toFixed(1));
      bottoms.push(column + "," + (50 - Math.min(bottom * scale, -0.3)).toFixed(1));
    }
    return tops.concat(bottoms.reverse()).join(" ");
  }

  const percent = (i, time) => 100 * (time / length(i) - view.start) / view.width;
  function draw() {
    lanes.forEach((lane, i) => {
      const on = i === current, time = position(i), well = lane.querySelector(".well");
      lane.classList.toggle("on", on);
      lane.querySelector(".pick").setAttribute("aria-pressed", String(on));
      chips[i].setAttribute("aria-pressed", String(on));
      const head = lane.querySelector(".head"), left = percent(i, time);
      head.style.left = left + "%";
      head.hidden = left < 0 || left > 100;
      const shown = time.toFixed(1);
      if (well.getAttribute("aria-valuenow") !== shown) {
        well.setAttribute("aria-valuenow", shown);
        well.setAttribute("aria-valuetext", shown + " seconds");
      }
      const region = dragged && groups[dragged.index] === groups[i] && dragged.moved
        ? [Math.min(dragged.from, dragged.to), Math.max(dragged.from, dragged.to)]
        : regions.get(groups[i]);
      const box = lane.querySelector(".loop");
      box.hidden = !region;
      if (region) {
        box.style.left = percent(i, region[0]) + "%";
        box.style.width = 100 * (region[1] - region[0]) / length(i) / view.width + "%";
      }
      const db = gainDb(i);
      lane.querySelector(".gain").textContent =
        (db >= 0.05 ? "+" : db <= -0.05 ? "\u2212" : "\u00b1") + Math.abs(db).toFixed(1) + " dB";
    });
    const region = regions.get(groups[current]);
    clear.hidden = regions.size === 0;
    hint.textContent = region
      ? "Looping " + region[0].toFixed(2) + "\u2013" + region[1].toFixed(2) + " s" : hintText;
    clock.textContent = position(current).toFixed(1) + " / " + length(current).toFixed(1) + " s";
  }
  function frame() {
    draw();
    if (playing) requestAnimationFrame(frame);
  }

  // A button that was clicked with the mouse lets go of the focus: space then plays again.
  function click(button, action) {
    button.addEventListener("click", event => { action(); if (event.detail > 0) button.blur(); });
  }
  click(play, toggle);
  click(clear, clearRegions);
  click(byId("in"), () => zoomHere(2));
  click(byId("out"), () => zoomHere(0.5));
  click(byId("all"), () => zoom(view.width, 0));
  level.addEventListener("change", () => { blend(); draw(); });
  volume.addEventListener("input", blend);
  chips.forEach((chip, i) => click(chip, () => pick(i)));
  lanes.forEach((lane, i) => {
    click(lane.querySelector(".pick"), () => pick(i));
    const well = lane.querySelector(".well");
    const timeAt = event => {
      const box = well.getBoundingClientRect();
      const share = clamp((event.clientX - box.left) / box.width, 0, 1);
      return (view.start + share * view.width) * length(i);
    };
    well.addEventListener("pointerdown", event => {
      if (event.button !== 0) return;
      well.setPointerCapture(event.pointerId);
      dragged = { index: i, x: event.clientX, from: timeAt(event), to: timeAt(event), moved: false };
    });
    well.addEventListener("pointermove", event => {
      if (!dragged || dragged.index !== i) return;
      dragged.to = timeAt(event);
      dragged.moved ||= Math.abs(event.clientX - dragged.x) > 4;
      draw();
    });
    well.addEventListener("pointerup", event => {
      if (!dragged || dragged.index !== i) return;
      const { from, moved } = dragged, to = timeAt(event);
      dragged = null;
      pick(i);
      if (moved) {
        setRegion(i, from, to);
        return;
      }
      const region = regions.get(groups[i]);
      if (region && (to < region[0] || to >= region[1])) move(() => regions.delete(groups[i]));
      seek(Math.min(to, length(i) - 0.01));
    });
    well.addEventListener("pointercancel", () => { dragged = null; draw(); });
    // The wheel alone scrolls the page, as everywhere; a pinch arrives here as Ctrl and the wheel.
    well.addEventListener("wheel", event => {
      const box = well.getBoundingClientRect();
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        zoom(Math.exp(-event.deltaY / 200), (event.clientX - box.left) / box.width);
      } else if (view.width < 1 && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
        event.preventDefault();
        pan((event.deltaX || event.deltaY) / box.width);
      }
    }, { passive: false });
  });
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const control = event.target.closest("button, input, select, textarea, a, summary");
    const here = position(current), region = span(current);
    if (event.key === " ") {
      // What has the focus answers to space itself: a checkbox is ticked, a button pressed.
      if (control) return;
      event.preventDefault();
      toggle();
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      if (control === volume) return;
      event.preventDefault();
      const by = event.key === "ArrowLeft" ? -1 : 1;
      seekAll(time => time + by);
    } else if (event.key === "Home" && !control) { event.preventDefault(); seek(0); }
    else if (/^[1-9]$/.test(event.key)) pick(Number(event.key) - 1);
    else if (event.key.toLowerCase() === "l") level.click();
    else if (event.key === "[") setRegion(current, here, here < region[1] - SHORTEST ? region[1] : length(current));
    else if (event.key === "]") setRegion(current, region[0] < here ? region[0] : 0, here);
    else if (event.key === "Escape") clearRegions();
    else if (event.key === "+" || event.key === "=") zoomHere(2);
    else if (event.key === "-") zoomHere(0.5);
    else if (event.key === "0") zoom(view.width, 0);
  });
  window.dialinPlayer = {
    toggle, pick, seek, setRegion, clearRegions, factor, bytes,
    state: () => ({
      playing, current, view: { ...view }, region: regions.get(groups[current]) || null,
      positions: tracks.map((_, i) => position(i)), gains: gains.map(gain => gain.gain.value),
      volume: loudness(), durations: tracks.map((_, i) => length(i)),
      rate: context ? context.sampleRate : null, startedAt,
      time: context ? context.currentTime : null,
    }),
  };
  draw();
})();
