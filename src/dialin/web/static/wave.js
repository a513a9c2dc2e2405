// Drawn waveforms: lanes that are played and looped, and the overview a stretch is chosen on.
import { outline } from "./analysis.js";
import { clamp, colours, fit, h, icon, minutes, onResize, onTheme, signed } from "./dom.js";

export const NAMES = { input: "Input", matched: "Match", reference: "Reference" };

function fill(context, low, high, width, height, scale, colour) {
  const step = width / low.length, middle = height / 2, reach = (height / 2 - 2) * scale;
  context.fillStyle = colour;
  context.beginPath();
  for (let i = 0; i < low.length; i++) {
    const top = Math.max(high[i] * reach, 0.5), bottom = Math.min(low[i] * reach, -0.5);
    context.rect(i * step, middle - top, Math.max(step, 0.6), top - bottom);
  }
  context.fill();
}

// The lanes of a transport: click to hear and to go there, drag to loop, Ctrl and the wheel to zoom.
export class Lanes {
  constructor(box, transport) {
    this.box = box;
    this.transport = transport;
    this.view = { start: 0, width: 1 };
    this.dragged = null;
    this.lanes = [];
    transport.on(what => {
      if (what === "load") this.build();
      if (what === "replace") this.outlines = [];
      this.draw();
      if (what === "play" && transport.playing) this.run();
    });
    onTheme(() => this.draw());
    onResize(box, () => { this.outlines = []; this.draw(); });
  }
  build() {
    this.view = { start: 0, width: 1 };
    this.outlines = [];
    this.lanes = this.transport.tracks.map((track, i) => {
      const pick = h("button", { type: "button", class: "pick", "aria-pressed": "false", title: track.name, onclick: () => this.transport.pick(i) },
        h("b", {}, h("kbd", {}, String(i + 1)), ` ${track.label || NAMES[track.kind]}`), h("small", {}, track.name), h("small", { class: "num gain" }));
      const canvas = h("canvas", { "aria-hidden": "true" });
      const well = h("div", { class: "well", tabindex: "0", role: "slider", "aria-label": `Position in ${track.label || NAMES[track.kind]}`,
        "aria-valuemin": "0", "aria-valuemax": this.transport.length(i).toFixed(2), "aria-valuenow": "0" }, canvas, h("div", { class: "loop", hidden: true }), h("div", { class: "head" }));
      this.listen(well, i);
      return { row: h("div", { class: `lane ${track.kind}` }, pick, well), pick, well, canvas, loop: well.children[1], head: well.children[2] };
    });
    this.box.replaceChildren(...this.lanes.map(lane => lane.row));
  }
  percent(i, time) { return 100 * (time / this.transport.length(i) - this.view.start) / this.view.width; }
  draw() {
    const t = this.transport;
    this.lanes.forEach((lane, i) => {
      const track = t.tracks[i], on = i === t.current;
      lane.row.classList.toggle("on", on);
      lane.pick.setAttribute("aria-pressed", String(on));
      lane.pick.querySelector(".gain").textContent =
        `${Number.isFinite(track.lufs) ? signed(track.lufs) + " LUFS" : "silent"}, ${signed(track.db)} dB`;
      const columns = Math.max(64, Math.round(lane.canvas.clientWidth));
      if (!this.outlines[i]) {
        const frames = track.buffer.length;
        this.outlines[i] = outline(track.channels, columns, this.view.start * frames, (this.view.start + this.view.width) * frames);
        const context = fit(lane.canvas);
        fill(context, this.outlines[i].low, this.outlines[i].high, lane.canvas.clientWidth, lane.canvas.clientHeight, 0.95 / Math.max(track.peak, 1e-4), colours()[track.kind]);
      }
      this.place(lane, i);
    });
  }
  place(lane, i) {
    const t = this.transport, time = t.position(i), place = this.percent(i, time);
    lane.head.style.left = `${place}%`;
    lane.head.hidden = place < 0 || place > 100;
    const shown = time.toFixed(1);
    if (lane.well.getAttribute("aria-valuenow") !== shown) {
      lane.well.setAttribute("aria-valuenow", shown);
      lane.well.setAttribute("aria-valuetext", `${shown} seconds`);
    }
    const d = this.dragged;
    const region = d && d.moved && t.tracks[d.i].group === t.tracks[i].group
      ? [Math.min(d.from, d.to), Math.max(d.from, d.to)] : t.regions.get(t.tracks[i].group);
    lane.loop.hidden = !region;
    if (region) {
      lane.loop.style.left = `${this.percent(i, region[0])}%`;
      lane.loop.style.width = `${100 * (region[1] - region[0]) / t.length(i) / this.view.width}%`;
    }
  }
  run() {
    const frame = () => {
      this.lanes.forEach((lane, i) => this.place(lane, i));
      if (this.transport.playing) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }
  zoom(factor, centre = null) {
    const t = this.transport;
    if (!t.tracks.length) return;
    const here = centre ?? clamp(this.percent(t.current, t.position()) / 100, 0, 1);
    const width = clamp(this.view.width / factor, 1 / 256, 1), at = this.view.start + here * this.view.width;
    this.view = { width, start: clamp(at - here * width, 0, 1 - width) };
    this.outlines = [];
    this.draw();
  }
  listen(well, i) {
    const t = this.transport;
    const timeAt = event => {
      const box = well.getBoundingClientRect();
      return (this.view.start + clamp((event.clientX - box.left) / box.width, 0, 1) * this.view.width) * t.length(i);
    };
    well.addEventListener("pointerdown", event => {
      if (event.button !== 0) return;
      well.setPointerCapture(event.pointerId);
      this.dragged = { i, x: event.clientX, from: timeAt(event), to: timeAt(event), moved: false };
    });
    well.addEventListener("pointermove", event => {
      const d = this.dragged;
      if (!d || d.i !== i) return;
      d.to = timeAt(event);
      d.moved ||= Math.abs(event.clientX - d.x) > 4;
      this.lanes.forEach((lane, n) => this.place(lane, n));
    });
    well.addEventListener("pointerup", event => {
      const d = this.dragged;
      if (!d || d.i !== i) return;
      this.dragged = null;
      const to = timeAt(event);
      t.pick(i);
      if (d.moved) return t.loop(i, d.from, to);
      const region = t.regions.get(t.tracks[i].group);
      if (region && (to < region[0] || to >= region[1])) t.move(() => { t.regions.delete(t.tracks[i].group); });
      t.seek(Math.min(to, t.length(i) - 0.01));
    });
    well.addEventListener("pointercancel", () => { this.dragged = null; this.draw(); });
    well.addEventListener("wheel", event => {
      const box = well.getBoundingClientRect();
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY / 200), (event.clientX - box.left) / box.width);
      } else if (this.view.width < 1 && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
        event.preventDefault();
        this.view.start = clamp(this.view.start + (event.deltaX || event.deltaY) / box.width * this.view.width, 0, 1 - this.view.width);
        this.outlines = [];
        this.draw();
      }
    }, { passive: false });
  }
}

// A whole recording, on which a stretch can be chosen.
export function overview(recording, drawn, kind, { stretch, onstretch, longest }) {
  let chosen = stretch, dragged = null;
  const canvas = h("canvas", { "aria-hidden": "true" }), part = h("div", { class: "loop", hidden: true });
  const well = h("div", { class: "well overview", tabindex: "0", role: "group", "aria-label": `Waveform of ${recording.name}: drag to use a stretch of it alone` }, canvas, part);
  const from = labelled("from"), to = labelled("to"), all = h("button", { type: "button", class: "small", onclick: () => set(null) }, "use all of it");
  const said = h("span", { class: "soft" });
  const line = h("div", { class: "stretch num" }, said, h("span", { class: "times" }, from.label, to.label, all));
  function labelled(word) {
    const input = h("input", { type: "number", min: "0", step: "0.1", "aria-label": `Stretch of ${recording.name}, ${word}, in seconds` });
    input.addEventListener("change", () => set([Number(from.input.value), Number(to.input.value)]));
    return { input, label: h("label", {}, `${word} `, input) };
  }
  function set(next) {
    if (next) {
      const [a, b] = [clamp(Math.min(...next), 0, recording.seconds), clamp(Math.max(...next), 0, recording.seconds)];
      chosen = b - a < 0.5 ? chosen : [a, Math.min(b, a + longest)];
    } else chosen = null;
    show();
    onstretch(chosen);
  }
  function show() {
    const region = dragged ? [Math.min(...dragged), Math.max(...dragged)] : chosen;
    part.hidden = !region;
    line.classList.toggle("on", Boolean(chosen));
    said.textContent = chosen ? "This stretch alone is matched:" : "All of it. Drag on the waveform to use a stretch alone.";
    if (region) {
      part.style.left = `${100 * region[0] / recording.seconds}%`;
      part.style.width = `${100 * (region[1] - region[0]) / recording.seconds}%`;
    }
    if (chosen) { from.input.value = chosen[0].toFixed(1); to.input.value = chosen[1].toFixed(1); }
  }
  function draw() {
    const context = fit(canvas);
    const top = Math.max(1, ...drawn.high.map(Math.abs), ...drawn.low.map(Math.abs));
    fill(context, drawn.low, drawn.high, canvas.clientWidth, canvas.clientHeight, 0.95 / top, colours()[kind]);
  }
  const timeAt = event => {
    const box = well.getBoundingClientRect();
    return clamp((event.clientX - box.left) / box.width, 0, 1) * recording.seconds;
  };
  well.addEventListener("pointerdown", event => {
    if (event.button !== 0) return;
    well.setPointerCapture(event.pointerId);
    dragged = [timeAt(event), timeAt(event)];
  });
  well.addEventListener("pointermove", event => { if (dragged) { dragged[1] = timeAt(event); show(); } });
  well.addEventListener("pointerup", () => { const made = dragged; dragged = null; if (made && Math.abs(made[1] - made[0]) > 0.3) set(made); else show(); });
  well.addEventListener("pointercancel", () => { dragged = null; show(); });
  onResize(canvas, draw);
  onTheme(draw);
  show();
  return h("div", { class: "seen" }, well, line);
}

export const described = recording =>
  `${minutes(recording.seconds)} · ${(recording.sample_rate / 1000).toFixed(1).replace(".0", "")} kHz · ${recording.channels === 1 ? "mono" : recording.channels === 2 ? "stereo" : `${recording.channels} channels`}`;
export { icon };
